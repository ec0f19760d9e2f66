//! The client of a request, as an extractor.

use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};

use super::Web;
use crate::server::Peer;

/// The client of a request: its address, and the headers by which it is recognised.
pub struct Client {
    /// The other end of the connection: the client or a proxy.
    pub peer: IpAddr,
    /// The client's address, as trusted proxies name it.
    pub address: IpAddr,
    /// The headers of the request.
    pub headers: HeaderMap,
}

impl FromRequestParts<Web> for Client {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let peer = peer.ok_or((StatusCode::INTERNAL_SERVER_ERROR, "unknown peer"))?;
        let headers = parts.headers.clone();
        Ok(Self { peer, address: web.site.proxies.client(peer, &headers), headers })
    }
}

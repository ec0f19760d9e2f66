//! The peer of the connection, as an extractor.

use std::net::IpAddr;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::server;

/// The address of the connection's other end: a client or a proxy.
pub struct PeerIp(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for PeerIp {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<server::Peer>();
        peer.map(|peer| Self(peer.0.ip())).ok_or((StatusCode::INTERNAL_SERVER_ERROR, "unknown peer"))
    }
}

//! `GET /ws`: checks whether the client may open a WebSocket, and does the handshake (RFC 6455, section 4.2).

use std::net::{IpAddr, Ipv4Addr};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use tower_sessions::Session;

use super::{
    Sockets,
    connection::{AuthenticatedClient, Connection},
};
use crate::{
    address::limit_key,
    protocol::SUBPROTOCOL,
    server::Peer,
    session::{NotSignedIn, SignedIn},
    telemetry::instruments,
    websocket::accept_key,
};

/// Opens a WebSocket, or refuses it. The checks are in the order of the protocol.
pub(super) async fn open(
    State(sockets): State<Sockets>,
    Extension(session): Extension<Session>,
    mut request: Request,
) -> Response {
    let context = &sockets.0;
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let Some(accept) = handshake(headers) else { return upgrade_required() };
    if !context.site.allows_socket(headers, peer) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let address = limit_key(context.site.proxies.client(peer, headers));
    let client = match authenticate(&sockets, &session, address).await {
        Ok(client) => client,
        Err(not_signed_in) => return not_signed_in.into_response(),
    };
    if context.draining.is_cancelled() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    if context.queue_memory.is_exceeded() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "overloaded");
    }
    let Some(permit) = context.connection_limit.acquire(address) else {
        return refused(StatusCode::TOO_MANY_REQUESTS, "too_many_connections");
    };
    if context.is_full() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "full");
    }
    let offered = offers_subprotocol(headers);
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else { return upgrade_required() };
    let connection = Box::new(Connection::new(&sockets, client));
    context.connections.spawn(async move {
        connection.run(upgrade).await;
        drop(permit);
    });
    switching(accept, offered)
}

/// Looks up the client's session. The receiver of endings is created first, so that no end is missed.
async fn authenticate(
    sockets: &Sockets,
    session: &Session,
    address: IpAddr,
) -> Result<AuthenticatedClient, NotSignedIn> {
    let endings = sockets.0.room.endings();
    let SignedIn { person, id } = SignedIn::of(session).await?;
    Ok(AuthenticatedClient { person, id, address, endings })
}

/// Returns the `Sec-WebSocket-Accept` of an upgrade to version 13, or `None` if the request is no such upgrade.
fn handshake(headers: &HeaderMap) -> Option<String> {
    let is_upgrade =
        has_token(headers, CONNECTION.as_str(), "upgrade") && has_token(headers, UPGRADE.as_str(), "websocket");
    let version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let accept = accept_key(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes());
    accept.filter(|_| is_upgrade && version)
}

fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|offer| offer.trim() == SUBPROTOCOL)
}

fn switching(accept: String, subprotocol: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

fn upgrade_required() -> Response {
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13")];
    (StatusCode::UPGRADE_REQUIRED, headers).into_response()
}

fn refused(status: StatusCode, reason: &'static str) -> Response {
    instruments().refused(reason);
    (status, [(RETRY_AFTER, "2")]).into_response()
}

//! `GET /ws`: who may open a WebSocket, and the handshake (RFC 6455, section 4.2).

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

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
    connection_limit::ConnectionRefusal,
    recent_sessions::KnownSession,
};
use crate::{
    address::limit_key,
    protocol::SUBPROTOCOL,
    server::Peer,
    session::{NotSignedIn, SignedIn},
    telemetry::instruments,
    websocket::accept_key,
};

/// Opens a WebSocket, if everything is in order; the checks come in the order of the protocol.
pub(super) async fn open(
    State(sockets): State<Sockets>,
    Extension(session): Extension<Session>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let Some(accept) = handshake(headers) else { return upgrade_required() };
    if !sockets.0.site.allows_socket(headers, peer) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let address = limit_key(sockets.0.site.proxies.client(peer, headers));
    let authenticate = match authenticate(&sockets, &session, address).await {
        Ok(authenticate) => authenticate,
        Err(not) => return not.into_response(),
    };
    if sockets.0.draining.is_cancelled() {
        return come_back(StatusCode::SERVICE_UNAVAILABLE, "draining");
    }
    if sockets.0.queue_memory.is_exceeded() {
        return come_back(StatusCode::SERVICE_UNAVAILABLE, "overloaded");
    }
    let place = match sockets.0.connection_limit.take(address) {
        Ok(place) => place,
        Err(ConnectionRefusal::Full) => return come_back(StatusCode::SERVICE_UNAVAILABLE, "full"),
        Err(ConnectionRefusal::TooMany) => return come_back(StatusCode::TOO_MANY_REQUESTS, "too_many_connections"),
    };
    let offered = offers_subprotocol(headers);
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else { return upgrade_required() };
    let connection = Box::new(Connection::new(&sockets, authenticate));
    sockets.0.connections.spawn(async move {
        connection.run(upgrade).await;
        drop(place);
    });
    switching(accept, offered)
}

/// Whose socket it is to be. What ends is listened for before it is looked up: so nothing falls between.
async fn authenticate(
    sockets: &Sockets,
    session: &Session,
    address: IpAddr,
) -> Result<AuthenticatedClient, NotSignedIn> {
    let endings = sockets.0.room.endings();
    let known = session.id().filter(|_| sockets.0.room.is_synced());
    if let Some(id) = known
        && let Some(known) = sockets.0.recent_sessions.find(&id, Instant::now())
    {
        return Ok(AuthenticatedClient { known, id, has_joined: true, address, endings });
    }
    let SignedIn { person, id, has_joined } = SignedIn::of(session).await?;
    let touch = Instant::now() + sockets.0.sessions.touch_every();
    Ok(AuthenticatedClient { known: KnownSession { person, touch }, id, has_joined, address, endings })
}

/// What proves to the client that it was understood, if this is an upgrade to the one version there is.
fn handshake(headers: &HeaderMap) -> Option<String> {
    let asks = has_token(headers, CONNECTION.as_str(), "upgrade") && has_token(headers, UPGRADE.as_str(), "websocket");
    let version = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let accept = accept_key(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes());
    accept.filter(|_| asks && version)
}

fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|reservation| reservation.trim().eq_ignore_ascii_case(token))
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

fn come_back(status: StatusCode, reason: &'static str) -> Response {
    instruments().refused(reason);
    (status, [(RETRY_AFTER, "2")]).into_response()
}

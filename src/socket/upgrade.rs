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
    connection_limit::{ConnectionPermit, ConnectionRefusal},
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

/// Opens a WebSocket, if everything is in order; the checks come in the order of the protocol. A request that is no
/// upgrade is refused as an upgrade would be: a page cannot read the status of a refused socket, but of this.
pub(super) async fn open(
    State(sockets): State<Sockets>,
    Extension(session): Extension<Session>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let address = limit_key(sockets.0.site.proxies.client(peer, headers));
    let Some(accept) = handshake(headers) else {
        return admit(&sockets, address).map_or_else(Refusal::answer, |_| upgrade_required());
    };
    if !sockets.0.site.allows_socket(headers, peer) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let authenticate = match authenticate(&sockets, &session, address).await {
        Ok(authenticate) => authenticate,
        Err(not) => return not.into_response(),
    };
    let place = match admit(&sockets, address) {
        Ok(place) => place,
        Err(refusal) => {
            instruments().refused(refusal.reason);
            return refusal.answer();
        }
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

/// Why there is no place for a socket at the moment.
struct Refusal {
    status: StatusCode,
    /// For the metric.
    reason: &'static str,
}

impl Refusal {
    fn answer(self) -> Response {
        (self.status, [(RETRY_AFTER, "2")]).into_response()
    }
}

/// Acquires a place for a socket of this address.
fn admit(sockets: &Sockets, address: IpAddr) -> Result<ConnectionPermit, Refusal> {
    let unavailable = |reason| Refusal { status: StatusCode::SERVICE_UNAVAILABLE, reason };
    if sockets.0.draining.is_cancelled() {
        return Err(unavailable("draining"));
    }
    if sockets.0.queue_memory.is_exceeded() {
        return Err(unavailable("overloaded"));
    }
    sockets.0.connection_limit.take(address).map_err(|refusal| match refusal {
        ConnectionRefusal::Full => unavailable("full"),
        ConnectionRefusal::TooMany => Refusal { status: StatusCode::TOO_MANY_REQUESTS, reason: "too_many_connections" },
    })
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

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
    SocketContext, Sockets,
    client_address::ClientAddress,
    connection::{AuthenticatedClient, Connection},
    connection_limit::ConnectionPermit,
};
use crate::{
    protocol::SUBPROTOCOL,
    server::Peer,
    session::{Bot, ModeratorPass, NotSignedIn, SignedIn, TokensModerate},
    telemetry::instruments,
    websocket::accept_key,
};

/// Opens a WebSocket, or refuses it. The checks are in the order of the protocol. A request that is no upgrade is refused as
/// an upgrade would be: a page cannot read the status of a refused socket, but of this.
pub(super) async fn open(
    State(sockets): State<Sockets>,
    Extension(session): Extension<Session>,
    mut request: Request,
) -> Response {
    let context = &sockets.0;
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let client = context.site.proxies.client(peer, headers);
    let address = ClientAddress::new(client, context.site.proxies.trusts(client));
    let Some(accept) = handshake(headers) else {
        return admit(context, address).map_or_else(Refusal::into_response, |_| upgrade_required());
    };
    if !context.site.allows_socket(headers, peer) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let client = match authenticate(&sockets, request.extensions().get::<Bot>().cloned(), &session, address).await {
        Ok(client) => {
            let by_cookie = request.extensions().get::<ModeratorPass>().cloned();
            let by_token = client.pass.filter(|_| request.extensions().get::<TokensModerate>().is_some());
            AuthenticatedClient { pass: by_cookie.or(by_token), ..client }
        }
        Err(not_signed_in) => return not_signed_in.into_response(),
    };
    let permit = match admit(context, address) {
        Ok(permit) => permit,
        Err(refusal) => {
            instruments().refused(refusal.reason);
            return refusal.into_response();
        }
    };
    let offered = offers_subprotocol(headers);
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else { return upgrade_required() };
    let connection = Box::new(Connection::new(&sockets, client));
    context.connections.spawn(async move {
        connection.run(upgrade).await;
        drop(permit);
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
    fn into_response(self) -> Response {
        (self.status, [(RETRY_AFTER, "2")]).into_response()
    }
}

/// Acquires a place for a socket of this address.
fn admit(context: &SocketContext, address: ClientAddress) -> Result<ConnectionPermit, Refusal> {
    let unavailable = |reason| Refusal { status: StatusCode::SERVICE_UNAVAILABLE, reason };
    if context.draining.is_cancelled() {
        return Err(unavailable("draining"));
    }
    if context.queue_memory.is_exceeded() {
        return Err(unavailable("overloaded"));
    }
    let too_many = || Refusal { status: StatusCode::TOO_MANY_REQUESTS, reason: "too_many_connections" };
    let permit = context.connection_limit.acquire(address).ok_or_else(too_many)?;
    if context.is_full() { Err(unavailable("full")) } else { Ok(permit) }
}

/// Looks up the program, or the client's session. The receiver of endings is created first, so that no end is missed.
async fn authenticate(
    sockets: &Sockets,
    bot: Option<Bot>,
    session: &Session,
    address: ClientAddress,
) -> Result<AuthenticatedClient, NotSignedIn> {
    let SocketContext { room, sessions, .. } = &*sockets.0;
    let endings = room.endings();
    if let Some(Bot { person, .. }) = bot {
        return Ok(AuthenticatedClient {
            person,
            id: None,
            has_joined: true,
            since_ms: 0,
            address,
            pass: None,
            endings,
        });
    }
    let SignedIn { person, id, has_joined, since_ms, moderates } = SignedIn::of(session).await?;
    if sessions.bots().reserves(&person.name_key) {
        // The name was given to a program after this session began.
        let _ = room.end(&person.session, &person.name_key).await;
        let _ = sessions.delete(&id).await;
        return Err(NotSignedIn::Nobody);
    }
    let pass = moderates.then(ModeratorPass::of_session);
    Ok(AuthenticatedClient { person, id: Some(id), has_joined, since_ms, address, pass, endings })
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

//! Hostile clients of a soak: each repeats one attack at a bounded rate.

mod requests;
mod sockets;

use std::time::Duration;

use reqwest::Method;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{requests::RequestAttack, sockets::SocketAttack};
use crate::kit::HttpClient;

/// Limit of one attempt.
const ATTEMPT: Duration = Duration::from_secs(20);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(300);

/// An attack by a hostile client.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// On a WebSocket, with a session.
    Socket(SocketAttack),
    /// By HTTP requests with a session.
    Requests(RequestAttack),
    /// Sends the head of a request byte by byte, without end.
    EndlessHead,
    /// Connects and resets.
    Resets,
    /// Signs in and out, with names of any shape.
    Names,
    /// Guesses the operator's token and cookie.
    Guesses,
}

const ALL: [Attack; 20] = [
    Attack::Socket(SocketAttack::UnreadPings),
    Attack::Socket(SocketAttack::Noise),
    Attack::Socket(SocketAttack::UnreadJoins),
    Attack::Socket(SocketAttack::EndlessParts),
    Attack::Socket(SocketAttack::SlowBytes),
    Attack::Socket(SocketAttack::Mistakes),
    Attack::Requests(RequestAttack::Pages),
    Attack::EndlessHead,
    Attack::Names,
    Attack::Resets,
    Attack::Socket(SocketAttack::PingFlood),
    Attack::Socket(SocketAttack::WebSocketPingFlood),
    Attack::Socket(SocketAttack::PingFloodBeforeJoin),
    Attack::Socket(SocketAttack::JoinFlood),
    Attack::Socket(SocketAttack::TypingFlood),
    Attack::Socket(SocketAttack::EmptyContinuations),
    Attack::Socket(SocketAttack::BigTexts),
    Attack::Requests(RequestAttack::CompressedHistory),
    Attack::Requests(RequestAttack::SlowReads),
    Attack::Guesses,
];

/// Starts this many hostile clients of one instance. They end when the set is dropped.
pub fn start(base: &str, count: usize) -> JoinSet<()> {
    let mut all = JoinSet::new();
    for i in 0..count {
        let base = base.to_owned();
        all.spawn(async move {
            for round in 0_u64.. {
                // Errors are expected: the next attempt follows in any case.
                let _ = timeout(ATTEMPT, attempt(ALL[i % ALL.len()], &base, i, round)).await;
                sleep(PAUSE).await;
            }
        });
    }
    all
}

async fn attempt(attack: Attack, base: &str, i: usize, round: u64) -> std::io::Result<()> {
    let http_client = HttpClient::new(base);
    match attack {
        Attack::EndlessHead => return requests::send_endless_head(base).await,
        Attack::Resets => return requests::connect_and_reset(base).await,
        Attack::Guesses => requests::guess(&http_client, round).await,
        Attack::Names => {
            let _ = sign_in(&http_client, &shape(i, round)).await;
        }
        Attack::Socket(attack) if sign_in(&http_client, &format!("jahat {i}")).await => {
            sockets::run(attack, &http_client).await?;
        }
        Attack::Requests(attack) if sign_in(&http_client, &format!("jahat {i}")).await => {
            requests::run(attack, &http_client).await?;
        }
        Attack::Socket(_) | Attack::Requests(_) => {}
    }
    let _ = http_client.request(Method::POST, "/logout").send().await;
    Ok(())
}

async fn sign_in(http_client: &HttpClient, name: &str) -> bool {
    let response = http_client.request(Method::POST, "/").form(&[("username", name)]).send().await;
    response.is_ok_and(|response| response.status().as_u16() == 303)
}

/// Returns a name, valid or not.
fn shape(i: usize, round: u64) -> String {
    match round % 5 {
        0 => format!("jahat {i} {round}"),
        1 => "x".repeat(30_000),
        2 => "\u{202e}jahat".to_owned(),
        3 => "a\u{301}\u{302}\u{303}\u{304}\u{305}".to_owned(),
        _ => "<script>".to_owned(),
    }
}

//! The order in which requests are handled when very many arrive at once: some hundred at a time, the others wait.
//!
//! A request that waits holds little memory, and none of the deadlines of handling it runs. Without this, all of them would be
//! handled at the same time, each slowly, until all deadlines pass.

use std::{pin::pin, time::Duration};

use axum::{
    body::HttpBody,
    extract::Request,
    http::{StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::telemetry::instruments;

/// Requests that are handled at a time: enough to fill the connections to Redis.
const AT_ONCE: usize = 256;
/// How long a request with a body keeps its turn: the client decides how fast that comes. After that it goes on without. Handling
/// of others is bounded by deadlines of its own.
const TURN: Duration = Duration::from_secs(1);
/// How long a request waits for its turn.
const WAIT: Duration = Duration::from_secs(30);

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Handles a request when it is its turn. Probes and static files do not wait.
pub async fn wait(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/readyz") || path.starts_with("/static/") {
        return next.run(request).await;
    }
    let turn = if request.body().is_end_stream() { Duration::MAX } else { TURN };
    in_turn(&TURNS, turn, next.run(request)).await.unwrap_or_else(|Overdue| {
        instruments().refused("overloaded");
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "2")]).into_response()
    })
}

/// There was no turn within [`WAIT`].
#[derive(Debug, PartialEq, Eq)]
struct Overdue;

/// Waits for a turn, and handles with it, for `limit` at most.
async fn in_turn<T>(turns: &Semaphore, limit: Duration, handling: impl Future<Output = T>) -> Result<T, Overdue> {
    let turn = timeout(WAIT, turns.acquire()).await.map_err(|_| Overdue)?;
    let mut handling = pin!(handling);
    if let Ok(response) = timeout(limit, handling.as_mut()).await {
        return Ok(response);
    }
    drop(turn);
    Ok(handling.await)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::{
        sync::oneshot,
        time::{Instant, sleep},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_beyond_the_turns_wait_in_order() {
        let turns = Semaphore::new(1);
        let (end, ended) = oneshot::channel();
        let begun = parking_lot::Mutex::new(vec![]);
        let handle = |n: u32, handling: oneshot::Receiver<()>| {
            let begun = &begun;
            in_turn(&turns, TURN, async move {
                begun.lock().push(n);
                let _ = handling.await;
            })
        };
        let (quick, quickly) = oneshot::channel();
        quick.send(()).unwrap();
        let watch = async {
            sleep(TURN / 2).await;
            assert_eq!(*begun.lock(), [1]);
            end.send(()).unwrap();
        };
        let (first, second, ()) = tokio::join!(handle(1, ended), handle(2, quickly), watch);
        assert_eq!((first, second), (Ok(()), Ok(())));
        assert_eq!(*begun.lock(), [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_request_gives_its_turn_to_the_next() {
        let (turns, began) = (Semaphore::new(1), Instant::now());
        let slow = in_turn(&turns, TURN, pending::<()>());
        let next = async {
            tokio::task::yield_now().await;
            in_turn(&turns, TURN, async {}).await
        };
        tokio::select! {
            biased;
            _ = slow => unreachable!(),
            next = next => assert_eq!(next, Ok(())),
        }
        assert_eq!(began.elapsed(), TURN);
    }

    #[tokio::test(start_paused = true)]
    async fn request_without_a_turn_is_refused_at_last() {
        let (turns, began) = (Semaphore::new(0), Instant::now());
        assert_eq!(in_turn(&turns, TURN, async {}).await, Err(Overdue));
        assert_eq!(began.elapsed(), WAIT);
    }
}

use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::{protocol::Bye, room::recipient::Farewell};

/// Records the calls it gets.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn record(&self, call: String) {
        self.0.lock().push(call);
    }

    fn calls(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

impl Recipient for Recorder {
    fn send(&self, frames: Bytes) {
        self.record(String::from_utf8_lossy(&frames).into());
    }

    fn welcome(&self, frame: Bytes) {
        self.record(format!("welcome {}", String::from_utf8_lossy(&frame)));
    }

    fn close(&self, farewell: Farewell) {
        self.record(format!("{:?}", farewell.reason));
    }

    fn recheck(&self, _spread: Duration) {
        self.record("recheck".into());
    }
}

fn broadcast(frames: &'static str) -> ShardCommand {
    ShardCommand::Broadcast(Bytes::from_static(frames.as_bytes()), Span::none())
}

#[tokio::test]
async fn commands_keep_order_and_broadcasts_in_a_row_are_joined() {
    let (one, two) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
    let mut connections = Connections::new(Instant::now());
    let farewell = Farewell { reason: Bye::Restart, retry_after_ms: None };
    let commands = vec![
        ShardCommand::Enter(1, one.clone()),
        broadcast("a"),
        broadcast("b"),
        ShardCommand::Enter(2, two.clone()),
        ShardCommand::Welcome(2, Bytes::from_static(b"w")),
        broadcast("c"),
        ShardCommand::Send(1, Bytes::from_static(b"only")),
        ShardCommand::Recheck(Duration::ZERO),
        ShardCommand::Leave(2),
        broadcast("d"),
        ShardCommand::Close(1, farewell),
        broadcast("e"),
    ];
    connections.carry_out(commands, Instant::now()).await;
    assert_eq!(one.calls(), ["ab", "c", "only", "recheck", "d", "Restart"]);
    assert_eq!(two.calls(), ["welcome w", "c", "recheck"]);
    assert_eq!(connections.visible(), 0);
}

#[tokio::test]
async fn commands_for_one_client_let_other_tasks_run() {
    let mut connections = Connections::new(Instant::now());
    connections.carry_out(vec![ShardCommand::Enter(1, Arc::new(Recorder::default()))], Instant::now()).await;
    let turns = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&turns);
    let counting = tokio::spawn(async move {
        loop {
            *counter.lock() += 1;
            yield_now().await;
        }
    });
    let sends = (0..10 * WRITES_AT_ONCE).map(|_| ShardCommand::Send(1, Bytes::from_static(b"one")));
    connections.carry_out(sends.collect(), Instant::now()).await;
    counting.abort();
    assert_eq!(*turns.lock(), 10);
}

/// Carries out these commands for client 1, which is hidden, and returns the frames it was sent.
async fn hidden_client_gets(commands: Vec<(u64, ShardCommand)>) -> Vec<String> {
    let (client, start) = (Arc::new(Recorder::default()), Instant::now());
    let mut connections = Connections::new(start);
    let hide = vec![ShardCommand::Enter(1, client.clone()), ShardCommand::Attend(1, Attention::Hidden)];
    connections.carry_out(hide, start).await;
    for (ms, command) in commands {
        connections.carry_out(vec![command], start + Duration::from_millis(ms)).await;
    }
    client.calls()
}

#[tokio::test]
async fn frames_for_a_hidden_client_leave_in_one_write() {
    let calls =
        hidden_client_gets((1..=5).map(|n| (n, broadcast("a"))).chain([(1000, broadcast("b"))]).collect()).await;
    assert_eq!(calls, ["aaaaab"]);
}

#[tokio::test]
async fn frame_for_a_hidden_client_alone_follows_the_gathered_ones() {
    let pong = ShardCommand::Send(1, Bytes::from_static(b"pong"));
    assert_eq!(hidden_client_gets(vec![(1, broadcast("a")), (2, pong), (3, broadcast("b"))]).await, ["a", "pong"]);
    let farewell = Farewell { reason: Bye::Restart, retry_after_ms: None };
    let close = ShardCommand::Close(1, farewell);
    assert_eq!(hidden_client_gets(vec![(1, broadcast("a")), (2, close)]).await, ["a", "Restart"]);
}

#[tokio::test]
async fn client_that_is_seen_again_gets_frames_at_once() {
    let show = ShardCommand::Attend(1, Attention::Visible);
    let calls =
        hidden_client_gets(vec![(1, broadcast("a")), (2, show), (3, broadcast("b")), (5000, broadcast("c"))]).await;
    assert_eq!(calls, ["a", "b", "c"]);
}

#[tokio::test]
async fn hidden_client_that_speaks_gets_frames_at_once_for_a_second() {
    let speak = ShardCommand::Attend(1, Attention::Spoke);
    let later = [(3, broadcast("b")), (4, broadcast("c")), (1100, broadcast("d")), (1101, broadcast("e"))];
    let calls = hidden_client_gets([(1, broadcast("a")), (2, speak)].into_iter().chain(later).collect()).await;
    assert_eq!(calls, ["a", "b", "c"]);
}

use std::sync::{Mutex, PoisonError};

use super::*;
use crate::{protocol::Bye, room::recipient::Farewell};

/// Remembers what it was sent.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Ear {
    fn note(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Recipient for Ear {
    fn send(&self, frames: Bytes) {
        self.note(String::from_utf8_lossy(&frames).into());
    }

    fn welcome(&self, frame: Bytes) {
        self.note(format!("welcome {}", String::from_utf8_lossy(&frame)));
    }

    fn close(&self, farewell: Farewell) {
        self.note(format!("{:?}", farewell.reason));
    }

    fn recheck(&self) {
        self.note("recheck".into());
    }
}

fn tell(frames: &'static str) -> ShardCommand {
    ShardCommand::Broadcast(Bytes::from_static(frames.as_bytes()), Span::none())
}

#[tokio::test]
async fn orders_are_carried_out_in_order_and_frames_in_a_row_leave_in_one_write() {
    let (one, two) = (Arc::new(Ear::default()), Arc::new(Ear::default()));
    let mut members = Connections::default();
    let farewell = Farewell { reason: Bye::Restart, retry_after_ms: None };
    let commands = vec![
        ShardCommand::Enter(1, one.clone()),
        tell("a"),
        tell("b"),
        ShardCommand::Enter(2, two.clone()),
        ShardCommand::Welcome(2, Bytes::from_static(b"w")),
        tell("c"),
        ShardCommand::Send(1, Bytes::from_static(b"only")),
        ShardCommand::Recheck,
        ShardCommand::Leave(2),
        tell("d"),
        ShardCommand::Close(1, farewell),
        tell("e"),
    ];
    assert_eq!(members.carry_out(commands).await, "abcde".len());
    assert_eq!(one.heard(), ["ab", "c", "only", "recheck", "d", "Restart"]);
    assert_eq!(two.heard(), ["welcome w", "c", "recheck"]);
    assert_eq!(members.len(), 0);
}

#[tokio::test]
async fn commands_for_one_broadcast_nothing() {
    let one = Arc::new(Ear::default());
    let mut members = Connections::default();
    let commands = vec![ShardCommand::Enter(1, one), ShardCommand::Send(1, Bytes::from_static(b"one"))];
    assert_eq!(members.carry_out(commands).await, 0);
}

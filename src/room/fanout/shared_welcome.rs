//! A welcome, encoded but for the name of its client: all clients may get it at once.

use bytes::Bytes;

use crate::{protocol::ServerFrame, websocket::text_frame};

/// How a welcome to a client without a name begins.
const NAMELESS: &str = r#"{"type":"welcome","you":"""#;

/// A welcome's JSON but for the client's name. It becomes a frame when it is written.
pub(in crate::room) struct SharedWelcome(String);

impl SharedWelcome {
    /// Encodes a welcome, whose name is empty.
    pub(in crate::room) fn new(welcome: &ServerFrame<'_>) -> Self {
        let json = String::from_utf8(welcome.json()).unwrap_or_default();
        Self(json.strip_prefix(NAMELESS).unwrap_or(&json).to_owned())
    }

    /// About the length of the frame.
    pub(super) fn len(&self) -> usize {
        NAMELESS.len() + self.0.len()
    }

    /// The frame of a client with this name.
    pub(in crate::room) fn frame(&self, name: &str) -> Bytes {
        // A string always serialises.
        let name = serde_json::to_string(name).unwrap_or_default();
        text_frame(format!(r#"{{"type":"welcome","you":{name}{}"#, self.0).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Id, Limits, Members, Welcome};

    fn welcome(name: &str) -> ServerFrame<'_> {
        ServerFrame::Welcome(Welcome {
            you: name,
            recovered: false,
            missed: Some(7),
            messages: &[],
            head: Id::new(7, 1),
            members: Members { count: 1, names: None },
            rules: None,
            bots: &[],
            limits: Limits { text_chars: 2000, messages_per_second: 5, edit_ms: 900_000 },
            heartbeat_ms: 25_000,
            attention: true,
        })
    }

    #[test]
    fn shared_welcome_equals_one_encoded_for_its_client() {
        let shared = SharedWelcome::new(&welcome(""));
        for name in ["sari", "Budi \"the\" \\", "\u{1f600}"] {
            assert_eq!(shared.frame(name), welcome(name).encode());
        }
    }
}

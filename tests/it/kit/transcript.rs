//! The frames that a client has received, folded into the state it shows. Violations of the protocol are collected.

use std::collections::BTreeSet;

use serde_json::Value;

use super::schema;

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its id.
    pub id: String,
    /// Its nonce.
    pub nonce: String,
    /// The sender's name.
    pub from: String,
    /// The text.
    pub text: String,
    /// The time, in Unix milliseconds.
    pub at: u64,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// When it was last edited, in Unix milliseconds.
    pub edited_at: Option<u64>,
}

impl ChatMessage {
    /// Parses a `message` frame.
    pub fn of(frame: &Value) -> Self {
        Self {
            id: string(frame, "id"),
            nonce: string(frame, "nonce"),
            from: string(frame, "from"),
            text: string(frame, "text"),
            at: frame["at"].as_u64().unwrap_or_default(),
            reply_to: frame["reply_to"].as_str().map(str::to_owned),
            edited_at: frame["edited_at"].as_u64(),
        }
    }
}

/// A join or leave of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// The person joined.
    Joined(String),
    /// The person left.
    Left(String),
}

/// Everything received on one connection.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Every frame, in order.
    pub frames: Vec<Value>,
    /// Welcome frames.
    pub welcomes: Vec<Value>,
    /// Messages as a page shows them: those of the welcome, then later ones.
    pub messages: Vec<ChatMessage>,
    /// The last known position of the log, and its time.
    position: Option<(String, u64)>,
    /// Names of the people in the room.
    pub members: BTreeSet<String>,
    /// Number of people in the room, as last received.
    pub count: u64,
    /// Joins and leaves, in order.
    pub changes: Vec<PresenceChange>,
    /// Acks: nonce and id.
    pub acks: Vec<(String, String)>,
    /// Error frames.
    pub errors: Vec<Value>,
    /// Names in the last typing frame.
    pub typing: Vec<String>,
    /// Ids of messages deleted after a welcome.
    pub removed: Vec<String>,
    /// Ids and new texts of messages edited after a welcome.
    pub edited: Vec<(String, String)>,
    /// The last `rules` frame.
    pub rules: Value,
    /// Heads in pongs.
    pub pongs: Vec<Option<String>>,
    /// Bye frames.
    pub byes: Vec<Value>,
    /// Set when the connection has ended: the close frame's code, if any.
    pub closed: Option<Option<u16>>,
    /// Violations of the protocol.
    pub violations: Vec<String>,
}

impl Transcript {
    /// Applies one text frame.
    pub fn apply(&mut self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            self.violations.push(format!("a frame is not JSON: {text}"));
            return;
        };
        self.violations.extend(schema::validate("server_frame", &frame).err());
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        if self.welcomes.is_empty()
            && ["message", "ack", "presence", "typing", "removed", "edited", "rules"].contains(&kind.as_str())
        {
            self.violations.push(format!("{kind} came before the welcome"));
        }
        match kind.as_str() {
            "welcome" => self.welcome(&frame),
            "message" => self.message(&frame),
            "presence" => self.presence(&frame),
            "ack" => self.acks.push((string(&frame, "nonce"), string(&frame, "id"))),
            "error" => self.errors.push(frame.clone()),
            "bye" => self.byes.push(frame.clone()),
            "typing" => self.typing = strings(&frame["names"]),
            "pong" => self.pongs.push(frame["head"].as_str().map(str::to_owned)),
            "removed" => self.remove(&frame),
            "edited" => self.edit(&frame),
            "rules" => self.rules = frame.clone(),
            _ => self.violations.push(format!("a frame of an unknown type: {text}")),
        }
        self.frames.push(frame);
    }

    /// Returns the last welcome.
    pub fn last_welcome(&self) -> &Value {
        self.welcomes.last().expect("a welcome")
    }

    /// Returns the ids of all messages, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.messages.iter().map(|message| message.id.as_str()).collect()
    }

    /// Returns the texts of all messages, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.messages.iter().map(|message| message.text.as_str()).collect()
    }

    /// Returns the codes of all errors, in order.
    pub fn error_codes(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error["code"].as_str().unwrap_or("(none)")).collect()
    }

    /// Returns whether this text of this person is shown.
    pub fn shows(&self, from: &str, text: &str) -> bool {
        self.messages.iter().any(|message| message.from == from && message.text == text)
    }

    /// Returns the id with which this nonce was acknowledged.
    pub fn acked(&self, nonce: &str) -> Option<&str> {
        self.acks.iter().find(|(acked, _)| acked == nonce).map(|(_, id)| id.as_str())
    }

    /// Returns the joins and leaves of this person in order, as "joined" and "left".
    pub fn changes_of(&self, name: &str) -> Vec<&'static str> {
        let kind = |change: &PresenceChange| match change {
            PresenceChange::Joined(joined) => (joined == name).then_some("joined"),
            PresenceChange::Left(left) => (left == name).then_some("left"),
        };
        self.changes.iter().filter_map(kind).collect()
    }

    /// Returns the names of the people whose leave was received, in order.
    pub fn leaves(&self) -> Vec<&str> {
        let leaves = self.changes.iter().filter_map(|change| match change {
            PresenceChange::Left(name) => Some(name.as_str()),
            PresenceChange::Joined(_) => None,
        });
        leaves.collect()
    }

    /// Returns whether this person's leave was received.
    pub fn has_left(&self, name: &str) -> bool {
        self.leaves().contains(&name)
    }

    fn edit(&mut self, frame: &Value) {
        let (id, text) = (string(frame, "id"), string(frame, "text"));
        if let Some(message) = self.messages.iter_mut().find(|message| message.id == id) {
            (message.text, message.edited_at) = (text.clone(), frame["edited_at"].as_u64());
        }
        self.edited.push((id, text));
    }

    fn remove(&mut self, frame: &Value) {
        let id = string(frame, "id");
        self.messages.retain(|message| message.id != id);
        self.removed.push(id);
    }

    fn welcome(&mut self, frame: &Value) {
        let first = frame["messages"].as_array().and_then(|all| all.first()).map(|message| string(message, "id"));
        let continues = frame["recovered"] == true
            && first.as_deref().zip(self.position.as_ref()).is_none_or(|(first, (last, _))| order(first) > order(last));
        if !continues {
            self.position = None;
            self.messages.clear();
        }
        for message in frame["messages"].as_array().into_iter().flatten() {
            if message["type"] == "removed" {
                self.advance(string(message, "id"), 0);
            } else {
                self.message(message);
            }
        }
        self.members = strings(&frame["members"]["names"]).into_iter().collect();
        self.count = frame["members"]["count"].as_u64().unwrap_or_default();
        self.welcomes.push(frame.clone());
    }

    fn message(&mut self, frame: &Value) {
        let message = ChatMessage::of(frame);
        self.advance(message.id.clone(), message.at);
        self.messages.push(message);
    }

    /// Advances to the next position. `at` is 0 if unknown.
    fn advance(&mut self, id: String, at: u64) {
        let mut latest = at;
        if let Some((last, last_at)) = &self.position {
            let (before, after) = (order(last), order(&id));
            if after <= before {
                self.violations.push(format!("{id} came after {last}"));
            } else if after.0 == before.0 && after.1 != before.1 + 1 {
                self.violations.push(format!("a hole between {last} and {id}"));
            }
            if at > 0 && at < *last_at {
                self.violations.push(format!("{id} is dated before {last}"));
            }
            latest = at.max(*last_at);
        }
        self.position = Some((id, latest));
    }

    fn presence(&mut self, frame: &Value) {
        let me = self.welcomes.last().map(|welcome| string(welcome, "you")).unwrap_or_default();
        for name in strings(&frame["joined"]) {
            if !self.members.insert(name.clone()) && name != me {
                self.violations.push(format!("{name} joined again without a leave"));
            }
            self.changes.push(PresenceChange::Joined(name));
        }
        for name in strings(&frame["left"]) {
            if !self.members.remove(&name) {
                self.violations.push(format!("{name} left without being in the room"));
            }
            self.changes.push(PresenceChange::Left(name));
        }
        self.count = frame["count"].as_u64().unwrap_or_default();
    }
}

/// Parses an id into its epoch and number.
pub fn order(id: &str) -> (u64, u64) {
    let (epoch, n) = id.split_once('-').unwrap_or_else(|| panic!("not an id: {id:?}"));
    (epoch.parse().expect("an epoch"), n.parse().expect("a position"))
}

fn string(frame: &Value, field: &str) -> String {
    frame[field].as_str().unwrap_or_default().to_owned()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

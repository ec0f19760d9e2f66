//! What a client has been sent, folded into the room as it would show it; broken promises are noted on the way.

use std::collections::BTreeSet;

use serde_json::Value;

/// A message as heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its id.
    pub id: String,
    /// Its nonce.
    pub nonce: String,
    /// Who said it.
    pub from: String,
    /// What.
    pub text: String,
    /// When, in Unix milliseconds.
    pub at: u64,
}

/// Somebody's join or leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// Came.
    Joined(String),
    /// Went.
    Left(String),
}

/// Everything heard on one connection.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Every frame as it came.
    pub frames: Vec<Value>,
    /// Welcomes, whole.
    pub welcomes: Vec<Value>,
    /// Messages as a page would show them: those of the welcome, then what followed.
    pub messages: Vec<ChatMessage>,
    /// The last position of the log that was told of, and when it was kept.
    reached: Option<(String, u64)>,
    /// Who is here.
    pub members: BTreeSet<String>,
    /// How many are here, as last told.
    pub count: u64,
    /// Joins and leaves as they were told, in order.
    pub changes: Vec<PresenceChange>,
    /// Acks: nonce and id.
    pub acks: Vec<(String, String)>,
    /// Error frames, whole.
    pub errors: Vec<Value>,
    /// Names in the last typing frame.
    pub typing: Vec<String>,
    /// Ids of deleted messages, as they were told after a welcome.
    pub removed: Vec<String>,
    /// The last frame of rules.
    pub rules: Value,
    /// Heads in pongs.
    pub pongs: Vec<Option<String>>,
    /// Bye frames, whole.
    pub byes: Vec<Value>,
    /// Set when the connection has ended: the close frame's code, if there was one.
    pub closed: Option<Option<u16>>,
    /// Promises of the protocol that a frame broke.
    pub broken: Vec<String>,
}

impl Transcript {
    /// Takes in one text frame.
    pub fn take(&mut self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            self.broken.push(format!("a frame is not JSON: {text}"));
            return;
        };
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        if self.welcomes.is_empty()
            && ["message", "ack", "presence", "typing", "removed", "rules"].contains(&kind.as_str())
        {
            self.broken.push(format!("{kind} came before the welcome"));
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
            "rules" => self.rules = frame.clone(),
            _ => self.broken.push(format!("a frame of an unknown type: {text}")),
        }
        self.frames.push(frame);
    }

    /// The last welcome.
    pub fn last_welcome(&self) -> &Value {
        self.welcomes.last().expect("a welcome")
    }

    /// The ids of all messages, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.messages.iter().map(|said| said.id.as_str()).collect()
    }

    /// The texts of all messages, in order.
    pub fn texts(&self) -> Vec<&str> {
        self.messages.iter().map(|said| said.text.as_str()).collect()
    }

    /// The codes of all errors, in order.
    pub fn error_codes(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error["code"].as_str().unwrap_or("(none)")).collect()
    }

    /// Whether this text by this person is shown.
    pub fn shows(&self, from: &str, text: &str) -> bool {
        self.messages.iter().any(|said| said.from == from && said.text == text)
    }

    /// The id under which this nonce was acknowledged.
    pub fn acked(&self, nonce: &str) -> Option<&str> {
        self.acks.iter().find(|(acked, _)| acked == nonce).map(|(_, id)| id.as_str())
    }

    fn remove(&mut self, frame: &Value) {
        let id = string(frame, "id");
        self.messages.retain(|said| said.id != id);
        self.removed.push(id);
    }

    fn welcome(&mut self, frame: &Value) {
        let first = frame["messages"].as_array().and_then(|all| all.first()).map(|message| string(message, "id"));
        let continues = frame["recovered"] == true
            && first.as_deref().zip(self.reached.as_ref()).is_none_or(|(first, (last, _))| order(first) > order(last));
        if !continues {
            self.reached = None;
            self.messages.clear();
        }
        for message in frame["messages"].as_array().into_iter().flatten() {
            if message["type"] == "removed" {
                self.reach(string(message, "id"), 0);
            } else {
                self.message(message);
            }
        }
        self.members = strings(&frame["members"]["names"]).into_iter().collect();
        self.count = frame["members"]["count"].as_u64().unwrap_or_default();
        self.welcomes.push(frame.clone());
    }

    fn message(&mut self, frame: &Value) {
        let said = ChatMessage {
            id: string(frame, "id"),
            nonce: string(frame, "nonce"),
            from: string(frame, "from"),
            text: string(frame, "text"),
            at: frame["at"].as_u64().unwrap_or_default(),
        };
        self.reach(said.id.clone(), said.at);
        self.messages.push(said);
    }

    /// The next position. `at` is 0 where that is not told.
    fn reach(&mut self, id: String, at: u64) {
        let mut latest = at;
        if let Some((last, last_at)) = &self.reached {
            let (then, now) = (order(last), order(&id));
            if now <= then {
                self.broken.push(format!("{id} came after {last}"));
            } else if now.0 == then.0 && now.1 != then.1 + 1 {
                self.broken.push(format!("a hole between {last} and {id}"));
            }
            if at > 0 && at < *last_at {
                self.broken.push(format!("{id} is dated before {last}"));
            }
            latest = at.max(*last_at);
        }
        self.reached = Some((id, latest));
    }

    fn presence(&mut self, frame: &Value) {
        let me = self.welcomes.last().map(|welcome| string(welcome, "you")).unwrap_or_default();
        for name in strings(&frame["joined"]) {
            if !self.members.insert(name.clone()) && name != me {
                self.broken.push(format!("{name} came, who was here"));
            }
            self.changes.push(PresenceChange::Joined(name));
        }
        for name in strings(&frame["left"]) {
            if !self.members.remove(&name) {
                self.broken.push(format!("{name} went, who was not here"));
            }
            self.changes.push(PresenceChange::Left(name));
        }
        self.count = frame["count"].as_u64().unwrap_or_default();
    }
}

/// An id as something to compare.
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

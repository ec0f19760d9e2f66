//! What a run leaves behind: plain data, all that the checker judges by.

use std::{collections::BTreeSet, time::Duration};

use super::soak::Sample;
use crate::kit::transcript::ChatMessage;

/// A moment: time since the run began.
pub type At = Duration;

/// Everything that is known of a run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The log as it was at the end, oldest first.
    pub log: Vec<ChatMessage>,
    /// One for each tab that anybody had.
    pub histories: Vec<History>,
    /// Instances that went, however they went.
    pub downs: Vec<Down>,
    /// What was done, in order of its beginning.
    pub faults: Vec<Done>,
    /// How soon rosters were equal after faults.
    pub agreed: Vec<Agreed>,
    /// How the rosters looked whenever all was left in peace.
    pub settled: Vec<Settled>,
    /// What a soak has taken.
    pub samples: Vec<Sample>,
    /// `RUANG_LEASE` of the instances.
    pub lease: Duration,
    /// `RUANG_LEAVE_GRACE` of the instances.
    pub grace: Duration,
}

/// What one tab of one person saw and did, over all of its connections.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Whose.
    pub person: String,
    /// Which of theirs; 0 is the one that talks.
    pub tab: usize,
    /// In order.
    pub events: Vec<(At, Event)>,
}

/// Something that a tab saw or did.
#[derive(Clone, Debug)]
pub enum Event {
    /// An upgrade was answered with this status.
    UpgradeRefusal(u16),
    /// An upgrade succeeded at this instance; no welcome yet.
    Connected(String),
    /// A welcome.
    Welcome {
        /// Whether it says that nothing is missing.
        recovered: bool,
        /// What it brings.
        messages: Vec<ChatMessage>,
        /// Who it says is here.
        members: BTreeSet<String>,
    },
    /// A message.
    Message(ChatMessage),
    /// Joins and leaves.
    Presence {
        /// Who came.
        joined: Vec<String>,
        /// Who went.
        left: Vec<String>,
        /// How many are here then.
        count: u64,
    },
    /// The person sent a message under this nonce, for the first time or again.
    Sent(String),
    /// It was acknowledged, with this id.
    Ack(String, String),
    /// An error with this code.
    Error(String),
    /// The person has asked to be signed out.
    SigningOut,
    /// The person was told that they are signed out.
    Out,
    /// The connection ended.
    Ended(How),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The person's own network or patience ended.
    Cut,
    /// The server ended it: with this close code, or (killed) with none.
    Closed(Option<u16>),
    /// The server said `bye` first: it restarts.
    Drained,
    /// The person's session was ended by themselves.
    SignedOut,
    /// The run is over: the connection was alive.
    Over,
}

/// An instance that went.
#[derive(Clone, Debug)]
pub struct Down {
    /// Where it listened.
    pub base: String,
    /// When.
    pub at: At,
    /// Whether it had the time to say so to the others.
    pub announced: bool,
}

/// A fault that was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which kind: a word or two.
    pub kind: &'static str,
    /// To what, in words.
    pub what: String,
    /// When it began.
    pub from: At,
    /// When it was mended, as far as that was in its doer's hands.
    pub to: At,
    /// From when on recovery is measured; none where nobody need recover.
    pub recovers_from: Option<At>,
    /// Whether instances may not have heard Redis meanwhile.
    pub deafening: bool,
}

/// A look at the rosters right after some faults, while people come and go.
#[derive(Clone, Copy, Debug)]
pub struct Agreed {
    /// When the last fault was mended.
    pub at: At,
    /// How long it then took until all instances had the same roster; none if that never was, within a generous time.
    pub took: Option<Duration>,
}

/// The rosters after a time without faults.
#[derive(Clone, Debug)]
pub struct Settled {
    /// When everybody was where they were to be and every grace and lease could have run out.
    pub at: At,
    /// How long it then took until all rosters were the truth; none if they never were, within a generous time.
    pub took: Option<Duration>,
    /// Who was connected.
    pub truth: BTreeSet<String>,
    /// What each instance last said.
    pub rosters: Vec<(String, BTreeSet<String>)>,
}

//! The room's keys and channel in Redis.

use crate::{address::AddressHash, name::NameKey};

/// The room's key names. All share one hash tag, so that a cluster keeps them together.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// The names under a namespace.
    pub fn new(namespace: &str) -> Self {
        Self { prefix: format!("{namespace}:{{ruang_chat_utama}}:") }
    }

    /// The keys that every script declares first, in the order in which `prelude.lua` names them.
    pub fn room(&self) -> Vec<String> {
        [
            "meta", "log", "said:0", "said:1", "people", "leases", "live", "rules", "bans", "removed", "altered",
            "bodies", "changes",
        ]
        .map(|name| self.key(name))
        .into()
    }

    /// The keys of a script: the room's, then its own, then the steps of presence.
    pub fn with_own(&self, own: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut keys = self.room();
        keys.extend(own);
        keys.push(self.key("presence"));
        keys
    }

    /// The keys of a script that has none of its own.
    pub fn of_script(&self) -> Vec<String> {
        self.with_own([])
    }

    /// The time at which the next sign-in of a limit is due.
    pub fn sign_ins(&self, limit: &str) -> String {
        self.key(&format!("signins:{limit}"))
    }

    /// The session of a moderator, by a hash of its id.
    pub fn moderator(&self, hash: &str) -> String {
        self.key(&format!("moderator:{hash}"))
    }

    /// The people in the room: hash of name key to the name and the incarnations that hold them.
    pub fn people(&self) -> String {
        self.key("people")
    }

    /// The leases of incarnations: hash of incarnation to its counter.
    pub fn leases(&self) -> String {
        self.key("leases")
    }

    /// The people whom an incarnation holds, and perhaps some whom it no longer does: hash of name key to
    /// the hash of their address, or nothing.
    pub fn held(&self, incarnation: &str) -> String {
        self.key(&format!("held:{incarnation}"))
    }

    /// The channel of live events.
    pub fn live(&self) -> String {
        self.key("live")
    }

    /// The claim of a name: the session that owns it.
    pub fn name(&self, name_key: &NameKey) -> String {
        self.key(&format!("name:{name_key}"))
    }

    /// The time at which a person's next message is due.
    pub fn pace(&self, name_key: &NameKey) -> String {
        self.key(&format!("pace:{name_key}"))
    }

    /// When a text was sent lately, by what identifies it and its address.
    pub fn repeats(&self, id: &str) -> String {
        self.key(&format!("repeat:{id}"))
    }

    /// In slow mode, the time at which the next message of all people at an address is due.
    pub fn address_pace(&self, address: &AddressHash) -> String {
        self.key(&format!("address_pace:{}", address.as_str()))
    }

    /// The hash of the address at which a name was used last, for an hour after its person has left.
    pub fn last_address(&self, name_key: &NameKey) -> String {
        self.key(&format!("address:{name_key}"))
    }

    /// Banned names: hash of name key to the ban's end and the name.
    pub fn bans(&self) -> String {
        self.key("bans")
    }

    /// Rules set by moderators: hash with `slow`, `notice`, the doors, for each muted name `mute:` and its key, for each banned or
    /// muted address `address_ban:` or `address_mute:` and its hash (and while there is any, `addresses`), and for each rule
    /// that applies by itself `auto:` and its name.
    pub fn rules(&self) -> String {
        self.key("rules")
    }

    /// The secret of the hashes of addresses, in base64url.
    pub fn address_key(&self) -> String {
        self.key("address_key")
    }

    /// The record of the operator's actions.
    pub fn acts(&self) -> String {
        self.key("acts")
    }

    /// Reports of messages: hash of ids to JSON, and an empty field with the first reported id.
    pub fn reports(&self) -> String {
        self.key("reports")
    }

    /// The time at which a person's next report is due.
    pub fn report_pace(&self, name_key: &NameKey) -> String {
        self.key(&format!("reportpace:{name_key}"))
    }

    /// A key that only `ruang check` uses.
    pub fn check(&self) -> String {
        self.key("check")
    }

    /// A pattern that matches all of them, as Redis' ACLs and `SCAN` take it.
    pub fn pattern(&self) -> String {
        self.key("*")
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

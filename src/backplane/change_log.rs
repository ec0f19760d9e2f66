//! The newest changes of messages, for those who resume. Plain and synchronous.

use std::collections::{BTreeMap, HashMap};

use super::{CHANGE_BYTES, CHANGES_KEPT, Change, Snapshot};
use crate::protocol::{Id, Row};

/// The newest change of each message, at most [`CHANGES_KEPT`] of them with at most [`CHANGE_BYTES`] of text.
#[derive(Clone, Debug, Default)]
pub struct ChangeLog {
    changes: BTreeMap<(u64, Id), Change>,
    /// The version of each message's change.
    versions: HashMap<Id, u64>,
    bytes: usize,
    /// The version and the head of the newest change that was dropped for want of room.
    dropped: Option<(u64, Id)>,
}

impl ChangeLog {
    /// Adds a change, in place of an earlier one of the same message. Returns false if it is known.
    pub fn push(&mut self, change: Change) -> bool {
        let id = change.row.id();
        if self.versions.get(&id).is_some_and(|version| *version >= change.version) {
            return false;
        }
        self.remove(id);
        self.bytes += text_bytes(&change);
        self.versions.insert(id, change.version);
        self.changes.insert((change.version, id), change);
        while self.changes.len() > CHANGES_KEPT || self.bytes > CHANGE_BYTES {
            let Some(((version, id), oldest)) = self.changes.pop_first() else { break };
            self.versions.remove(&id);
            self.bytes -= text_bytes(&oldest);
            self.dropped = Some((version, oldest.head));
        }
        true
    }

    /// Drops the change of a message that is no longer stored.
    pub fn remove(&mut self, id: Id) {
        let Some(version) = self.versions.remove(&id) else { return };
        if let Some(change) = self.changes.remove(&(version, id)) {
            self.bytes -= text_bytes(&change);
        }
    }

    /// Drops the changes of messages sent before `oldest`, in Unix milliseconds.
    pub fn trim_old(&mut self, oldest: u64) {
        let old: Vec<Id> =
            self.changes.values().map(|change| &change.row).filter(|row| row.at() < oldest).map(Row::id).collect();
        for id in old {
            self.remove(id);
        }
    }

    /// Replaces all changes by those of a snapshot.
    pub fn replace(&mut self, snapshot: &Snapshot) {
        *self = Self { dropped: snapshot.changes_after.map(|head| (0, head)), ..Self::default() };
        for change in &snapshot.changes {
            self.push(change.clone());
        }
    }

    /// Whether a snapshot of another epoch lacks a change that is here: Redis has lost it.
    pub fn has_lost(&self, snapshot: &Snapshot) -> bool {
        let stored: HashMap<Id, &Change> = snapshot.changes.iter().map(|change| (change.row.id(), change)).collect();
        let may_lack = |change: &Change| snapshot.changes_after.is_some_and(|after| change.head <= after);
        self.changes.values().filter(|change| !may_lack(change)).any(|change| {
            stored.get(&change.row.id()).is_none_or(|stored| {
                let is_other = || stored.row.message() != change.row.message();
                stored.version < change.version || stored.version == change.version && is_other()
            })
        })
    }

    /// The changes after a version, oldest first; none if some of them were dropped.
    pub fn after_version(&self, version: u64) -> Option<Vec<Change>> {
        if self.dropped.is_some_and(|(dropped, _)| dropped > version) {
            return None;
        }
        Some(self.changes.range((version + 1, Id::default())..).map(|(_, change)| change.clone()).collect())
    }

    /// The changes of messages up to `since` that a client which has received `since` may lack, oldest first; none if some of
    /// them were dropped.
    pub fn since(&self, since: Id) -> Option<Vec<&Change>> {
        if self.dropped.is_some_and(|(_, head)| head >= since) {
            return None;
        }
        let mut changes: Vec<&Change> = self.changes.values().rev().take_while(|change| change.head >= since).collect();
        changes.retain(|change| change.row.id() <= since);
        changes.reverse();
        Some(changes)
    }

    /// All changes, oldest first.
    pub fn all(&self) -> Vec<Change> {
        self.changes.values().cloned().collect()
    }

    /// The head of the newest change that was dropped.
    pub fn dropped_head(&self) -> Option<Id> {
        self.dropped.map(|(_, head)| head)
    }
}

fn text_bytes(change: &Change) -> usize {
    change.row.message().map_or(0, |message| message.text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(version: u64, id: u64, head: u64) -> Change {
        Change { version, head: Id::new(7, head), row: Row::Removed { id: Id::new(7, id), at: id, from: "a".into() } }
    }

    fn edited(version: u64, id: u64, head: u64, text: &str) -> Change {
        let message = crate::protocol::Message {
            id: Id::new(7, id),
            nonce: "n".parse().unwrap(),
            from: "a".into(),
            text: text.into(),
            at: id,
            reply_to: None,
            edited_at: Some(1),
            bot: false,
            alias: None,
        };
        Change { version, head: Id::new(7, head), row: message.into() }
    }

    fn log(changes: impl IntoIterator<Item = Change>) -> ChangeLog {
        let mut log = ChangeLog::default();
        for change in changes {
            log.push(change);
        }
        log
    }

    fn versions(changes: Option<Vec<&Change>>) -> Option<Vec<u64>> {
        changes.map(|changes| changes.iter().map(|change| change.version).collect())
    }

    #[test]
    fn resume_gets_changes_made_at_its_position_or_later() {
        let log = log([removed(1, 3, 9), removed(2, 4, 10), removed(3, 11, 12), removed(4, 5, 12)]);
        assert_eq!(versions(log.since(Id::new(7, 10))), Some(vec![2, 4]), "11 is in the messages that follow");
        assert_eq!(versions(log.since(Id::new(7, 13))), Some(vec![]));
    }

    #[test]
    fn later_change_replaces_the_earlier_one() {
        let mut log = log([edited(1, 3, 9, "secret"), removed(2, 3, 9)]);
        assert_eq!(versions(log.since(Id::new(7, 9))), Some(vec![2]));
        assert!(!log.push(edited(1, 3, 9, "secret")), "it is stale");
        assert_eq!(log.bytes, 0);
    }

    #[test]
    fn dropped_changes_are_not_passed_over_in_silence() {
        let count = CHANGES_KEPT as u64;
        let log = log((1..=count + 5).map(|n| removed(n, n, 10_000 + n)));
        assert_eq!(log.all().len(), CHANGES_KEPT);
        assert_eq!(log.since(Id::new(7, 10_005)), None);
        assert_eq!(log.since(Id::new(7, 10_006)).map(|changes| changes.len()), Some(CHANGES_KEPT));
        assert!(log.after_version(4).is_none() && log.after_version(5).is_some());
    }

    #[test]
    fn long_texts_are_dropped_at_the_limit_of_bytes() {
        let text = "x".repeat(CHANGE_BYTES / 4);
        let log = log((1..=9).map(|n| edited(n, n, n, &text)));
        assert_eq!(log.all().len(), 4);
    }

    #[test]
    fn change_of_an_expired_message_is_dropped() {
        let mut log = log([edited(1, 3, 9, "x"), edited(2, 4, 9, "y")]);
        log.trim_old(4);
        assert_eq!(versions(log.since(Id::new(7, 9))), Some(vec![2]));
    }

    #[test]
    fn loss_is_noticed_unless_the_change_is_there_or_replaced() {
        let known = log([edited(5, 3, 9, "new")]);
        let stored = |changes| Snapshot { changes, ..Snapshot::default() };
        assert!(known.has_lost(&stored(vec![])));
        assert!(known.has_lost(&stored(vec![edited(4, 3, 9, "older")])));
        assert!(known.has_lost(&stored(vec![edited(5, 3, 9, "another branch")])));
        assert!(!known.has_lost(&stored(vec![edited(5, 3, 9, "new")])));
        assert!(!known.has_lost(&stored(vec![removed(6, 3, 9)])));
    }
}

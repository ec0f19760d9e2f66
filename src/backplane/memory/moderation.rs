//! Moderators' actions, and whom they are about.

use std::{collections::BTreeSet, sync::Arc};

use super::{State, now};
use crate::{
    address::AddressHash,
    backplane::{Ban, Delta, Event, ModerationAction, ModerationOutcome, Person},
    name::NameKey,
    protocol::{Door, Id},
};

impl State {
    /// The people whom an action is about.
    pub(super) fn whom(&self, action: &ModerationAction) -> Vec<String> {
        match action {
            ModerationAction::Remove { ids } | ModerationAction::Dismiss { ids } => {
                let is_dismissal = matches!(action, ModerationAction::Dismiss { .. });
                let ids = ids.iter().filter(|id| !is_dismissal || self.stored.reports.has(**id));
                let authors = ids.filter_map(|id| self.stored.log.author(*id)).map(str::to_owned);
                authors.collect::<BTreeSet<_>>().into_iter().collect()
            }
            ModerationAction::Ban { name, .. }
            | ModerationAction::Unban { name, .. }
            | ModerationAction::Mute { name, .. }
            | ModerationAction::Unmute { name, .. } => vec![name.clone()],
            ModerationAction::Slow { .. }
            | ModerationAction::ReadOnly { .. }
            | ModerationAction::Closed { .. }
            | ModerationAction::Rules(_)
            | ModerationAction::Announce { .. } => vec![],
        }
    }

    pub(super) fn moderate(&mut self, action: &ModerationAction, now_ms: u64) -> ModerationOutcome {
        match action {
            ModerationAction::Remove { ids } => {
                let version = self.stored.presence.version() + 1;
                let removed: Vec<Id> = ids.iter().copied().filter(|id| self.stored.log.remove(*id, version)).collect();
                if removed.is_empty() {
                    return ModerationOutcome::Nothing;
                }
                self.stored.presence.raise_version();
                self.sweep_reports();
                self.send_changes(removed, vec![]);
                ModerationOutcome::Done
            }
            ModerationAction::Dismiss { ids } => {
                let dismissed = ids.iter().filter(|id| self.stored.reports.dismiss(**id)).count();
                if dismissed > 0 { ModerationOutcome::Done } else { ModerationOutcome::Nothing }
            }
            ModerationAction::Ban { name_key, name, for_ms, address } => {
                let until = now_ms.saturating_add(*for_ms);
                self.ban(Ban { name_key: name_key.clone(), name: name.clone(), until, address: *address }, now_ms)
            }
            ModerationAction::Unban { name_key, .. } if self.stored.presence.bans.lift(name_key, now_ms) => {
                ModerationOutcome::Done
            }
            ModerationAction::Mute { name_key, name, for_ms, address } => {
                let until = now_ms.saturating_add(*for_ms);
                self.mute(Ban { name_key: name_key.clone(), name: name.clone(), until, address: *address }, now_ms)
            }
            ModerationAction::Unmute { name_key, .. } if self.stored.mutes.lift(name_key, now_ms) => {
                ModerationOutcome::Done
            }
            ModerationAction::Unban { .. } | ModerationAction::Unmute { .. } => ModerationOutcome::Nothing,
            ModerationAction::Slow { interval_ms } => {
                self.stored.rules.slow_ms = *interval_ms;
                self.send_new_state()
            }
            ModerationAction::ReadOnly { for_ms, text } => {
                self.stored.rules.read_only = door(*for_ms, text.clone(), now_ms);
                self.send_new_state()
            }
            ModerationAction::Closed { for_ms, text } => {
                self.stored.rules.closed = door(*for_ms, text.clone(), now_ms);
                self.send_new_state()
            }
            ModerationAction::Rules(change) => {
                self.stored.auto.apply(change);
                self.stored.presence.raise_version();
                self.send_rules();
                ModerationOutcome::Done
            }
            ModerationAction::Announce { text } => {
                self.stored.rules.notice = text.clone();
                self.send_new_state()
            }
        }
    }

    /// Raises the version, and sends the rules and doors as they are now.
    fn send_new_state(&mut self) -> ModerationOutcome {
        self.stored.presence.raise_version();
        self.send_changes(vec![], vec![]);
        ModerationOutcome::Done
    }

    fn ban(&mut self, ban: Ban, now_ms: u64) -> ModerationOutcome {
        let Some(addresses) = self.addresses_for(&ban) else { return ModerationOutcome::NoAddress };
        let name_key = ban.name_key.clone();
        let others = self.stored.presence.people_at(&addresses, &name_key);
        let is_lasting = ban.until > now_ms;
        if is_lasting {
            self.stored.presence.bans.add(ban, addresses, now_ms);
        }
        let was_here = self.expel(&name_key);
        for other in others {
            self.expel(&other);
        }
        if is_lasting || was_here { ModerationOutcome::Done } else { ModerationOutcome::Nothing }
    }

    fn mute(&mut self, mute: Ban, now_ms: u64) -> ModerationOutcome {
        let Some(addresses) = self.addresses_for(&mute) else { return ModerationOutcome::NoAddress };
        self.stored.mutes.add(mute, addresses, now_ms);
        ModerationOutcome::Done
    }

    /// The addresses that a ban or mute includes; none if it should include them and none is known.
    fn addresses_for(&self, ban: &Ban) -> Option<Vec<AddressHash>> {
        if !ban.address {
            return Some(vec![]);
        }
        Some(self.stored.presence.addresses_of(&ban.name_key, now())).filter(|addresses| !addresses.is_empty())
    }

    /// Ends the session of a name. Returns whether there was one.
    fn expel(&mut self, name_key: &NameKey) -> bool {
        let owner = self.stored.presence.owner(name_key, now());
        let left = self.stored.presence.expel(name_key, now());
        let was_here = owner.is_some() || !left.is_empty();
        if was_here {
            let session = owner.unwrap_or_else(|| "-".into());
            let delta = Delta { joined: vec![], left };
            self.subscribers.send(&Event::Ended { position: self.position(), session, delta });
        }
        was_here
    }

    /// Ends the session of a person who typed a name that a program or an account claims.
    pub(super) fn displace(&mut self, by: &Person, now_ms: u64) {
        let owner = self.stored.presence.owner(&by.name_key, now());
        let is_banned = self.stored.presence.bans.left(by, now_ms).is_some();
        if !is_banned && owner.is_some_and(|owner| by.session.outranks(&owner)) {
            self.expel(&by.name_key);
        }
    }

    /// Sends the rules that apply by themselves.
    fn send_rules(&mut self) {
        let (position, rules) = (self.position(), self.stored.rules.clone());
        let auto = Some(Arc::new(self.stored.auto.clone()));
        self.subscribers.send(&Event::Moderated { position, removed: vec![], edited: vec![], rules, auto });
    }
}

/// A door that is shut for some milliseconds; 0: not at all.
fn door(for_ms: Option<u64>, text: Option<String>, now_ms: u64) -> Option<Door> {
    let until = for_ms.map(|for_ms| now_ms.saturating_add(for_ms));
    (for_ms != Some(0)).then_some(Door { until, text })
}

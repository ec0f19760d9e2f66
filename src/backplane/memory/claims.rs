//! The claims of names.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    backplane::{RetentionPolicy, SessionTag},
    name::NameKey,
};

/// The session that each name belongs to, and until when.
#[derive(Clone)]
pub(super) struct Claims {
    hold: Duration,
    before_join: Duration,
    closed: Duration,
    claims: HashMap<NameKey, Claim>,
    swept: Option<Instant>,
}

#[derive(Clone)]
struct Claim {
    /// None while the name is closed: its session has just ended.
    owner: Option<SessionTag>,
    until: Instant,
}

impl Claims {
    pub(super) fn new(policy: RetentionPolicy) -> Self {
        Self {
            hold: policy.name_hold,
            before_join: policy.claim(),
            closed: policy.closed(),
            claims: HashMap::new(),
            swept: None,
        }
    }

    pub(super) fn owner(&self, name_key: &NameKey, now: Instant) -> Option<&SessionTag> {
        self.current(name_key, now)?.owner.as_ref()
    }

    /// Returns for how much longer a name is claimed or closed.
    pub(super) fn left(&self, name_key: &NameKey, now: Instant) -> Option<Duration> {
        self.current(name_key, now).map(|claim| claim.until.duration_since(now))
    }

    /// Whether a name belongs to another session, or is closed.
    pub(super) fn excludes(&self, name_key: &NameKey, session: &SessionTag, now: Instant) -> bool {
        self.current(name_key, now).is_some_and(|claim| claim.owner.as_ref() != Some(session))
    }

    pub(super) fn close(&mut self, name_key: &NameKey, now: Instant) {
        self.claims.insert(name_key.clone(), Claim { owner: None, until: now + self.closed });
    }

    pub(super) fn renew(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        self.sweep(now);
        self.claims.insert(name_key.clone(), Claim { owner: Some(session.clone()), until: now + self.hold });
    }

    pub(super) fn renew_own(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        if self.owner(name_key, now) == Some(session) {
            self.renew(name_key, session, now);
        }
    }

    /// Claims a name for a session that has yet to join. Never shortens a claim of its own.
    pub(super) fn claim(&mut self, name_key: &NameKey, session: &SessionTag, now: Instant) {
        self.sweep(now);
        let own = self.claims.get(name_key).filter(|claim| claim.owner.as_ref() == Some(session));
        let until = own.map_or(now, |claim| claim.until).max(now + self.before_join);
        self.claims.insert(name_key.clone(), Claim { owner: Some(session.clone()), until });
    }

    pub(super) fn extend(&mut self, name_key: &NameKey, now: Instant) {
        let current = self.claims.get_mut(name_key).filter(|claim| now < claim.until);
        if let Some(claim) = current.filter(|claim| claim.owner.is_some()) {
            claim.until = now + self.hold;
        }
    }

    fn current(&self, name_key: &NameKey, now: Instant) -> Option<&Claim> {
        self.claims.get(name_key).filter(|claim| now < claim.until)
    }

    /// Removes expired claims, at most once per hold.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= self.hold) {
            self.claims.retain(|_, claim| now < claim.until);
            self.swept = Some(now);
        }
    }
}

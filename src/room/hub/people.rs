//! Reads the people of a large room in portions, while the room is served: neither readiness nor the count waits for their names.
//!
//! Between two portions it pauses for half as long as the last one took, or longer, so that the slower this machine or Redis is, the
//! less of it a read takes. The pauses are random: instances that begin together do not stay in step.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use rand::Rng;
use tokio::time::{sleep, timeout};

use super::{Hub, backplane_calls::CallResult, now};
use crate::{
    backplane::{IncarnationId, PeoplePortion, Unavailable},
    name::NameKey,
    protocol::Bye,
    room::CALL_DEADLINE,
};

/// The pause after a portion, as a multiple of the time that it took; and its limit.
const PAUSES: std::ops::Range<f64> = 0.5..1.0;
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The pause after a portion that could not be read.
const RETRY: Duration = Duration::from_millis(200);

/// A read of the people in progress.
pub(super) struct PeopleRead {
    epoch: u64,
    began: Instant,
    /// When people leave who are not found; none: at the end.
    leaves_at: Option<Instant>,
    /// The cursor of the next portion.
    cursor: Option<String>,
    /// This incarnation, if the backplane may have released people of it.
    holder: Option<IncarnationId>,
    /// The people found that it holds.
    held: HashSet<NameKey>,
}

/// The result of reading a portion.
pub(super) struct PeopleResult {
    /// When the read began that it belongs to.
    read: Instant,
    asked: Instant,
    portion: Result<PeoplePortion, Unavailable>,
}

impl Hub {
    /// Begins to read the people, in place of a read in progress.
    pub(super) fn begin_people(
        &mut self,
        count: usize,
        epoch: u64,
        leaves_at: Option<Instant>,
        holder: Option<IncarnationId>,
        now: Instant,
    ) {
        self.state.view_mut().roster.begin_read(count);
        // Results are told apart by the time of the beginning.
        let began = self.people_read.as_ref().map_or(now, |read| now.max(read.began + Duration::from_nanos(1)));
        let (cursor, held) = (None, HashSet::new());
        self.people_read = Some(PeopleRead { epoch, began, leaves_at, cursor, holder, held });
        self.call_people(Duration::ZERO);
    }

    /// Applies a portion, and reads the next one after a pause.
    pub(super) fn on_people(&mut self, PeopleResult { read: began, asked, portion }: PeopleResult) {
        let Some(read) = self.people_read.as_mut().filter(|read| read.began == began) else { return };
        // After a failover the cursor means nothing: this hub learns of the epoch too, and begins anew.
        let Some(portion) = portion.ok().filter(|portion| portion.epoch == read.epoch) else {
            return self.call_people(RETRY);
        };
        if let Some(holder) = &read.holder {
            let own = portion.people.iter().filter(|present| present.held_by.contains(holder));
            read.held.extend(own.map(|present| present.member.name_key.clone()));
        }
        read.cursor = portion.next;
        let is_last = read.cursor.is_none();
        let first = self.state.view_mut().roster.adopt_portion(portion.people.iter().map(|present| &present.member));
        self.send_presence(first, now());
        if is_last {
            self.finish_people();
        } else {
            let pause = now().duration_since(asked).mul_f64(self.rng.random_range(PAUSES));
            self.call_people(pause.min(LONGEST_PAUSE));
        }
    }

    fn finish_people(&mut self) {
        let Some(PeopleRead { began, leaves_at, holder, held, .. }) = self.people_read.take() else { return };
        let first = self.state.view_mut().roster.finish_read(leaves_at);
        self.send_presence(first, now());
        self.state.note_named();
        self.find_announced();
        if holder.is_some_and(|holder| self.lease.is_own(&holder)) {
            self.close_forgotten(|name_key| held.contains(name_key), began);
        }
    }

    /// Closes connections of people whom the backplane does not hold under this incarnation, as of `at`: their sessions ended
    /// while events were missed. When they reconnect, their sessions are looked up.
    pub(super) fn close_forgotten(&mut self, is_held: impl Fn(&NameKey) -> bool, at: Instant) {
        for connection in self.members.forget_unless(is_held, at) {
            self.close(connection, Bye::Restart, Some(0));
        }
    }

    fn call_people(&self, pause: Duration) {
        let Some(PeopleRead { began: read, cursor, .. }) = &self.people_read else { return };
        let (backplane, read, cursor) = (self.backplane.clone(), *read, cursor.clone());
        self.calls.push(Box::pin(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let asked = now();
            let portion = timeout(CALL_DEADLINE, backplane.people(cursor)).await.unwrap_or(Err(Unavailable));
            CallResult::People(PeopleResult { read, asked, portion })
        }));
    }
}

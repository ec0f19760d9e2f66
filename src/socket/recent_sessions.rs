//! Sessions whose socket closed a moment ago: when a whole room comes back at once, the store is not asked for each.
//!
//! What is remembered is as good as a look at the store: it is forgotten as soon as the session ends anywhere, and
//! all of it whenever something may have been missed. Plain and synchronous.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tower_sessions::session::Id;

use crate::{backplane::Person, room::Ending};

/// How long a session is remembered: longer than a page waits between its first tries to come back.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What is known of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownSession {
    /// Whose it is.
    pub(super) person: Person,
    /// When it is to be looked up and kept alive: coming back does not put that off.
    pub(super) touch: Instant,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct RecentSessions(Mutex<Memory>);

#[derive(Debug)]
struct Memory {
    most: usize,
    endings: Receiver<Ending>,
    sessions: HashMap<Id, Entry>,
    /// In the order of their time. One that was remembered anew is here twice: the first no longer counts.
    forgetting: VecDeque<(Instant, Id)>,
}

#[derive(Debug)]
struct Entry {
    known: KnownSession,
    until: Instant,
}

impl RecentSessions {
    /// Remembers up to `most` sessions, none of which has ended by `endings`.
    pub(super) fn new(endings: Receiver<Ending>, most: usize) -> Self {
        Self(Mutex::new(Memory { most, endings, sessions: HashMap::new(), forgetting: VecDeque::new() }))
    }

    /// Remembers a session that was alive until now.
    pub(super) fn remember(&self, id: Id, known: KnownSession, now: Instant) {
        let mut memory = self.lock();
        memory.forget(now);
        if memory.forgetting.len() < memory.most {
            let until = now + REMEMBERED;
            memory.forgetting.push_back((until, id));
            memory.sessions.insert(id, Entry { known, until });
        }
    }

    /// What is known of a session, if it need not be looked up.
    pub(super) fn find(&self, id: &Id, now: Instant) -> Option<KnownSession> {
        let mut memory = self.lock();
        memory.forget(now);
        memory.sessions.get(id).map(|entry| entry.known.clone()).filter(|known| now < known.touch)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Forgets what is too old, and what has ended.
    fn forget(&mut self, now: Instant) {
        while let Some((_, id)) = self.forgetting.pop_front_if(|(until, _)| *until <= now) {
            if self.sessions.get(&id).is_some_and(|entry| entry.until <= now) {
                self.sessions.remove(&id);
            }
        }
        loop {
            match self.endings.try_recv() {
                Ok(Ending::Session(tag)) => self.sessions.retain(|_, entry| entry.known.person.session != tag),
                Ok(Ending::Any) | Err(TryRecvError::Lagged(_)) => self.sessions.clear(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::Sender;

    use super::*;

    struct Case {
        endings: Sender<Ending>,
        recent_sessions: RecentSessions,
        start: Instant,
    }

    fn case(most: usize) -> Case {
        let endings = Sender::new(4);
        Case { recent_sessions: RecentSessions::new(endings.subscribe(), most), endings, start: Instant::now() }
    }

    impl Case {
        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn remember(&self, name: &str, seconds: u64) -> Id {
            let (id, person) =
                (Id::default(), Person { name: name.into(), name_key: name.into(), session: name.into() });
            self.recent_sessions.remember(id, KnownSession { person, touch: self.at(90) }, self.at(seconds));
            id
        }

        fn knows(&self, id: Id, seconds: u64) -> bool {
            self.recent_sessions.find(&id, self.at(seconds)).is_some()
        }
    }

    #[test]
    fn whoever_was_here_a_moment_ago_is_known_for_a_minute() {
        let case = case(9);
        let id = case.remember("sari", 0);
        assert!(case.knows(id, 59));
        assert!(!case.knows(Id::default(), 59));
        assert!(!case.knows(id, 60));
        assert!(case.recent_sessions.lock().sessions.is_empty());
    }

    #[test]
    fn coming_back_again_and_again_does_not_put_off_the_look_at_the_store() {
        let case = case(9);
        let id = case.remember("sari", 0);
        let known = case.recent_sessions.find(&id, case.at(50)).unwrap();
        case.recent_sessions.remember(id, known, case.at(50));
        assert!(case.knows(id, 89));
        assert!(!case.knows(id, 90));
    }

    #[test]
    fn what_has_ended_is_forgotten_and_nothing_else() {
        let case = case(9);
        let (sari, budi) = (case.remember("sari", 0), case.remember("budi", 0));
        case.endings.send(Ending::Session("sari".into())).unwrap();
        assert_eq!((case.knows(sari, 1), case.knows(budi, 1)), (false, true));
    }

    #[test]
    fn whatever_may_have_been_missed_is_forgotten() {
        let case = case(9);
        let sari = case.remember("sari", 0);
        case.endings.send(Ending::Any).unwrap();
        assert!(!case.knows(sari, 1));
        let budi = case.remember("budi", 1);
        for _ in 0..5 {
            case.endings.send(Ending::Session("somebody".into())).unwrap();
        }
        assert!(!case.knows(budi, 2), "more ended than could wait to be heard of");
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let case = case(1);
        case.remember("sari", 0);
        let budi = case.remember("budi", 0);
        assert!(!case.knows(budi, 1));
        let citra = case.remember("citra", 60);
        assert!(case.knows(citra, 61));
    }
}

//! People who exist in Redis only, held by instances that exist there only.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ruang::{name::NameKey, redis::Keys};

use crate::{process::Failure, redis::pipeline};

/// Interval of the heartbeats of instances that do not exist: a tenth of the lease.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// People of one instance.
pub const PEOPLE_OF_ONE: usize = 40_000;
/// People who are written at once.
const CHUNK: usize = 1000;
const NAME_HOLD_MS: &str = "900000";

/// Made-up people under leases that are renewed until this is dropped.
pub struct MadeUpPeople {
    redis: SocketAddr,
    keys: Keys,
    ended: Arc<AtomicBool>,
    /// Instances before this one are dead.
    dead: Arc<AtomicUsize>,
}

impl MadeUpPeople {
    /// Writes this many people into Redis and tells the instances that there is something to read.
    pub fn join(redis: SocketAddr, count: usize) -> Result<Self, Failure> {
        let keys = Keys::new("ruang");
        let people = Self { redis, keys, ended: Arc::default(), dead: Arc::default() };
        people.renew_leases(count.div_ceil(PEOPLE_OF_ONE));
        for first in (0..count).step_by(CHUNK) {
            pipeline(redis, &people.commands(first..count.min(first + CHUNK)))?;
        }
        people.raise_version(&[])?;
        Ok(people)
    }

    /// Changes the room's version without an event, so that every instance reads the people, and runs more commands with it.
    pub fn raise_version(&self, more: &[&[&str]]) -> Result<(), Failure> {
        let meta = self.keys.room()[0].clone();
        let raise = ["HINCRBY", &meta, "v", "1"].map(str::to_owned).to_vec();
        let more = more.iter().map(|command| command.iter().map(|word| (*word).to_owned()).collect());
        pipeline(self.redis, &[raise].into_iter().chain(more).collect::<Vec<_>>())
    }

    /// Ends the heartbeats of the first instance. Returns the time of its last one, at the latest.
    pub fn kill_first(&self) -> Instant {
        self.dead.store(1, Ordering::Relaxed);
        Instant::now()
    }

    fn commands(&self, numbers: std::ops::Range<usize>) -> Vec<Vec<String>> {
        let instance = instance(numbers.start / PEOPLE_OF_ONE);
        let mut people = vec!["HSET".to_owned(), self.keys.people()];
        let mut held = vec!["HSET".to_owned(), self.keys.held(&instance), String::new(), String::new()];
        let mut claims = vec![];
        for number in numbers {
            let name = format!("buatan{number}");
            let claim = self.keys.name(&NameKey::from(name.as_str()));
            claims.push(["SET", &claim, &format!("tanda{number}"), "PX", NAME_HOLD_MS].map(str::to_owned).to_vec());
            people.extend([name.clone(), format!("{name}\n{instance}")]);
            held.extend([name, String::new()]);
        }
        [vec![people, held], claims].concat()
    }

    /// Renews the leases of so many instances, on a thread.
    fn renew_leases(&self, instances: usize) {
        let (redis, leases) = (self.redis, self.keys.room()[5].clone());
        let (ended, dead) = (Arc::clone(&self.ended), Arc::clone(&self.dead));
        thread::spawn(move || {
            for seq in 1.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let renew = (dead.load(Ordering::Relaxed)..instances)
                    .map(|at| vec!["HSET".to_owned(), leases.clone(), instance(at), format!("{seq}")]);
                // Redis may be stopped by the guard.
                let _failed = pipeline(redis, &renew.collect::<Vec<_>>());
                thread::park_timeout(HEARTBEAT);
            }
        });
    }
}

impl Drop for MadeUpPeople {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn instance(at: usize) -> String {
    format!("buatan-{at}")
}

//! A room of hundreds of thousands of people, most of whom exist in Redis only.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    generator::sign_in::sign_in,
    made_up::{MadeUpPeople, PEOPLE_OF_ONE},
    members,
    options::Options,
    process::{self, Failure, MemoryGuard},
    redis::Redis,
    report::{Line, quantile},
    setup::Setup,
    speaker::{OFTEN, Speaker, Spoken},
    wait,
};

const ROW: &str = "large";
const INSTANCES: usize = 8;
/// Clients that send, each on an instance of its own.
const SPEAKERS: usize = 4;
/// The number of the first speaker's name.
const FIRST_SPEAKER: usize = 2_000_000;
const LEASE_SECONDS: f64 = 5.0;
/// Redis refuses writes beyond this.
const MAX_MEMORY: &str = "1gb";
/// Resident bytes of Redis at which the row is stopped: buffers for readers do not count towards `maxmemory`.
const STOP_BYTES: f64 = 1.6e9;
/// How long instances may take to know all people, at the start and after a fault.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);
/// How long they may take to read all names: nothing waits for that, and on a busy machine they pause.
const READ_WITHIN: Duration = Duration::from_secs(240);
/// How long every instance must be ready until it counts.
const READY_FOR: Duration = Duration::from_secs(1);
/// How long no portion of the people is read until all of them were.
const QUIET_FOR: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(25);

/// Made-up people in Redis, and 8 instances that lose their subscriptions while the people change; then an instance of
/// 40,000 people dies.
pub fn large(options: &Options) -> Result<Vec<Line>, Failure> {
    let count = options.clients(300_000);
    let unlimited = ["RUANG_READS_PER_SECOND", "RUANG_SENDERS_PER_ADDRESS"].map(|name| (name, "0".to_owned()));
    let ruang = Setup::empty(&options.ruang(INSTANCES).set(unlimited))?;
    let redis = ruang.redis.as_ref().ok_or("no Redis")?;
    redis.configure("maxmemory", MAX_MEMORY)?;
    let _guard = MemoryGuard::watch(redis.id(), STOP_BYTES);
    let room = Room { targets: &ruang.targets, cookies: sign_in(&ruang.targets, FIRST_SPEAKER, SPEAKERS)? };
    let before = ruang.resident_bytes()?;
    let people = MadeUpPeople::join(redis.address(), count)?;
    room.wait_for_count(count)?;
    wait_until_names_are_read(redis)?;
    let each = (ruang.resident_bytes()? - before) / INSTANCES as f64 / count as f64 / 1024.0;
    let mut lines = room.lose_subscriptions(redis, &people, count)?;
    let first = PEOPLE_OF_ONE.min(count);
    let (calls, cpu) = (redis.calls()?, process::cpu_seconds(redis.id())?);
    let died = people.kill_first();
    room.wait_for_count(count - first)?;
    let gone = died.elapsed().as_secs_f64();
    let used = process::cpu_seconds(redis.id())? - cpu;
    let scans = redis.calls()?.get("hscan").unwrap_or(&0) - calls.get("hscan").unwrap_or(&0);
    lines.extend([
        Line::new(ROW, format!("{first} people of a dead instance gone from every roster"), gone, "s")
            .at_most(LEASE_SECONDS + 2.0, LEASE_SECONDS + 1.0)
            .require(scans == 0, format!("{scans} calls of HSCAN")),
        Line::new(ROW, "  CPU of Redis until then", used, "s").at_most(1.0, 0.5),
        Line::new(ROW, "memory of each instance per person", each, "KiB"),
        Line::new(ROW, "memory of Redis", process::resident_bytes(redis.id())? / 1e6, "MB"),
    ]);
    Ok(lines)
}

/// Waits until no instance reads people any more. Returns when that was, at the latest.
fn wait_until_names_are_read(redis: &Redis) -> Result<Instant, Failure> {
    let (began, mut last, mut known) = (Instant::now(), Instant::now(), None);
    while last.elapsed() < QUIET_FOR {
        let calls = redis.calls()?.get("hscan").copied();
        if calls != known {
            (known, last) = (calls, Instant::now());
        }
        if began.elapsed() > READ_WITHIN {
            return Err(format!("people are still read after {READ_WITHIN:?}").into());
        }
        thread::park_timeout(POLL);
    }
    Ok(last)
}

struct Room<'a> {
    targets: &'a [SocketAddr],
    /// Sessions of the speakers.
    cookies: Vec<String>,
}

impl Room<'_> {
    /// Cuts every subscription while the people change, and measures until all are ready again.
    fn lose_subscriptions(&self, redis: &Redis, people: &MadeUpPeople, count: usize) -> Result<Vec<Line>, Failure> {
        let speakers =
            self.targets.iter().zip(&self.cookies).map(|(target, cookie)| Speaker::start(*target, cookie, OFTEN));
        let speakers = speakers.collect::<Result<Vec<_>, _>>()?;
        self.wait_for_count(count + SPEAKERS)?;
        people.raise_version(&[&["CLIENT", "KILL", "TYPE", "pubsub"]])?;
        let began = Instant::now();
        let ready = self.wait_until_ready()?;
        let names = wait_until_names_are_read(redis)?.duration_since(began).as_secs_f64();
        let spoken = speakers.into_iter().map(Speaker::finish).collect::<Result<Vec<_>, _>>()?;
        let failed: usize = spoken.iter().map(|spoken| spoken.failed).sum();
        let acks: Vec<f64> = spoken.into_iter().flat_map(|Spoken { acks, .. }| acks).collect();
        let sent = acks.len() + failed;
        self.wait_for_count(count)?;
        Ok(vec![
            Line::new(
                ROW,
                format!("{INSTANCES} instances ready after a lost subscription, {count} people"),
                ready,
                "s",
            )
            .at_most(5.0, 2.0),
            Line::new(ROW, "  all names read by all of them", names, "s"),
            Line::new(ROW, format!("  p99 of {sent} acks meanwhile"), quantile(&acks, 0.99), "ms")
                .at_most(250.0, 100.0)
                .require(failed == 0, format!("{failed} messages were not acknowledged"))
                .with_detail(json!(acks)),
        ])
    }

    /// Returns the seconds until the last instance was ready.
    fn wait_until_ready(&self) -> Result<f64, Failure> {
        let (began, mut last) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < last + READY_FOR {
            if !self.targets.iter().all(|target| members::is_ready(*target)) {
                last = began.elapsed();
            }
            if last > KNOWN_WITHIN {
                return Err(format!("not ready within {KNOWN_WITHIN:?}").into());
            }
            thread::park_timeout(POLL);
        }
        Ok(last.as_secs_f64())
    }

    /// Waits until every instance counts so many people.
    fn wait_for_count(&self, count: usize) -> Result<(), Failure> {
        for target in self.targets {
            let counts = || members::count(*target, &self.cookies[0]).is_ok_and(|found| found == count).then_some(());
            wait::within(KNOWN_WITHIN, &format!("{target} counts {count} people"), counts)?;
        }
        Ok(())
    }
}

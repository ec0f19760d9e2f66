//! Does the faults to a real cluster, mends them, and writes down when.

use std::time::Duration;

use tokio::time::{self, Instant};

use crate::kit::{Cluster, SOON, redis};

use super::{
    plan::{Fault, Options},
    record::{At, Done, Down},
    tab::Doors,
};

/// How long a balancer takes to see that a server no longer answers.
const NOTICED: Duration = Duration::from_secs(1);
/// How long an instance may take to hand its people over.
const DRAIN: Duration = Duration::from_secs(30);

/// The cluster, and what has been done to it.
pub struct FaultInjector {
    /// The instances and their Redis.
    pub cluster: Cluster,
    /// What was done.
    pub done: Vec<Done>,
    /// Instances that went.
    pub downs: Vec<Down>,
    doors: Doors,
    began: Instant,
    lease: Duration,
    /// How many of the first instances are never stopped.
    spared: usize,
}

impl FaultInjector {
    /// To a cluster that has just started; clients find its instances through `doors`.
    pub fn to(cluster: Cluster, options: &Options, doors: Doors, began: Instant) -> Self {
        let fault_injector = Self {
            cluster,
            done: Vec::new(),
            downs: Vec::new(),
            doors,
            began,
            lease: options.lease,
            spared: usize::from(options.hostile > 0),
        };
        fault_injector.open_doors(None);
        fault_injector
    }

    /// Does one fault, and mends it.
    pub async fn does(&mut self, fault: Fault) {
        let from = self.began.elapsed();
        match fault {
            Fault::Kill(i) => {
                let base = self.kill(i).await;
                self.note("kill -9", base, from, Some(from), false);
            }
            Fault::Restart(i) => {
                let base = self.terminate(i).await;
                self.note("SIGTERM", base, from, Some(from), false);
            }
            Fault::RollingRestart => {
                for _ in self.spared..self.cluster.instances.len() {
                    self.terminate(0).await;
                }
                self.note("rolling restart", String::new(), from, Some(from), false);
            }
            Fault::Freeze(i, beyond) => self.freeze(i, beyond, from).await,
            Fault::RedisFreeze(how_long) => {
                self.cluster.redis().pause();
                time::sleep(how_long).await;
                self.cluster.redis().resume();
                let mended = Some(self.began.elapsed());
                self.note("redis SIGSTOP", format!("{how_long:?}"), from, mended, true);
            }
            Fault::RedisRestart(how_long) => {
                self.cluster.redis().kill();
                time::sleep(how_long).await;
                self.cluster.redis().restart().await;
                let mended = Some(self.began.elapsed());
                self.note("redis kill -9", format!("{how_long:?}"), from, mended, true);
            }
            Fault::KillSubscribers => self.tell_redis(&["CLIENT", "KILL", "TYPE", "pubsub"], from).await,
            Fault::KillClients => self.tell_redis(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"], from).await,
            Fault::ForgetScripts => self.tell_redis(&["SCRIPT", "FLUSH"], from).await,
        }
    }

    async fn kill(&mut self, i: usize) -> String {
        let i = self.spared + i % (self.cluster.instances.len() - self.spared);
        let mut instance = self.cluster.instances.remove(i);
        self.open_doors(None);
        self.downs.push(Down { base: instance.base().to_owned(), at: self.began.elapsed(), announced: false });
        instance.kill();
        self.cluster.add().await;
        self.open_doors(None);
        instance.base().to_owned()
    }

    async fn terminate(&mut self, i: usize) -> String {
        self.cluster.add().await;
        let i = self.spared + i % (self.cluster.instances.len() - 1 - self.spared);
        let mut instance = self.cluster.instances.remove(i);
        self.open_doors(None);
        self.downs.push(Down { base: instance.base().to_owned(), at: self.began.elapsed(), announced: true });
        instance.terminate();
        instance.wait_for_exit(DRAIN).await;
        instance.base().to_owned()
    }

    async fn freeze(&mut self, i: usize, beyond: Duration, from: At) {
        let i = i % self.cluster.instances.len();
        let base = self.cluster.base(i).to_owned();
        self.downs.push(Down { base: base.clone(), at: from, announced: false });
        self.cluster.instances[i].pause();
        time::sleep(NOTICED).await;
        self.open_doors(Some(&base));
        time::sleep((self.lease + beyond).saturating_sub(NOTICED)).await;
        self.cluster.instances[i].resume();
        self.cluster.instances[i].wait_for_readyz(200, SOON).await;
        self.open_doors(None);
        self.note("SIGSTOP", format!("{base}, {beyond:?} beyond the lease"), from, Some(from), false);
    }

    async fn tell_redis(&mut self, words: &'static [&'static str], from: At) {
        redis::command(self.cluster.redis(), words).await;
        let flush = words[0] == "SCRIPT";
        let kind = match words.get(3) {
            Some(&"pubsub") => "CLIENT KILL pubsub",
            Some(_) => "CLIENT KILL normal",
            None => "SCRIPT FLUSH",
        };
        self.note(kind, String::new(), from, Some(from), !flush);
    }

    /// What clients may try: all instances but this one.
    fn open_doors(&self, but: Option<&str>) {
        let bases = self.cluster.instances.iter().map(|instance| instance.base().to_owned());
        *self.doors.lock().unwrap() = bases.filter(|base| Some(base.as_str()) != but).collect();
    }

    fn note(&mut self, kind: &'static str, what: String, from: At, recovers_from: Option<At>, deafening: bool) {
        self.done.push(Done { kind, what, from, to: self.began.elapsed(), recovers_from, deafening });
    }
}

//! Injects faults into a real cluster, repairs them and records when.

use std::time::Duration;

use tokio::time::{self, Instant};

use crate::kit::{Cluster, SOON, redis};

use super::{
    plan::{Fault, Options},
    record::{InjectedFault, InstanceExit, Moment},
    tab::Addresses,
};

/// Time until a balancer notices that a server does not respond.
const NOTICED: Duration = Duration::from_secs(1);
/// Limit of a drain.
const DRAIN: Duration = Duration::from_secs(30);

/// The cluster and the injected faults.
pub struct FaultInjector {
    /// The instances and their Redis.
    pub cluster: Cluster,
    /// The injected faults.
    pub done: Vec<InjectedFault>,
    /// Instances that exited.
    pub exits: Vec<InstanceExit>,
    addresses: Addresses,
    began: Instant,
    lease: Duration,
    /// Number of first instances that are never stopped.
    spared: usize,
}

impl FaultInjector {
    /// Creates an injector for a started cluster; participants find its instances in `addresses`.
    pub fn new(cluster: Cluster, options: &Options, addresses: Addresses, began: Instant) -> Self {
        let fault_injector = Self {
            cluster,
            done: Vec::new(),
            exits: Vec::new(),
            addresses,
            began,
            lease: options.lease,
            spared: usize::from(options.hostile > 0),
        };
        fault_injector.publish_addresses(None);
        fault_injector
    }

    /// Injects one fault and repairs it.
    pub async fn inject(&mut self, fault: Fault) {
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
            Fault::RedisFreeze(duration) => {
                self.cluster.redis().pause();
                time::sleep(duration).await;
                self.cluster.redis().resume();
                let repaired = Some(self.began.elapsed());
                self.note("redis SIGSTOP", format!("{duration:?}"), from, repaired, true);
            }
            Fault::RedisRestart(duration) => {
                self.cluster.redis().kill();
                time::sleep(duration).await;
                self.cluster.redis().restart().await;
                let repaired = Some(self.began.elapsed());
                self.note("redis kill -9", format!("{duration:?}"), from, repaired, true);
            }
            Fault::KillSubscribers => self.send_to_redis(&["CLIENT", "KILL", "TYPE", "pubsub"], from).await,
            Fault::KillClients => {
                self.send_to_redis(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"], from).await;
            }
            Fault::ForgetScripts => self.send_to_redis(&["SCRIPT", "FLUSH"], from).await,
        }
    }

    async fn kill(&mut self, i: usize) -> String {
        let i = self.spared + i % (self.cluster.instances.len() - self.spared);
        let mut instance = self.cluster.instances.remove(i);
        self.publish_addresses(None);
        self.exits.push(InstanceExit {
            base: instance.base().to_owned(),
            at: self.began.elapsed(),
            announced: false,
            returned: None,
        });
        instance.kill();
        self.cluster.add().await;
        self.publish_addresses(None);
        instance.base().to_owned()
    }

    async fn terminate(&mut self, i: usize) -> String {
        self.cluster.add().await;
        let i = self.spared + i % (self.cluster.instances.len() - 1 - self.spared);
        let mut instance = self.cluster.instances.remove(i);
        self.publish_addresses(None);
        self.exits.push(InstanceExit {
            base: instance.base().to_owned(),
            at: self.began.elapsed(),
            announced: true,
            returned: None,
        });
        instance.terminate();
        instance.wait_for_exit(DRAIN).await;
        instance.base().to_owned()
    }

    async fn freeze(&mut self, i: usize, beyond: Duration, from: Moment) {
        let i = i % self.cluster.instances.len();
        let base = self.cluster.base(i).to_owned();
        self.exits.push(InstanceExit { base: base.clone(), at: from, announced: false, returned: None });
        self.cluster.instances[i].pause();
        time::sleep(NOTICED).await;
        self.publish_addresses(Some(&base));
        time::sleep((self.lease + beyond).saturating_sub(NOTICED)).await;
        self.cluster.instances[i].resume();
        self.cluster.instances[i].wait_for_readyz(200, SOON).await;
        self.publish_addresses(None);
        self.note("SIGSTOP", format!("{base}, {beyond:?} beyond the lease"), from, Some(from), false);
    }

    async fn send_to_redis(&mut self, command: &'static [&'static str], from: Moment) {
        redis::command(self.cluster.redis(), command).await;
        let flush = command[0] == "SCRIPT";
        let kind = match command.get(3) {
            Some(&"pubsub") => "CLIENT KILL pubsub",
            Some(_) => "CLIENT KILL normal",
            None => "SCRIPT FLUSH",
        };
        self.note(kind, String::new(), from, Some(from), !flush);
    }

    /// Publishes the addresses of all instances except this one.
    fn publish_addresses(&self, but: Option<&str>) {
        let bases = self.cluster.instances.iter().map(|instance| instance.base().to_owned());
        *self.addresses.lock().unwrap() = bases.filter(|base| Some(base.as_str()) != but).collect();
    }

    fn note(
        &mut self,
        kind: &'static str,
        what: String,
        from: Moment,
        recovers_from: Option<Moment>,
        interrupts_redis: bool,
    ) {
        self.done.push(InjectedFault { kind, what, from, to: self.began.elapsed(), recovers_from, interrupts_redis });
    }
}

//! Instances that keep one room open together.

use super::{HttpClient, Instance, Redis, WsClient, wait::SOON};

/// What the instances share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded backplane: one instance.
    Memory,
    /// A Redis of the test's own.
    Redis,
}

/// Builds a [`Cluster`].
pub struct ClusterBuilder {
    engine: Engine,
    instances: usize,
    settings: Vec<(String, String)>,
}

/// Running instances, and the Redis between them. All end when it is dropped, the instances first.
pub struct Cluster {
    /// The instances, in the order they were started.
    pub instances: Vec<Instance>,
    /// What they share, with [`Engine::Redis`].
    pub redis: Option<Redis>,
    settings: Vec<(String, String)>,
}

impl Cluster {
    /// A cluster of one instance, with no limit on sign-ins: they all come from one address here.
    pub fn builder(engine: Engine) -> ClusterBuilder {
        ClusterBuilder { engine, instances: 1, settings: Vec::new() }.set("RUANG_SIGN_INS_PER_MINUTE", "0")
    }

    /// One instance as it comes, with nothing set.
    pub async fn with_defaults(engine: Engine) -> Self {
        ClusterBuilder { engine, instances: 1, settings: Vec::new() }.start().await
    }

    /// Where the `i`th instance listens.
    pub fn base(&self, i: usize) -> &str {
        self.instances[i].base()
    }

    /// Redis; the test is one of a cluster on Redis.
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("the cluster is on Redis")
    }

    /// Somebody who is in the room, through the `i`th instance.
    pub async fn join(&self, i: usize, name: &str) -> WsClient {
        WsClient::sign_in_and_join(&self.http_client(i), name).await
    }

    /// Somebody who has not signed in yet, at the `i`th instance.
    pub fn http_client(&self, i: usize) -> HttpClient {
        HttpClient::new(self.base(i))
    }

    /// Starts one more instance, and waits until it is ready.
    pub async fn add(&mut self) {
        let instance = Instance::start(&format!("instance {}", self.instances.len()), &self.settings).await;
        instance.wait_for_readyz(200, SOON).await;
        self.instances.push(instance);
    }

    /// Starts one more, of another program; waits until it is ready, and answers which it is.
    pub async fn add_program(&mut self, program: &str) -> usize {
        let place = self.instances.len();
        let instance = Instance::start_program(program, &format!("instance {place}"), &self.settings).await;
        instance.wait_for_readyz(200, SOON).await;
        self.instances.push(instance);
        place
    }
}

impl ClusterBuilder {
    /// How many instances; more than one needs Redis.
    pub fn instances(mut self, count: usize) -> Self {
        assert!(count == 1 || self.engine == Engine::Redis, "the memory engine is one instance");
        self.instances = count;
        self
    }

    /// A setting of every instance. The last one given counts.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts everything, and waits until all instances are ready.
    pub async fn start(self) -> Cluster {
        match self.engine {
            Engine::Memory => self.run(None).await,
            Engine::Redis => {
                let redis = Redis::start().await;
                let url = redis.url();
                self.start_on(Some(redis), &url).await
            }
        }
    }

    /// Starts the instances on the Redis at this address, and waits until all are ready. A Redis that is handed over
    /// ends after them.
    pub async fn start_on(self, redis: Option<Redis>, url: &str) -> Cluster {
        self.set("REDIS_URL", url).run(redis).await
    }

    async fn run(self, redis: Option<Redis>) -> Cluster {
        let mut cluster = Cluster { instances: Vec::new(), redis, settings: self.settings };
        for _ in 0..self.instances {
            cluster.add().await;
        }
        cluster
    }
}

//! Instances that share one room.

use super::{HttpClient, Instance, Redis, WsClient, process::free_port, wait::SOON};

/// The engine that the instances share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded backplane: one instance.
    Memory,
    /// A separate Redis per test.
    Redis,
}

/// Builds a [`Cluster`].
pub struct ClusterBuilder {
    engine: Engine,
    instances: usize,
    settings: Vec<(String, String)>,
    port: Option<u16>,
}

/// Running instances and their Redis. Dropping it stops all, the instances first.
pub struct Cluster {
    /// The instances, in start order.
    pub instances: Vec<Instance>,
    /// Their Redis, with [`Engine::Redis`].
    pub redis: Option<Redis>,
    settings: Vec<(String, String)>,
    /// The port of every instance, each on a loopback address of its own.
    port: Option<u16>,
}

impl Cluster {
    /// Builds a cluster of one instance. Sign-ins are not limited, since all test clients share an address.
    pub fn builder(engine: Engine) -> ClusterBuilder {
        ClusterBuilder { engine, instances: 1, settings: Vec::new(), port: None }.set("RUANG_SIGN_INS_PER_MINUTE", "0")
    }

    /// Starts one instance with default settings.
    pub async fn with_defaults(engine: Engine) -> Self {
        ClusterBuilder { engine, instances: 1, settings: Vec::new(), port: None }.start().await
    }

    /// Returns the base URL of the `i`th instance.
    pub fn base(&self, i: usize) -> &str {
        self.instances[i].base()
    }

    /// Returns the cluster's Redis; panics with the memory engine.
    pub fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("the cluster is on Redis")
    }

    /// Signs a person in at the `i`th instance and joins the room.
    pub async fn join(&self, i: usize, name: &str) -> WsClient {
        WsClient::sign_in_and_join(&self.http_client(i), name).await
    }

    /// Signs a person in at the `i`th instance.
    pub async fn sign_in(&self, i: usize, name: &str) -> HttpClient {
        let http_client = self.http_client(i);
        http_client.sign_in(name).await.redirects_to("/chat");
        http_client
    }

    /// Returns an HTTP client without a session for the `i`th instance.
    pub fn http_client(&self, i: usize) -> HttpClient {
        HttpClient::new(self.base(i))
    }

    /// Sets a setting of the instances that are added from now on.
    pub fn set_for_later(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts another instance and waits until it is ready.
    pub async fn add(&mut self) {
        let place = self.instances.len();
        let mut settings = self.settings.clone();
        settings.extend(self.port.map(|port| ("RUANG_LISTEN".to_owned(), format!("127.0.0.{}:{port}", 11 + place))));
        let instance = Instance::start(&format!("instance {place}"), &settings).await;
        instance.wait_for_readyz(200, SOON).await;
        self.instances.push(instance);
    }

    /// Starts another instance of another program, waits until it is ready and returns its index.
    pub async fn add_program(&mut self, program: &str) -> usize {
        let place = self.instances.len();
        let instance = Instance::start_program(program, &format!("instance {place}"), &self.settings).await;
        instance.wait_for_readyz(200, SOON).await;
        self.instances.push(instance);
        place
    }
}

impl ClusterBuilder {
    /// Sets the number of instances; more than one needs Redis.
    pub fn instances(mut self, count: usize) -> Self {
        assert!(count == 1 || self.engine == Engine::Redis, "the memory engine is one instance");
        self.instances = count;
        self
    }

    /// Sets a setting of every instance. The last value of a name applies.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives all instances one port, and each a loopback address of its own, as containers have.
    pub fn on_one_port(mut self) -> Self {
        self.port = Some(free_port());
        self
    }

    /// Starts Redis and the instances and waits until all are ready.
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

    /// Starts the instances on the Redis at this URL and waits until all are ready. The cluster keeps `redis` and stops it
    /// after them.
    pub async fn start_on(self, redis: Option<Redis>, url: &str) -> Cluster {
        self.set("REDIS_URL", url).run(redis).await
    }

    async fn run(self, redis: Option<Redis>) -> Cluster {
        let mut cluster = Cluster { instances: Vec::new(), redis, settings: self.settings, port: self.port };
        for _ in 0..self.instances {
            cluster.add().await;
        }
        cluster
    }
}

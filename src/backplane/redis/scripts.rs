//! The scripts, and one connection to run them on.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::{LuaInterface, PubsubInterface},
    types::{Value, scripts::Script},
};
use tracing::Instrument;

use crate::{
    backplane::Unavailable,
    redis::{Complaint, kind},
    telemetry::{instruments, spans},
};

/// A script that is refused whole when Redis is out of memory.
const NEEDS_MEMORY: &str = "#!lua\n";
/// A script that must work then too, or nobody could leave.
const ALLOWS_OOM: &str = "#!lua flags=allow-oom\n";

/// Between two lines of the log that Redis refuses something.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The scripts of the room, run in order on one connection.
pub(super) struct Scripts {
    client: Client,
    publish: Script,
    beat: Script,
    reap: Script,
    end: Script,
    read: Script,
    claim: Script,
    act: Script,
}

impl Scripts {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            publish: script(NEEDS_MEMORY, include_str!("lua/publish.lua")),
            beat: script(ALLOWS_OOM, include_str!("lua/beat.lua")),
            reap: script(ALLOWS_OOM, include_str!("lua/reap.lua")),
            end: script(ALLOWS_OOM, include_str!("lua/end.lua")),
            read: script(ALLOWS_OOM, include_str!("lua/read.lua")),
            claim: script(NEEDS_MEMORY, include_str!("lua/claim.lua")),
            act: script(ALLOWS_OOM, include_str!("lua/act.lua")),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) async fn publish(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("publish", &self.publish, keys, args).await
    }

    pub(super) async fn beat(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("beat", &self.beat, keys, args).await
    }

    pub(super) async fn reap(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("reap", &self.reap, keys, args).await
    }

    pub(super) async fn end(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("end", &self.end, keys, args).await
    }

    pub(super) async fn read(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("read", &self.read, keys, args).await
    }

    pub(super) async fn claim(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("claim", &self.claim, keys, args).await
    }

    pub(super) async fn act(&self, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        self.run("act", &self.act, keys, args).await
    }

    /// Publishes what need not be kept.
    pub(super) async fn tell(&self, channel: String, envelope: String) -> Result<(), Unavailable> {
        self.client.publish(channel, envelope).await.map_err(|error| unavailable("tell", &error))
    }

    async fn run(
        &self,
        name: &'static str,
        script: &Script,
        keys: Vec<String>,
        args: Vec<String>,
    ) -> Result<Value, Unavailable> {
        let began = Instant::now();
        let answer = self.evaluate(script, keys, args).instrument(spans::script(name)).await;
        instruments().asked_redis(name, began.elapsed(), answer.as_ref().err().map(kind));
        answer.map_err(|error| unavailable(name, &error))
    }

    async fn evaluate(&self, script: &Script, keys: Vec<String>, args: Vec<String>) -> Result<Value, Error> {
        match self.client.evalsha(script.sha1().clone(), keys.clone(), args.clone()).await {
            // After a restart, or SCRIPT FLUSH. EVAL makes it known again.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                let source = script.lua().cloned().unwrap_or_default();
                self.client.eval(source, keys, args).await
            }
            answer => answer,
        }
    }
}

fn script(header: &str, own: &str) -> Script {
    Script::from_lua([header, include_str!("lua/epoch.lua"), own].concat())
}

/// Logs what is not expected of a Redis that comes and goes: now and then, whoever is refused meanwhile.
fn unavailable(script: &'static str, error: &Error) -> Unavailable {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    let comes_and_goes = matches!(
        error.kind(),
        ErrorKind::Timeout | ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Backpressure | ErrorKind::Cluster
    );
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if comes_and_goes || told.is_some_and(|last| last.elapsed() < TELL_EVERY) {
        tracing::debug!(script, %error, "Redis does not do it");
    } else {
        *told = Some(Instant::now());
        tracing::warn!(script, why = %Complaint::from(error), "Redis refuses");
    }
    Unavailable
}

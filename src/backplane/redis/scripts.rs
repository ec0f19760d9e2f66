//! The scripts, and one connection to run them on.

use std::time::{Duration, Instant};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::{LuaInterface, PubsubInterface},
    types::{FromValue, scripts::Script as Source},
};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument;

use crate::{
    backplane::Unavailable,
    redis::{Diagnosis, PubSub, kind},
    telemetry::{instruments, spans},
};

/// Begins a script that Redis refuses whole when it is out of memory.
const NEEDS_MEMORY: &str = "#!lua\n";
/// Begins a script that runs even then: people must be able to leave.
const ALLOWS_OOM: &str = "#!lua flags=allow-oom\n";

/// Parts that several scripts begin with, after the prelude.
const LOG: &str = include_str!("lua/log.lua");
const SENDING: &str = include_str!("lua/sending.lua");

/// Least time between two log lines about refused commands.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The scripts of the room, run in order on one connection.
pub(super) struct Scripts {
    client: Client,
    pubsub: PubSub,
    pub(super) publish: Script,
    pub(super) change: Script,
    pub(super) heartbeat: Script,
    pub(super) reap: Script,
    pub(super) end: Script,
    pub(super) read: Script,
    pub(super) people: Script,
    pub(super) page: Script,
    pub(super) claim: Script,
    pub(super) moderate: Script,
    pub(super) report: Script,
    pub(super) reports: Script,
}

/// One script: atomic, with one JSON object as its argument and one as its reply.
pub(super) struct Script {
    /// Its name in metrics and traces.
    name: &'static str,
    source: Source,
}

impl Scripts {
    pub(super) fn new(client: Client, pubsub: PubSub) -> Self {
        let script = |name, header, parts: &[&str]| Script::new(name, header, pubsub, parts);
        Self {
            client,
            pubsub,
            publish: script("publish", NEEDS_MEMORY, &[SENDING, include_str!("lua/publish.lua")]),
            change: script("change", NEEDS_MEMORY, &[SENDING, LOG, include_str!("lua/change.lua")]),
            heartbeat: script("beat", ALLOWS_OOM, &[LOG, include_str!("lua/heartbeat.lua")]),
            reap: script("reap", ALLOWS_OOM, &[include_str!("lua/reap.lua")]),
            end: script("end", ALLOWS_OOM, &[include_str!("lua/end.lua")]),
            read: script("read", ALLOWS_OOM, &[LOG, include_str!("lua/read.lua")]),
            people: script("people", ALLOWS_OOM, &[include_str!("lua/people.lua")]),
            page: script("page", ALLOWS_OOM, &[LOG, include_str!("lua/page.lua")]),
            claim: script("claim", NEEDS_MEMORY, &[include_str!("lua/claim.lua")]),
            moderate: script("act", ALLOWS_OOM, &[LOG, include_str!("lua/moderate.lua")]),
            report: script("report", NEEDS_MEMORY, &[LOG, include_str!("lua/report.lua")]),
            reports: script("reports", ALLOWS_OOM, &[LOG, include_str!("lua/reports.lua")]),
        }
    }

    /// Passes the source of each script through `edit`.
    pub(super) fn edit(&mut self, edit: &dyn Fn(&str) -> String) {
        let Self {
            publish, change, heartbeat, reap, end, read, people, page, claim, moderate, report, reports, ..
        } = self;
        for script in [publish, change, heartbeat, reap, end, read, people, page, claim, moderate, report, reports] {
            script.source = Source::from_lua(edit(script.source.lua().map_or("", |source| source)));
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a script.
    ///
    /// # Errors
    /// [`Unavailable`] if Redis does not answer, or refuses.
    pub(super) async fn run<R: DeserializeOwned>(
        &self,
        script: &Script,
        keys: Vec<String>,
        argument: &impl Serialize,
    ) -> Result<R, Unavailable> {
        self.run_with(script, keys, argument, vec![]).await
    }

    /// Runs a script that takes texts beside its argument.
    pub(super) async fn run_with<R: DeserializeOwned>(
        &self,
        script: &Script,
        keys: Vec<String>,
        argument: &impl Serialize,
        texts: Vec<String>,
    ) -> Result<R, Unavailable> {
        let reply: String = self.call(script, keys, argument, texts).await?;
        serde_json::from_str(&reply).map_err(|error| unreadable(script.name, &error))
    }

    /// Runs a script that replies with a list of texts.
    pub(super) async fn run_list(
        &self,
        script: &Script,
        keys: Vec<String>,
        argument: &impl Serialize,
    ) -> Result<Vec<String>, Unavailable> {
        self.call(script, keys, argument, vec![]).await
    }

    async fn call<R: FromValue>(
        &self,
        script: &Script,
        keys: Vec<String>,
        argument: &impl Serialize,
        texts: Vec<String>,
    ) -> Result<R, Unavailable> {
        let argument = serde_json::to_string(argument).map_err(|error| unreadable(script.name, &error))?;
        let values = std::iter::once(argument).chain(texts).collect();
        let began = Instant::now();
        let reply = self.evaluate(&script.source, keys, values).instrument(spans::script(script.name)).await;
        instruments().asked_redis(script.name, began.elapsed(), reply.as_ref().err().map(kind));
        reply.map_err(|error| unavailable(script.name, &error))
    }

    /// Publishes an envelope that is not stored.
    pub(super) async fn publish_only(&self, channel: String, envelope: String) -> Result<(), Unavailable> {
        let refused = |error| unavailable("tell", &error);
        if self.pubsub.is_sharded() {
            self.client.spublish::<(), _, _>(channel.clone(), envelope.clone()).await.map_err(refused)?;
        }
        if self.pubsub.is_classic() {
            self.client.publish::<(), _, _>(channel, envelope).await.map_err(refused)?;
        }
        Ok(())
    }

    async fn evaluate<R: FromValue>(
        &self,
        source: &Source,
        keys: Vec<String>,
        values: Vec<String>,
    ) -> Result<R, Error> {
        match self.client.evalsha(source.sha1().clone(), keys.clone(), values.clone()).await {
            // After a restart, or SCRIPT FLUSH. EVAL loads it again.
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                let text = source.lua().cloned().unwrap_or_default();
                self.client.eval(text, keys, values).await
            }
            reply => reply,
        }
    }
}

impl Script {
    fn new(name: &'static str, header: &str, pubsub: PubSub, parts: &[&str]) -> Self {
        let publishing = format!("local publishing = {}\n", pubsub.commands());
        let lua = [&[header, publishing.as_str(), include_str!("lua/prelude.lua")], parts].concat().concat();
        Self { name, source: Source::from_lua(lua) }
    }
}

/// Logs a refusal at most once in [`LOG_EVERY`]; what a Redis that comes and goes causes, at debug level only.
pub(super) fn unavailable(command: &'static str, error: &Error) -> Unavailable {
    static LOGGED: Mutex<Option<Instant>> = Mutex::new(None);
    let is_expected = matches!(
        error.kind(),
        ErrorKind::Timeout | ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Backpressure | ErrorKind::Cluster
    );
    let mut logged = LOGGED.lock();
    if is_expected || logged.is_some_and(|last| last.elapsed() < LOG_EVERY) {
        tracing::debug!(command, %error, "Redis command failed");
    } else {
        *logged = Some(Instant::now());
        tracing::warn!(command, why = %Diagnosis::from(error), "Redis refuses a command");
    }
    Unavailable
}

fn unreadable(script: &'static str, error: &serde_json::Error) -> Unavailable {
    // The error may quote user text: only its kind is logged.
    tracing::error!(script, kind = ?error.classify(), "this version cannot read the reply of Redis");
    Unavailable
}

#[cfg(test)]
mod tests {
    use crate::redis::Keys;

    #[test]
    fn prelude_names_the_keys_in_their_order() {
        let prelude = include_str!("lua/prelude.lua");
        let line = prelude.lines().find(|line| line.contains("unpack(KEYS, 1, 13)")).unwrap();
        let named: Vec<&str> = line["local ".len()..].split(" = ").next().unwrap().split(", ").collect();
        let keys = Keys::new("ruang").room();
        let expected: Vec<String> =
            keys.iter().map(|key| key.rsplit_once("}:").unwrap().1.replace("said:", "nonces_")).collect();
        assert_eq!(named, expected);
    }
}

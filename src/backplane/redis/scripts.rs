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
    redis::{Diagnosis, kind},
    telemetry::{instruments, spans},
};

/// A script that is refused whole when Redis is out of memory.
const NEEDS_MEMORY: &str = "#!lua\n";
/// A script that must work then too, or nobody could leave.
const ALLOWS_OOM: &str = "#!lua flags=allow-oom\n";

/// Between two lines of the log that Redis refuses something.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What Redis does for the room, each as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Publish,
    Heartbeat,
    Reap,
    End,
    Read,
    Claim,
    ModerationAction,
}

/// The scripts of the room, run in order on one connection.
pub(super) struct Scripts {
    client: Client,
    /// In the order of [`Call::ALL`].
    scripts: [Script; Call::ALL.len()],
}

impl Scripts {
    pub(super) fn new(client: Client) -> Self {
        Self { client, scripts: Call::ALL.map(Call::script) }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a script.
    ///
    /// # Errors
    /// [`Unavailable`] if Redis does not answer, or refuses.
    pub(super) async fn run(&self, call: Call, keys: Vec<String>, args: Vec<String>) -> Result<Value, Unavailable> {
        let (began, script) = (Instant::now(), &self.scripts[call as usize]);
        let answer = self.evaluate(script, keys, args).instrument(spans::script(call.as_str())).await;
        instruments().asked_redis(call.as_str(), began.elapsed(), answer.as_ref().err().map(kind));
        answer.map_err(|error| unavailable(call.as_str(), &error))
    }

    /// Publishes what need not be kept.
    pub(super) async fn tell(&self, channel: String, envelope: String) -> Result<(), Unavailable> {
        self.client.publish(channel, envelope).await.map_err(|error| unavailable("tell", &error))
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

impl Call {
    const ALL: [Self; 7] =
        [Self::Publish, Self::Heartbeat, Self::Reap, Self::End, Self::Read, Self::Claim, Self::ModerationAction];

    /// As metrics and traces have it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Heartbeat => "beat",
            Self::Reap => "reap",
            Self::End => "end",
            Self::Read => "read",
            Self::Claim => "claim",
            Self::ModerationAction => "act",
        }
    }

    fn script(self) -> Script {
        let (header, own) = match self {
            Self::Publish => (NEEDS_MEMORY, include_str!("lua/publish.lua")),
            Self::Heartbeat => (ALLOWS_OOM, include_str!("lua/heartbeat.lua")),
            Self::Reap => (ALLOWS_OOM, include_str!("lua/reap.lua")),
            Self::End => (ALLOWS_OOM, include_str!("lua/end.lua")),
            Self::Read => (ALLOWS_OOM, include_str!("lua/read.lua")),
            Self::Claim => (NEEDS_MEMORY, include_str!("lua/claim.lua")),
            Self::ModerationAction => (ALLOWS_OOM, include_str!("lua/moderate.lua")),
        };
        Script::from_lua([header, include_str!("lua/prelude.lua"), own].concat())
    }
}

const _: () = {
    let mut at = 0;
    while at < Call::ALL.len() {
        assert!(Call::ALL[at] as usize == at, "a script is found by its call");
        at += 1;
    }
};

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
        tracing::warn!(script, why = %Diagnosis::from(error), "Redis refuses");
    }
    Unavailable
}

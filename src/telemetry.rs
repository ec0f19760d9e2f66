//! What operators see: the log on stderr, and traces by OpenTelemetry where a collector is named.

mod export;
mod lines;

#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal},
    thread,
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How long the last traces may take to be sent when the process ends.
const FLUSH: Duration = Duration::from_secs(3);

/// What is logged and traced, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// How a line of the log is written.
    pub format: Format,
    /// What is logged and traced, as `RUST_LOG` has it.
    pub filter: String,
    /// Where traces go, if anywhere.
    pub traces: Option<Traces>,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: one line an event.
    Text,
    /// For programs: one JSON object an event.
    Json,
}

/// Where traces go. The rest (headers, timeouts, sampler, resource) OpenTelemetry's SDK reads from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    /// The URL that they are posted to, its path included.
    pub endpoint: String,
}

/// Keeps traces going; sends the last of them when it is dropped.
#[derive(Debug)]
#[must_use = "traces end when it is dropped"]
pub struct Guard(Option<SdkTracerProvider>);

/// Sets up log and traces for the whole process. Nothing that goes wrong with them is reason not to serve: it is
/// logged where that is possible.
pub fn init(options: &Options) -> Guard {
    let (guard, failed) = match options.traces.as_ref().map(Guard::new).transpose() {
        Ok(guard) => (guard.unwrap_or(Guard(None)), None),
        Err(error) => (Guard(None), Some(error)),
    };
    let colour = io::stderr().is_terminal();
    if subscriber(options, &guard, io::stderr, colour).try_init().is_err() {
        tracing::warn!("another log was set up before this one, and stays");
    }
    if let Some(error) = failed {
        tracing::warn!(%error, "no traces");
    }
    guard
}

/// The subscriber that [`init`] sets up, with its log written to `writer`.
fn subscriber<W>(options: &Options, guard: &Guard, writer: W, colour: bool) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Spans of the HTTP client that exports are not to be exported.
    let traces = guard.0.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("ruang"));
        layer.with_filter(Targets::new().with_target("ruang", LevelFilter::TRACE))
    });
    tracing_subscriber::registry().with(filter(options)).with(log(options, writer, colour)).with(traces)
}

fn filter(options: &Options) -> EnvFilter {
    EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(&options.filter)
}

type Log = Box<dyn Layer<tracing_subscriber::layer::Layered<EnvFilter, Registry>> + Send + Sync>;

fn log<W>(options: &Options, writer: W, colour: bool) -> Log
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match options.format {
        Format::Text => fmt::layer().with_ansi(colour).with_writer(lines::Lines::new(writer, colour)).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    }
}

impl Guard {
    fn new(traces: &Traces) -> Result<Self, ExporterBuildError> {
        export::provider(traces).map(Some).map(Self)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(provider) = self.0.take() else { return };
        // On a thread of its own: the exporter's client blocks, and must not be dropped inside of an async runtime.
        let flushed = thread::spawn(move || provider.shutdown_with_timeout(FLUSH)).join();
        if let Ok(Err(error)) = flushed {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

//! What operators see: the log on stderr, and metrics and traces by OpenTelemetry where they are wanted.

mod export;
mod lines;
mod logging_exporter;
mod metrics;
pub mod spans;

#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal},
    thread,
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::{metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::lines::{Lines, Style};
pub use self::{
    metrics::{InstanceStats, Instruments, Metrics, exposition, instruments, observe},
    spans::TraceParent,
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
    pub traces: Option<Collector>,
    /// Where metrics go, if anywhere.
    pub metrics: Metrics,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: Format::Text, filter: "info".to_owned(), traces: None, metrics: Metrics::default() }
    }
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: one line an event.
    Text,
    /// For programs: one JSON object an event.
    Json,
}

/// Where traces or metrics go. The rest (headers, sampler, resource) OpenTelemetry's SDK reads from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// The URL that they are posted to, its path included.
    pub endpoint: String,
    /// How long it may take to answer.
    pub timeout: Duration,
}

/// Keeps traces and metrics going; sends the last of them when it is dropped.
#[derive(Debug, Default)]
#[must_use = "traces and metrics end when it is dropped"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Sets up log and traces for the whole process. Nothing that goes wrong with them is reason not to serve: it is
/// logged where that is possible.
pub fn init(options: &Options) -> Guard {
    let (guard, failed) = match Guard::new(options) {
        Ok(guard) => (guard, None),
        Err(error) => (Guard::default(), Some(error)),
    };
    let colour = io::stderr().is_terminal();
    if subscriber(options, &guard, io::stderr, colour).try_init().is_err() {
        tracing::warn!("another log was set up before this one, and stays");
    }
    if let Some(error) = failed {
        tracing::warn!(%error, "no traces and metrics");
    }
    guard
}

/// The subscriber that [`init`] sets up, with its log written to `writer`.
fn subscriber<W>(options: &Options, guard: &Guard, writer: W, colour: bool) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Spans of the HTTP client that exports are not to be exported. Ours are of the level debug: were this trace, every
    // library would put into words all that it does, for nobody.
    let traces = guard.traces.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("ruang"));
        let layer = layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
        layer.with_filter(Targets::new().with_target("ruang", LevelFilter::DEBUG))
    });
    tracing_subscriber::registry().with(log(options, writer, colour).with_filter(filter(options))).with(traces)
}

/// What the client of Redis says of each of its connections is said once for all of them by the room: it is heard if
/// it is asked for.
fn filter(options: &Options) -> EnvFilter {
    let asked = &options.filter;
    let filter = if asked.contains("fred") { asked.clone() } else { format!("{asked},fred=error") };
    EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(filter)
}

type Log = Box<dyn Layer<Registry> + Send + Sync>;

fn log<W>(options: &Options, writer: W, colour: bool) -> Log
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    match options.format {
        Format::Text => fmt::layer().with_ansi(colour).with_writer(Lines::new(writer, Style::Text { colour })).boxed(),
        Format::Json => fmt::layer().json().flatten_event(true).with_writer(Lines::new(writer, Style::Json)).boxed(),
    }
}

impl Guard {
    fn new(options: &Options) -> Result<Self, ExporterBuildError> {
        let traces = options.traces.as_ref().map(export::provider).transpose()?;
        Ok(Self { traces, metrics: metrics::provider(&options.metrics)? })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (traces, metrics) = (self.traces.take(), self.metrics.take());
        // On a thread of its own: the exporters' clients block, and must not be dropped inside of an async runtime.
        let flush = move || {
            let traces = traces.map_or(Ok(()), |traces| traces.shutdown_with_timeout(FLUSH));
            let metrics = metrics.map_or(Ok(()), |metrics| metrics.shutdown_with_timeout(FLUSH));
            traces.and(metrics)
        };
        if let Ok(Err(error)) = thread::spawn(flush).join() {
            tracing::debug!(%error, "the last traces and metrics were not sent");
        }
    }
}

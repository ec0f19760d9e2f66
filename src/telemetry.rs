//! Telemetry: the log on stderr, and metrics and traces through OpenTelemetry if they are enabled.

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

/// How long sending the last traces and metrics may take when the process ends.
const FLUSH: Duration = Duration::from_secs(3);

/// Options of the log, traces and metrics.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format of the log.
    pub format: Format,
    /// The filter of the log and traces, in the syntax of `RUST_LOG`.
    pub filter: String,
    /// The collector of traces, if they are enabled.
    pub traces: Option<Collector>,
    /// The destinations of metrics.
    pub metrics: Metrics,
}

impl Default for Options {
    fn default() -> Self {
        Self { format: Format::Text, filter: "info".to_owned(), traces: None, metrics: Metrics::default() }
    }
}

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// A collector of traces or metrics. OpenTelemetry's SDK reads headers, sampler and resource from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// The URL, including the path.
    pub endpoint: String,
    /// The deadline of a request.
    pub timeout: Duration,
}

/// Owns the exporters; sends the last traces and metrics when dropped.
#[derive(Debug, Default)]
#[must_use = "traces and metrics end when the guard is dropped"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Sets up log, traces and metrics for the process. Failures are logged; the room is served without telemetry.
pub fn init(options: &Options) -> Guard {
    let (guard, failed) = match Guard::new(options) {
        Ok(guard) => (guard, None),
        Err(error) => (Guard::default(), Some(error)),
    };
    let colour = io::stderr().is_terminal();
    if subscriber(options, &guard, io::stderr, colour).try_init().is_err() {
        tracing::warn!("a log is set up already, and stays");
    }
    if let Some(error) = failed {
        tracing::warn!(%error, "traces and metrics are disabled");
    }
    guard
}

/// The subscriber that [`init`] sets up, with its log written to `writer`.
fn subscriber<W>(options: &Options, guard: &Guard, writer: W, colour: bool) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Only our own spans: those of the exporter's HTTP client would be exported in turn. Ours have the level debug; with
    // the level trace all libraries would format their events, to be dropped here.
    let traces = guard.traces.as_ref().map(|provider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("ruang"));
        let layer = layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false);
        layer.with_filter(Targets::new().with_target("ruang", LevelFilter::DEBUG))
    });
    tracing_subscriber::registry().with(log(options, writer, colour).with_filter(filter(options))).with(traces)
}

/// The log filter. Events of the Redis client are off unless named in the filter: the room logs the state of all
/// connections to Redis once.
fn filter(options: &Options) -> EnvFilter {
    let given = &options.filter;
    let filter = if given.contains("fred") { given.clone() } else { format!("{given},fred=error") };
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
        // On a separate thread: the exporters' clients block, and must not be dropped inside an async runtime.
        let flush = move || {
            let traces = traces.map_or(Ok(()), |traces| traces.shutdown_with_timeout(FLUSH));
            let metrics = metrics.map_or(Ok(()), |metrics| metrics.shutdown_with_timeout(FLUSH));
            traces.and(metrics)
        };
        if let Ok(Err(error)) = thread::spawn(flush).join() {
            tracing::debug!(%error, "cannot send the last traces and metrics");
        }
    }
}

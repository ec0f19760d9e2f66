//! Logs once when a collector begins to refuse, and once when it accepts again.

use std::{
    error::Error,
    fmt::{self, Display},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};

/// An exporter that logs its up/down transitions.
pub(super) struct LoggingExporter<E> {
    exporter: E,
    /// `traces` or `metrics`.
    what: &'static str,
    failing: AtomicBool,
}

impl<E> LoggingExporter<E> {
    pub(super) fn new(exporter: E, what: &'static str) -> Self {
        Self { exporter, what, failing: AtomicBool::new(false) }
    }

    fn logged(&self, result: OTelSdkResult) -> OTelSdkResult {
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed_before => {
                tracing::warn!(error = %WithCauses(error), "the collector does not accept {}", self.what);
            }
            Ok(()) if failed_before => tracing::info!("the collector accepts {} again", self.what),
            _ => {}
        }
        result
    }
}

impl SpanExporter for LoggingExporter<opentelemetry_otlp::SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.logged(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for LoggingExporter<opentelemetry_otlp::MetricExporter> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.logged(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl<E> fmt::Debug for LoggingExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggingExporter")
            .field("what", &self.what)
            .field("failing", &self.failing)
            .finish_non_exhaustive()
    }
}

/// Displays an error with its causes.
struct WithCauses<'a>(&'a OTelSdkError);

impl Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

//! Sending traces to a collector, which need not be there.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};

use super::Traces;

const SERVICE: &str = "service.name";

/// Collects spans and sends them in batches, from a thread of its own: a collector that is slow or gone costs
/// spans, never a request.
pub(super) fn provider(traces: &Traces) -> Result<SdkTracerProvider, ExporterBuildError> {
    let otlp = OtlpExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter =
        Reporting { exporter: otlp.with_endpoint(&traces.endpoint).build()?, failing: AtomicBool::new(false) };
    Ok(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build())
}

/// What the environment says of this process, with a name for it if that says none.
pub(super) fn resource() -> Resource {
    let named = Resource::builder().build();
    let unknown =
        named.get(&Key::from_static_str(SERVICE)).is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    if unknown { builder.with_service_name("ruang").build() } else { builder.build() }
}

/// Says once that a collector does not take spans, and once that it does again.
struct Reporting {
    exporter: OtlpExporter,
    failing: AtomicBool,
}

impl SpanExporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed_before => tracing::warn!(%error, "traces are not taken by the collector"),
            Ok(()) if failed_before => tracing::info!("traces are taken by the collector again"),
            _ => {}
        }
        result
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

impl fmt::Debug for Reporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporting").field("failing", &self.failing).finish_non_exhaustive()
    }
}

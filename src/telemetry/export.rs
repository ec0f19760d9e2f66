//! Exporters of traces and metrics. The collector may be unreachable.

use std::{sync::LazyLock, thread};

use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use reqwest::blocking::Client;
use rustls::crypto::{CryptoProvider, ring};

use super::{Collector, logging_exporter::LoggingExporter};

const SERVICE: Key = Key::from_static_str("service.name");
const INSTANCE: Key = Key::from_static_str("service.instance.id");

/// Builds the provider of traces. It sends spans in batches from a thread of its own: a slow or missing collector costs
/// spans, not requests.
pub(super) fn provider(collector: &Collector) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(client(collector)?).with_endpoint(&collector.endpoint).build()?;
    let exporter = LoggingExporter::new(exporter, "traces");
    Ok(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build())
}

/// Builds the exporter of metrics.
pub(super) fn metrics(collector: &Collector) -> Result<LoggingExporter<MetricExporter>, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(client(collector)?).with_endpoint(&collector.endpoint).build()?;
    Ok(LoggingExporter::new(exporter, "metrics"))
}

/// The resource that describes this process: from the environment, with a default name, and a random instance id by
/// which instances are distinguished.
pub(super) fn resource() -> Resource {
    static RESOURCE: LazyLock<Resource> = LazyLock::new(|| {
        let named = Resource::builder().build();
        let unknown = named.get(&SERVICE).is_none_or(|name| name.as_str().starts_with("unknown_service"));
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let mut builder = Resource::builder().with_attribute(version);
        if unknown {
            builder = builder.with_service_name("ruang");
        }
        if named.get(&INSTANCE).is_none() {
            builder = builder.with_attribute(KeyValue::new(INSTANCE, random_id()));
        }
        builder.build()
    });
    RESOURCE.clone()
}

/// Returns a random UUID (RFC 9562, version 4).
fn random_id() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Builds a blocking client, on a separate thread because that fails inside an async runtime.
fn client(collector: &Collector) -> Result<Client, ExporterBuildError> {
    // An error means that a provider is installed already.
    let _ = CryptoProvider::install_default(ring::default_provider());
    let mut builder = Client::builder().timeout(collector.timeout);
    if !collector.endpoint.starts_with("https:") {
        // Plain http: load no CA certificates, which may be missing on this machine.
        builder = builder.tls_certs_only([]);
    }
    let made = thread::spawn(|| builder.build()).join();
    made.map_err(|_| failed("the thread panicked"))?.map_err(|error| failed(&error.to_string()))
}

fn failed(why: &str) -> ExporterBuildError {
    ExporterBuildError::InternalFailure(format!("no HTTP client: {why}"))
}

#[cfg(test)]
mod tests {
    use super::random_id;

    #[test]
    fn instance_id_is_a_random_uuid() {
        let (one, other) = (random_id(), random_id());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}

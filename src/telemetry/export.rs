//! Sending traces and metrics to a collector, which need not be there.

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

/// Collects spans and sends them in batches, from a thread of its own: a collector that is slow or gone costs
/// spans, never a request.
pub(super) fn provider(collector: &Collector) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(client(collector)?).with_endpoint(&collector.endpoint).build()?;
    let exporter = LoggingExporter::new(exporter, "traces");
    Ok(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build())
}

/// What sends metrics to a collector.
pub(super) fn metrics(collector: &Collector) -> Result<LoggingExporter<MetricExporter>, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = exporter.with_http_client(client(collector)?).with_endpoint(&collector.endpoint).build()?;
    Ok(LoggingExporter::new(exporter, "metrics"))
}

/// What the environment says of this process, with a name for it and an id of its own if that says none: instances
/// would be taken for one another.
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

/// A random UUID (RFC 9562, version 4).
fn random_id() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// A client that blocks: it is made, as it must be, outside of any async runtime.
fn client(collector: &Collector) -> Result<Client, ExporterBuildError> {
    // Fails if there is one already.
    let _ = CryptoProvider::install_default(ring::default_provider());
    let mut builder = Client::builder().timeout(collector.timeout);
    if !collector.endpoint.starts_with("https:") {
        // Nobody is to be believed: there may be no authorities on this machine.
        builder = builder.tls_certs_only([]);
    }
    let made = thread::spawn(|| builder.build()).join();
    made.map_err(|_| failed("it panicked"))?.map_err(|error| failed(&error.to_string()))
}

fn failed(why: &str) -> ExporterBuildError {
    ExporterBuildError::InternalFailure(format!("no HTTP client: {why}"))
}

#[cfg(test)]
mod tests {
    use super::random_id;

    #[test]
    fn an_instance_s_id_is_a_random_uuid() {
        let (one, other) = (random_id(), random_id());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}

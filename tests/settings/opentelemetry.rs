//! OpenTelemetry's variables.

use super::{load, refusal, settings};

#[test]
fn trace_endpoint_follows_opentelemetry_variables() {
    let endpoint = |env: &[(&str, &str)]| settings(&[], env).telemetry.traces.map(|traces| traces.endpoint);
    let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/here");
    assert_eq!(endpoint(&[all]).as_deref(), Some("http://collector:4318/v1/traces"));
    assert_eq!(endpoint(&[all, traces]).as_deref(), Some("http://traces:4318/here"));
    assert_eq!(endpoint(&[all, ("OTEL_SDK_DISABLED", "true")]), None);
    assert_eq!(endpoint(&[]), None);
}

#[test]
fn opentelemetry_variables_are_validated() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_RESOURCE_ATTRIBUTES", "production"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "10s"),
        ("OTEL_SDK_DISABLED", "yes"),
    ] {
        let refused = refusal(&[], &[(name, value)]);
        assert!(refused.starts_with(&format!("{name} {value:?}: expected ")), "{refused}");
    }
    let secret = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush");
    let effective = load(&[], &[secret]).expect("settings").effective;
    assert!(effective.iter().any(|set| set.name == secret.0 && set.is_chosen()), "{effective:?}");
    assert!(!format!("{effective:?}").contains("hush"));
    assert!(!refusal(&[], &[(secret.0, "hush")]).contains("hush"));
}

#[test]
fn traces_and_metrics_are_switched_off_separately() {
    let enabled_without = |off: &'static str| {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.org");
        let telemetry = settings(&[], &[all, (off, "none")]).telemetry;
        (telemetry.traces.is_some(), telemetry.metrics.collector.is_some())
    };
    assert_eq!(enabled_without("OTEL_TRACES_EXPORTER"), (false, true));
    assert_eq!(enabled_without("OTEL_METRICS_EXPORTER"), (true, false));
}

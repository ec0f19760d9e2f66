//! Traces and metrics sent to a collector: a message's path through the cluster is one trace.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;

use crate::kit::{
    Cluster, Engine, SOON,
    authority::Authority,
    cluster::ClusterBuilder,
    collector::{Collector, Span},
    eventually, redis,
};

/// Builds instances that export to a collector with short delays.
fn exporting(engine: Engine, instances: usize, collector: &Collector) -> ClusterBuilder {
    Cluster::builder(engine)
        .instances(instances)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .set("OTEL_BSP_SCHEDULE_DELAY", "50")
        .set("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .set("RUANG_LOG_FORMAT", "json")
}

/// Waits for one trace with at least `wanted` spans of this name and returns its spans.
async fn trace(collector: &Collector, name: &str, wanted: usize) -> Vec<Span> {
    let found = || {
        let spans = collector.spans();
        let traces: BTreeSet<&String> = spans.iter().map(|span| &span.trace).collect();
        traces.into_iter().find_map(|trace| {
            let of_trace: Vec<Span> = spans.iter().filter(|span| span.trace == *trace).cloned().collect();
            (of_trace.iter().filter(|span| span.name == name).count() >= wanted).then_some(of_trace)
        })
    };
    eventually(SOON, &format!("a trace with {wanted} of {name}"), || async {
        found().map(drop).ok_or_else(|| format!("{:#?}", collector.spans()))
    })
    .await;
    found().expect("the trace")
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn message_is_one_trace_from_sender_to_every_instance() {
    let collector = Collector::start().await;
    let cluster = exporting(Engine::Redis, 3, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_text("halo rahasia").await;
    budi.wait_for_text("sari", "halo rahasia").await;

    let spans = trace(&collector, "deliver room", 3).await;
    let [sent] = named(&spans, "send room")[..] else { panic!("{spans:#?}") };
    let [script] = named(&spans, "script publish")[..] else { panic!("{spans:#?}") };
    let delivered = named(&spans, "deliver room");
    assert_eq!(spans.len(), 5, "{spans:#?}");
    assert_eq!((sent.parent.as_str(), sent.kind), ("", SpanKind::Producer));
    assert_eq!((&script.parent, script.kind), (&sent.id, SpanKind::Client));
    let id = &sent.attributes["messaging.message.id"];
    assert!(id.ends_with("-1"), "{id}");
    for span in &delivered {
        assert_eq!((&span.parent, span.kind), (&sent.id, SpanKind::Consumer));
        assert_eq!(&span.attributes["messaging.message.id"], id);
        assert!(span.started_at >= sent.started_at, "{span:?}");
        assert_eq!(span.resource["service.name"], "ruang");
        assert_eq!(span.resource["service.version"], env!("CARGO_PKG_VERSION"));
    }
    // Each instance has its own id.
    let instances: BTreeSet<&str> =
        delivered.iter().map(|span| span.resource["service.instance.id"].as_str()).collect();
    assert_eq!(instances.len(), 3, "{instances:?}");
    let connections: Vec<&str> = delivered.iter().map(|span| span.attributes["ruang.connections"].as_str()).collect();
    assert_eq!(connections.iter().filter(|connections| **connections == "1").count(), 2, "{connections:?}");
    // No texts and no names.
    let everything = format!("{:?}", collector.spans());
    assert!(!everything.contains("rahasia") && !everything.contains("sari"), "{everything}");
}

#[tokio::test]
async fn memory_engine_traces_messages() {
    let collector = Collector::start().await;
    let cluster = exporting(Engine::Memory, 1, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_text("halo").await;
    let spans = trace(&collector, "deliver room", 1).await;
    assert_eq!((spans.len(), spans[0].name.as_str()), (2, "send room"), "{spans:#?}");
}

#[tokio::test]
async fn sampler_decision_covers_the_whole_trace() {
    let collector = Collector::start().await;
    let sampled = |sampler| exporting(Engine::Redis, 2, &collector).set("OTEL_TRACES_SAMPLER", sampler);
    let mut cluster = sampled("parentbased_always_off").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_text("tak terlihat").await;
    budi.wait_for_text("sari", "tak terlihat").await;
    // Traces that another instance on the same Redis starts are continued by all.
    let url = cluster.redis().url();
    let third = sampled("parentbased_always_on").instances(1).start_on(None, &url).await;
    let mut tono = third.join(0, "tono").await;
    tono.send_text("terlihat").await;
    let spans = trace(&collector, "deliver room", 3).await;
    assert!(named(&spans, "send room")[0].attributes["messaging.message.id"].ends_with("-2"), "{spans:#?}");
    let all = collector.spans();
    assert_eq!(named(&all, "send room").len(), 1, "{all:#?}");
    // An untraced message has no trace context in the log.
    let log = redis::command(cluster.redis(), &["XRANGE", "ruang:{ruang_chat_utama}:log", "-", "+"]).await;
    assert_eq!(log.matches(r#""trace":"#).count(), 1, "{log}");
}

#[tokio::test]
async fn refused_message_span_has_its_error_and_redis_its_parent() {
    let collector = Collector::start().await;
    let cluster = exporting(Engine::Redis, 1, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_with_nonce("sekali", "halo").await;
    sari.send_with_nonce("sekali", "lain").await;
    eventually(SOON, "a failed span", || async {
        let spans = collector.spans();
        let failed =
            spans.iter().find(|span| span.attributes.get("error.type").is_some_and(|error| error == "bad_nonce"));
        failed.map(drop).ok_or_else(|| format!("{spans:#?}"))
    })
    .await;
    let spans = trace(&collector, "script claim", 1).await;
    let request = spans.iter().find(|span| span.name == "POST /").unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!((request.parent.as_str(), request.kind), ("", SpanKind::Server));
    assert_eq!(request.attributes["http.route"], "/");
    assert_eq!(request.attributes["http.response.status_code"], "303");
    assert_eq!(named(&spans, "script claim")[0].parent, request.id);
}

#[tokio::test]
async fn log_line_has_its_trace_id_and_ignores_traceparent() {
    let collector = Collector::start().await;
    let cluster = exporting(Engine::Memory, 1, &collector).start().await;
    // A client's trace context is ignored.
    let foreign = "0af7651916cd43dd8448eb211c80319c";
    let request = cluster.http_client(0).request(reqwest::Method::GET, "/privacy");
    request.header("traceparent", format!("00-{foreign}-b7ad6b7169203331-01")).send().await.expect("an answer");
    let spans = trace(&collector, "GET /privacy", 1).await;
    let log = cluster.instances[0].log();
    let line = log.lines().find(|line| line.contains(r#""route":"/privacy""#)).unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).expect("an object");
    assert_eq!((line["trace_id"].as_str(), line["span_id"].as_str()), (Some(&*spans[0].trace), Some(&*spans[0].id)));
    assert_ne!(spans[0].trace, foreign);
}

#[tokio::test]
async fn traces_over_tls_need_a_certificate_of_a_system_authority() {
    let (authority, untrusted) = (Authority::new("localhost"), Authority::new("localhost"));
    let collector = Collector::start_over_tls(&authority).await;
    let cluster = exporting(Engine::Memory, 1, &collector).set("SSL_CERT_FILE", authority.path("ca.pem")).start().await;
    cluster.join(0, "sari").await.send_text("halo").await;
    trace(&collector, "deliver room", 1).await;

    let collector = Collector::start_over_tls(&untrusted).await;
    let cluster = exporting(Engine::Memory, 1, &collector).set("SSL_CERT_FILE", authority.path("ca.pem")).start().await;
    cluster.join(0, "sari").await.send_text("halo").await;
    for signal in ["traces", "metrics"] {
        let line = format!("the collector does not accept {signal}");
        cluster.instances[0].wait_for_log(&line, SOON).await;
        assert_eq!(cluster.instances[0].log().matches(&line).count(), 1, "{}", cluster.instances[0].log());
    }
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test]
async fn metrics_are_exported() {
    let collector = Collector::start().await;
    let _cluster = exporting(Engine::Memory, 1, &collector).start().await;
    for name in ["ruang.connection.open", "ruang.people", "ruang.message.published", "process.memory.usage"] {
        eventually(SOON, name, || async {
            let names = collector.metrics();
            if names.iter().any(|found| found == name) { Ok(()) } else { Err(format!("{names:?}")) }
        })
        .await;
    }
}

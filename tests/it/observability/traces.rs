//! What a collector is sent: a message's way through the cluster as one trace, requests, metrics.

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

/// Instances that send what they see to a collector, without delay.
fn sending(engine: Engine, instances: usize, collector: &Collector) -> ClusterBuilder {
    Cluster::builder(engine)
        .instances(instances)
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .set("OTEL_BSP_SCHEDULE_DELAY", "50")
        .set("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .set("RUANG_LOG_FORMAT", "json")
}

/// Waits for the spans of one trace that has as many as `wanted` of this name.
async fn trace(collector: &Collector, name: &str, wanted: usize) -> Vec<Span> {
    let found = || {
        let spans = collector.spans();
        let traces: BTreeSet<&String> = spans.iter().map(|span| &span.trace).collect();
        traces.into_iter().find_map(|trace| {
            let of: Vec<Span> = spans.iter().filter(|span| span.trace == *trace).cloned().collect();
            (of.iter().filter(|span| span.name == name).count() >= wanted).then_some(of)
        })
    };
    eventually(SOON, &format!("a trace with {wanted} of {name}"), || async {
        found().map(drop).ok_or_else(|| format!("{:#?}", collector.spans()))
    })
    .await;
    found().expect("it was there")
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn message_is_one_trace_from_sender_to_every_instance() {
    let collector = Collector::start().await;
    let cluster = sending(Engine::Redis, 3, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_text("halo rahasia").await;
    budi.wait_for_text("sari", "halo rahasia").await;

    let spans = trace(&collector, "deliver room", 3).await;
    let [said] = named(&spans, "send room")[..] else { panic!("{spans:#?}") };
    let [script] = named(&spans, "script publish")[..] else { panic!("{spans:#?}") };
    let delivered = named(&spans, "deliver room");
    assert_eq!(spans.len(), 5, "{spans:#?}");
    assert_eq!((said.parent.as_str(), said.kind), ("", SpanKind::Producer));
    assert_eq!((&script.parent, script.kind), (&said.id, SpanKind::Client));
    let id = &said.attributes["messaging.message.id"];
    assert!(id.ends_with("-1"), "{id}");
    for span in &delivered {
        assert_eq!((&span.parent, span.kind), (&said.id, SpanKind::Consumer));
        assert_eq!(&span.attributes["messaging.message.id"], id);
        assert!(span.started_at >= said.started_at, "{span:?}");
        assert_eq!(span.resource["service.name"], "ruang");
        assert_eq!(span.resource["service.version"], env!("CARGO_PKG_VERSION"));
    }
    // Each is known for itself.
    let instances: BTreeSet<&str> =
        delivered.iter().map(|span| span.resource["service.instance.id"].as_str()).collect();
    assert_eq!(instances.len(), 3, "{instances:?}");
    let connections: Vec<&str> = delivered.iter().map(|span| span.attributes["ruang.connections"].as_str()).collect();
    assert_eq!(connections.iter().filter(|connections| **connections == "1").count(), 2, "{connections:?}");
    // Nothing that anybody wrote, and none of their names.
    let everything = format!("{:?}", collector.spans());
    assert!(!everything.contains("rahasia") && !everything.contains("sari"), "{everything}");
}

#[tokio::test]
async fn memory_engine_traces_messages() {
    let collector = Collector::start().await;
    let cluster = sending(Engine::Memory, 1, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_text("halo").await;
    let spans = trace(&collector, "deliver room", 1).await;
    assert_eq!((spans.len(), spans[0].name.as_str()), (2, "send room"), "{spans:#?}");
}

#[tokio::test]
async fn sampler_decision_covers_the_whole_trace() {
    let collector = Collector::start().await;
    let sampled = |sampler| sending(Engine::Redis, 2, &collector).set("OTEL_TRACES_SAMPLER", sampler);
    let mut cluster = sampled("parentbased_always_off").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_text("tak terlihat").await;
    budi.wait_for_text("sari", "tak terlihat").await;
    // Another instance on the same Redis begins traces, and those are followed by all.
    let url = cluster.redis().url();
    let third = sampled("parentbased_always_on").instances(1).start_on(None, &url).await;
    let mut tono = third.join(0, "tono").await;
    tono.send_text("terlihat").await;
    let spans = trace(&collector, "deliver room", 3).await;
    assert!(named(&spans, "send room")[0].attributes["messaging.message.id"].ends_with("-2"), "{spans:#?}");
    let all = collector.spans();
    assert_eq!(named(&all, "send room").len(), 1, "{all:#?}");
    // What is not traced takes no room in the log.
    let kept = redis::command(cluster.redis(), &["XRANGE", "ruang:{ruang_chat_utama}:log", "-", "+"]).await;
    assert_eq!(kept.matches(r#""trace":"#).count(), 1, "{kept}");
}

#[tokio::test]
async fn refused_message_span_has_its_error_and_redis_its_parent() {
    let collector = Collector::start().await;
    let cluster = sending(Engine::Redis, 1, &collector).start().await;
    let mut sari = cluster.join(0, "sari").await;
    sari.send_with_nonce("sekali", "halo").await;
    sari.send_with_nonce("sekali", "lain").await;
    eventually(SOON, "a failed span", || async {
        let spans = collector.spans();
        let failed = spans.iter().find(|span| span.attributes.get("error.type").is_some_and(|why| why == "bad_nonce"));
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
    let cluster = sending(Engine::Memory, 1, &collector).start().await;
    // What strangers say of a trace is not believed.
    let strange = "0af7651916cd43dd8448eb211c80319c";
    let asked = cluster.http_client(0).request(reqwest::Method::GET, "/privacy");
    asked.header("traceparent", format!("00-{strange}-b7ad6b7169203331-01")).send().await.expect("an answer");
    let spans = trace(&collector, "GET /privacy", 1).await;
    let log = cluster.instances[0].log();
    let line = log.lines().find(|line| line.contains(r#""route":"/privacy""#)).unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).expect("an object");
    assert_eq!((line["trace_id"].as_str(), line["span_id"].as_str()), (Some(&*spans[0].trace), Some(&*spans[0].id)));
    assert_ne!(spans[0].trace, strange);
}

#[tokio::test]
async fn traces_over_tls_need_a_certificate_of_a_system_authority() {
    let (authority, stranger) = (Authority::new("localhost"), Authority::new("localhost"));
    let collector = Collector::start_over_tls(&authority).await;
    let cluster = sending(Engine::Memory, 1, &collector).set("SSL_CERT_FILE", authority.path("ca.pem")).start().await;
    cluster.join(0, "sari").await.send_text("halo").await;
    trace(&collector, "deliver room", 1).await;

    let collector = Collector::start_over_tls(&stranger).await;
    let cluster = sending(Engine::Memory, 1, &collector).set("SSL_CERT_FILE", authority.path("ca.pem")).start().await;
    cluster.join(0, "sari").await.send_text("halo").await;
    for what in ["traces", "metrics"] {
        let told = format!("the collector does not accept {what}");
        cluster.instances[0].wait_for_log(&told, SOON).await;
        assert_eq!(cluster.instances[0].log().matches(&told).count(), 1, "{}", cluster.instances[0].log());
    }
    assert_eq!(collector.spans().len(), 0);
}

#[tokio::test]
async fn metrics_are_exported() {
    let collector = Collector::start().await;
    let _cluster = sending(Engine::Memory, 1, &collector).start().await;
    for name in ["ruang.connection.open", "ruang.people", "ruang.message.published", "process.memory.usage"] {
        eventually(SOON, name, || async {
            let names = collector.metrics();
            if names.iter().any(|known| known == name) { Ok(()) } else { Err(format!("{names:?}")) }
        })
        .await;
    }
}

//! Each metric follows what it measures.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::with_metrics;
use crate::kit::{
    Cluster, HttpClient, Instance, SOON, WsClient, eventually,
    prometheus::{metrics_address, value},
    redis,
};

/// Returns the metrics in Prometheus' text format.
async fn text(instance: &Instance) -> String {
    let response = HttpClient::new(&format!("http://{}", metrics_address(instance))).get("/metrics").await;
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    response.is(200).body.clone()
}

/// Waits until a metric has a wanted value.
pub(super) async fn wait_for_value(instance: &Instance, name: &str, labels: &str, wanted: impl Fn(f64) -> bool) {
    eventually(SOON, name, || async {
        let found = value(&text(instance).await, name, labels);
        if wanted(found) { Ok(()) } else { Err(format!("{found}")) }
    })
    .await;
}

#[tokio::test]
async fn every_metric_follows_its_cause() {
    let mut cluster = with_metrics(2).set("RUANG_MAX_CONNECTIONS", "3").start().await;
    redis::command(cluster.redis(), &["CONFIG", "SET", "maxmemory", "1000000000"]).await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    sari.send_with_nonce("sekali", "halo").await;
    sari.send_with_nonce("sekali", "halo").await;
    sari.send_with_nonce("kosong", " ").await;
    budi.wait_for_text("sari", "halo").await;
    sari.catch_up().await;
    cluster.http_client(0).sign_in("sari").await.is(409);
    let first = &cluster.instances[0];
    for (name, labels, wanted) in [
        ("ruang_connection_open", "", 1.0),
        ("ruang_connection_limit", "", 3.0),
        ("ruang_people", "", 2.0),
        ("ruang_joins_total", "", 1.0),
        ("ruang_message_published_total", "", 1.0),
        ("ruang_message_deduplicated_total", "", 1.0),
        ("ruang_message_delivered_total", "", 1.0),
        ("ruang_message_delivery_duration_seconds_count", "", 1.0),
        ("ruang_refusals_total", r#"reason="empty""#, 1.0),
        ("ruang_sign_ins_total", r#"outcome="entered""#, 1.0),
        ("ruang_sign_ins_total", r#"outcome="held""#, 1.0),
        ("ruang_message_recent", "", 1.0),
        ("ruang_redis_up", "", 1.0),
        ("ruang_synced", "", 1.0),
        ("ruang_ready", "", 1.0),
        ("ruang_draining", "", 0.0),
        ("ruang_outbox_size_bytes", "", 0.0),
        ("ruang_queue_hub", "", 0.0),
        ("ruang_queue_redis", "", 0.0),
        ("ruang_redis_memory_limit_bytes", "", 1e9),
    ] {
        wait_for_value(first, name, labels, |found| (found - wanted).abs() < 1e-9).await;
    }
    wait_for_value(first, "ruang_lease_age_seconds", "", |age| age < 5.0).await;
    wait_for_value(first, "db_client_operation_duration_seconds_count", r#"db_stored_procedure_name="publish""#, |n| {
        n >= 2.0
    })
    .await;
    wait_for_value(first, "http_server_request_duration_seconds_count", r#"http_route="/""#, |n| n >= 2.0).await;
    wait_for_value(first, "ruang_redis_memory_usage_bytes", "", |used| used > 1e5).await;
    for name in ["process_cpu_time_seconds_total", "process_memory_usage_bytes", "process_unix_file_descriptor_count"] {
        wait_for_value(first, name, "", |found| found > 0.0).await;
    }
}

#[tokio::test]
async fn fault_metrics_follow_their_cause() {
    let mut cluster = with_metrics(2).set("RUANG_MAX_CONNECTIONS", "3").start().await;
    let sari = cluster.join(0, "sari").await;
    let first = &cluster.instances[0];
    // The second and third tab fit, the fourth does not.
    let tabs =
        [WsClient::connect_and_join(&sari.http_client).await, WsClient::connect_and_join(&sari.http_client).await];
    assert!(WsClient::try_connect(&sari.http_client, &[]).await.is_err_and(|refused| refused.status == 503));
    wait_for_value(first, "ruang_refusals_total", r#"reason="full""#, |n| n >= 1.0).await;
    for tab in tabs {
        tab.leave().await;
    }
    wait_for_value(first, "ruang_connection_closed_total", r#"reason="client""#, |n| n >= 2.0).await;
    redis::command(cluster.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    wait_for_value(&cluster.instances[0], "ruang_gap_found_total", "", |n| n >= 1.0).await;
    wait_for_value(&cluster.instances[0], "ruang_gap_filled_total", "", |n| n >= 1.0).await;
    cluster.redis().pause();
    wait_for_value(&cluster.instances[0], "ruang_redis_up", "", |up| up == 0.0).await;
    wait_for_value(&cluster.instances[0], "ruang_ready", "", |ready| ready == 0.0).await;
    cluster.redis().resume();
    wait_for_value(&cluster.instances[0], "ruang_redis_up", "", |up| up == 1.0).await;
}

#[tokio::test]
async fn metrics_have_their_own_address_and_are_well_formed() {
    let cluster = with_metrics(1).start().await;
    cluster.http_client(0).get("/metrics").await.is(404);
    let own = HttpClient::new(&format!("http://{}", metrics_address(&cluster.instances[0])));
    own.get("/chat").await.is(404);
    // All unknown methods are one series.
    for method in ["BREW", "WHISTLE"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let _ = cluster.http_client(0).request(method, "/").send().await.expect("an answer");
    }
    let text = text(&cluster.instances[0]).await;
    assert!(text.contains(r#"http_request_method="_OTHER""#) && !text.contains("BREW"), "{text}");
    let lint = lint(&text);
    // OpenTelemetry's convention for this name conflicts with a rule of promtool.
    let problems = lint.lines().filter(|line| !line.starts_with("process_unix_file_descriptor_count "));
    assert_eq!(problems.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn metrics_are_off_by_default() {
    let cluster = Cluster::with_defaults(crate::kit::Engine::Memory).await;
    assert!(!cluster.instances[0].log().contains("metrics"));
}

/// Returns the problems that promtool finds.
fn lint(text: &str) -> String {
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().expect("promtool");
    tool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = tool.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

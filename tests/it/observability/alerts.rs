//! The shipped dashboard and alerts on a real Prometheus: every expression has data, every alert fires under its fault.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;

use super::with_metrics;
use crate::kit::{
    Cluster, HttpClient, Response, SOON, WsClient, eventually, operator::token_file, process::libfaketime,
    prometheus::Prometheus, raw, redis, wait::within,
};

/// Longer than the threshold of slow delivery.
const SLOW: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn every_dashboard_expression_has_data() {
    let mut cluster = with_metrics(2).start().await;
    redis::command(cluster.redis(), &["CONFIG", "SET", "maxmemory", "1gb"]).await;
    let prometheus = Prometheus::start(&cluster.instances).await;
    let mut sari = cluster.join(0, "sari").await;
    let panels = panels();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<String> = targets.filter_map(|target| target["expr"].as_str()).map(expand_variables).collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    // A rate needs changes between two scrapes.
    let chat = async {
        for n in 0.. {
            sari.send_acked(&n.to_string()).await;
            sari.http_client.get("/chat").await.is(200);
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    };
    let checks = async {
        for expression in &expressions {
            prometheus.wait_for_data(expression).await;
        }
    };
    run_while(chat, checks).await;
    prometheus.wait_for_no_alert().await;
}

#[tokio::test]
async fn every_alert_fires_under_its_fault() {
    let mut cluster =
        with_metrics(2).set("RUANG_MAX_CONNECTIONS", "20").set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let prometheus = Prometheus::start(&cluster.instances).await;
    prometheus.wait_for_data("sum(ruang_ready)").await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    budi.send_acked("mulai").await;
    // An increase shows only in a series that exists.
    prometheus.wait_for_data("count(ruang_message_delivery_duration_seconds_count) == 2").await;
    delay_delivery(&cluster, &mut sari, &mut budi).await;
    prometheus.wait_for_alert("RuangSlowDelivery").await;

    for n in 0..5 {
        redis::command(cluster.redis(), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        let text = format!("terdengar {n}?");
        sari.send_acked(&text).await;
        budi.wait_for_text("sari", &text).await;
    }
    prometheus.wait_for_alert("RuangGaps").await;

    let stalled = futures_util::future::join_all((0..7).map(|_| raw::stalled_client(&sari.http_client))).await;
    let chat = async {
        for n in 0.. {
            budi.send_acked(&format!("{} {n}", "x".repeat(1900))).await;
        }
    };
    run_while(chat, prometheus.wait_for_alert("RuangSlowClients")).await;
    drop(stalled);

    cluster.redis().pause();
    prometheus.wait_for_alert("RuangRedisUnreachable").await;
    prometheus.wait_for_alert("RuangNotReady").await;
    let requests = async {
        loop {
            sari.http_client.get("/chat").await.is(503);
        }
    };
    run_while(requests, prometheus.wait_for_alert("RuangErrors")).await;
    cluster.redis().resume();
    cluster.instances[0].wait_for_readyz(200, SOON).await;

    let sockets = sockets(&sari.http_client).await;
    prometheus.wait_for_alert("RuangNearlyFull").await;
    prometheus.wait_for_alert("RuangTurnsAway").await;
    drop(sockets);

    redis::command(cluster.redis(), &["CONFIG", "SET", "maxmemory", "1mb"]).await;
    prometheus.wait_for_alert("RuangRedisNearlyFull").await;
    run_while(send_refused_messages(&mut sari), prometheus.wait_for_alert("RuangRefusesMessages")).await;

    cluster.instances[1].kill();
    prometheus.wait_for_alert("RuangInstanceDown").await;
    prometheus.wait_for_alert("RuangFewReady").await;
    cluster.instances[0].kill();
    prometheus.wait_for_alert("RuangNobodyReady").await;
}

#[tokio::test]
async fn drain_fires_no_alert_but_instance_down() {
    let mut cluster = with_metrics(3).start().await;
    let prometheus = Prometheus::start_with_interval(&cluster.instances, "200ms").await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await.is(303);
    prometheus.wait_for_data("sum(ruang_ready) == 3").await;
    // With one refusal before, a single scrape shows the increase.
    cluster.redis().pause();
    let (_, head) = raw::handshake(&sari, "").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    cluster.redis().resume();
    prometheus.wait_for_data(&format!("http_server_request_duration_seconds_count{{{REFUSED}}}")).await;
    prometheus.wait_for_data("sum(ruang_ready) == 3").await;
    prometheus.wait_for_no_alert().await;

    // The instance drains until this client has gone or the drain times out.
    let _open = raw::stalled_client(&sari).await;
    cluster.instances[0].terminate();
    let attempts = async {
        while let Ok((_, head)) = raw::try_handshake(&sari, "").await {
            assert!(head.starts_with("HTTP/1.1 503") || head.starts_with("HTTP/1.1 101"), "{head}");
            let _ = cluster.instances[0].status("/readyz").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(SOON, "the instance exits", attempts).await;
    assert!(cluster.instances[0].wait_for_exit(SOON).await.success());

    // They were counted; without their own reason they would fire an alert.
    prometheus.wait_for_data(r#"max_over_time(ruang_refusals_total{reason="draining"}[5m]) > 3"#).await;
    prometheus
        .wait_for_data(&format!("rate(http_server_request_duration_seconds_count{{{REFUSED}}}[5m]) > 0.01"))
        .await;
    prometheus.wait_for_alert("RuangInstanceDown").await;
    prometheus.wait_for_conditions(&["RuangInstanceDown"]).await;
}

/// Labels of refused upgrades.
const REFUSED: &str = r#"http_route="/ws",http_response_status_code="503""#;

/// Freezes sari's instance while budi sends through the other.
async fn delay_delivery(cluster: &Cluster, sari: &mut WsClient, budi: &mut WsClient) {
    cluster.instances[0].pause();
    for n in 0..20 {
        budi.send_acked(&n.to_string()).await;
    }
    let began = Instant::now();
    eventually(SOON, "the messages are late", || async {
        if began.elapsed() > SLOW { Ok(()) } else { Err(String::new()) }
    })
    .await;
    cluster.instances[0].resume();
    sari.wait_for_text("budi", "19").await;
}

/// Opens sockets until one is refused.
async fn sockets(http_client: &HttpClient) -> Vec<WsClient> {
    let mut sockets = vec![];
    loop {
        match WsClient::try_connect(http_client, &[]).await {
            Ok(tab) => sockets.push(tab),
            Err(refused) => {
                assert_eq!(refused.status, 503);
                return sockets;
            }
        }
    }
}

/// Sends messages that are refused, without end.
async fn send_refused_messages(client: &mut WsClient) {
    for n in 0.. {
        client.send_with_nonce(&format!("penuh{n}"), "penuh").await;
        client.expect("a refusal", |transcript| transcript.errors.len() > n).await;
    }
}

#[tokio::test]
async fn clock_offset_fires_an_alert() {
    let cluster = with_metrics(1).set("LD_PRELOAD", &libfaketime()).set("FAKETIME", "+90s");
    let cluster = cluster.set("FAKETIME_DONT_FAKE_MONOTONIC", "1").start().await;
    let prometheus = Prometheus::start(&cluster.instances).await;
    prometheus.wait_for_alert("RuangClockOff").await;
}

#[tokio::test]
async fn guesses_of_the_operators_token_fire_an_alert() {
    let token = token_file();
    let cluster = with_metrics(1).with_operator(&token).start().await;
    let prometheus = Prometheus::start(&cluster.instances).await;
    prometheus.wait_for_data("sum(ruang_operator_attempts_total) == 0").await;
    let guesses = async {
        loop {
            let request = cluster.http_client(0).request(Method::GET, "/api/operator").bearer_auth("a guess");
            Response::to(request).await;
        }
    };
    run_while(guesses, prometheus.wait_for_alert("RuangGuessing")).await;
}

#[test]
fn dashboard_panels_do_not_overlap_and_describe_normal() {
    let (mut ids, mut places) = (HashSet::new(), HashSet::new());
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has the id of another panel");
        assert!(
            cells(&panel["gridPos"]).all(|cell| cell.0 < 24 && places.insert(cell)),
            "{title} overlaps another panel"
        );
        let description = panel["description"].as_str().unwrap_or_default();
        assert!(panel["type"] == "row" || description.ends_with('.'), "{title} does not describe what is normal");
    }
}

#[test]
fn every_alert_is_tested_and_documented() {
    let (rules, tests) = (include_str!("../../../deploy/observability/alerts.yml"), include_str!("alerts.rs"));
    let manual = include_str!("../../../docs/observability.md");
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect::<Vec<_>>();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("prometheus.wait_for_alert(\"{name}\")")), "no test makes {name} fire");
        assert!(manual.contains(&format!("| `{name}` |")), "docs/observability.md does not describe {name}");
    }
}

/// Returns the panels of the shipped dashboard.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(include_str!("../../../deploy/observability/dashboard.json")).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// Expands the dashboard's variables as Grafana does, for all instances.
fn expand_variables(expression: &str) -> String {
    let expanded = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
    assert!(!expanded.contains('$'), "an unknown variable: {expanded}");
    expanded
}

/// Returns the cells of Grafana's grid that a panel covers.
fn cells(at: &Value) -> impl Iterator<Item = (u64, u64)> {
    let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| at[side].as_u64().unwrap());
    (x..x + width).flat_map(move |x| (y..y + height).map(move |y| (x, y)))
}

/// Runs `background` until `foreground` completes.
async fn run_while(background: impl Future<Output = ()>, foreground: impl Future<Output = ()>) {
    tokio::select! {
        () = background => {}
        () = foreground => {}
    }
}

//! Clients that share an address that is not theirs are shown to the operator: once in the log, and by metrics.

use super::{metrics::wait_for_value, with_metrics};
use crate::kit::{Cluster, SOON, WsClient};

/// A part of each warning that says what to set.
const PROXY: &str = "a client's address is a trusted proxy's";
const MAJORITY: &str = "more than half of the sockets have one address";

#[tokio::test]
async fn client_with_a_proxys_address_is_logged_once() {
    let cluster = with_metrics(1).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    cluster.instances[0].wait_for_log(PROXY, SOON).await;
    wait_for_value(&cluster.instances[0], "ruang_connection_of_proxies", "", |open| is(open, 2)).await;
    sari.leave().await;
    wait_for_value(&cluster.instances[0], "ruang_connection_of_proxies", "", |open| is(open, 1)).await;
    let line = warning(&cluster, PROXY);
    assert!(line.contains("RUANG_TRUSTED_PROXIES") && line.contains("X-Forwarded-For"), "{line}");
    drop(budi);
}

#[tokio::test]
async fn client_behind_a_proxy_that_forwards_is_not_logged() {
    let cluster = with_metrics(1).set("RUANG_TRUSTED_PROXIES", "127.0.0.0/8").start().await;
    let sari = cluster.sign_in(0, "sari").await;
    let forwarded = [("x-forwarded-for", "203.0.113.5")];
    let _client = WsClient::try_connect(&sari, &forwarded).await.expect("an upgrade");
    wait_for_value(&cluster.instances[0], "ruang_connection_of_one_address", "", |open| is(open, 1)).await;
    wait_for_value(&cluster.instances[0], "ruang_connection_of_proxies", "", |open| is(open, 0)).await;
    assert!(!cluster.instances[0].log().contains(PROXY), "{}", cluster.instances[0].log());
}

#[tokio::test]
async fn address_with_most_of_many_sockets_is_logged_once() {
    let cluster = with_metrics(1).start().await;
    let sari = cluster.sign_in(0, "sari").await;
    let mut tabs = vec![];
    for _ in 0..49 {
        tabs.push(WsClient::connect(&sari).await);
    }
    wait_for_value(&cluster.instances[0], "ruang_connection_of_one_address", "", |open| is(open, 49)).await;
    assert!(!cluster.instances[0].log().contains(MAJORITY), "{}", cluster.instances[0].log());
    for _ in 0..10 {
        tabs.push(WsClient::connect(&sari).await);
    }
    wait_for_value(&cluster.instances[0], "ruang_connection_of_one_address", "", |open| is(open, 59)).await;
    let line = warning(&cluster, MAJORITY);
    for setting in ["RUANG_TRUSTED_PROXIES", "RUANG_CONNECTIONS_PER_ADDRESS", "RUANG_SENDERS_PER_ADDRESS"] {
        assert!(line.contains(setting), "{line}");
    }
}

/// Returns the one line of the log that contains this text.
fn warning(cluster: &Cluster, text: &str) -> String {
    let log = cluster.instances[0].log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(text)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    lines[0].to_owned()
}

fn is(value: f64, wanted: u32) -> bool {
    (value - f64::from(wanted)).abs() < 1e-9
}

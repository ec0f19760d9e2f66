//! Upgrades: accepted, refused, limited.

use std::collections::HashSet;

use crate::kit::{Cluster, Engine, WsClient, engines::on_both_engines};

on_both_engines! {
    upgrade_echoes_the_known_subprotocol,
    upgrade_without_a_subprotocol_is_accepted,
    request_without_upgrade_is_426,
    foreign_origin_is_403_with_or_without_a_session,
    upgrade_without_a_session_is_401,
    upgrade_without_an_origin_is_accepted,
    full_address_is_refused_with_retry_after_and_stays_ready,
}

async fn upgrade_echoes_the_known_subprotocol(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    for (offered, agreed) in [("ruang.v1", Some("ruang.v1")), ("ruang.v9, ruang.v1", Some("ruang.v1")), ("x", None)] {
        // A client library may refuse a response without its subprotocol: a raw request does not.
        let response = handshake(&sari, offered).await;
        assert!(response.starts_with("HTTP/1.1 101 "), "{offered}: {response}");
        let echoed = response.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-protocol").then(|| value.trim())
        });
        assert_eq!(echoed, agreed, "{offered}");
    }
}

async fn upgrade_without_a_subprotocol_is_accepted(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut client = WsClient::try_connect(&sari, &[]).await.expect("an upgrade");
    assert_eq!(client.subprotocol, None);
    client.join(None).await;
}

async fn request_without_upgrade_is_426(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let response = cluster.http_client(0).get("/ws").await;
    response.is(426);
    let upgrade = response.header("upgrade").unwrap_or_default();
    assert!(upgrade.eq_ignore_ascii_case("websocket"), "RFC 9110 asks for Upgrade with a 426: {response:?}");
}

async fn foreign_origin_is_403_with_or_without_a_session(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (without_session, sari) = (cluster.http_client(0), cluster.http_client(0));
    sari.sign_in("sari").await;
    for http_client in [&without_session, &sari] {
        for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
            let refused = WsClient::try_connect(http_client, &[("origin", origin)]).await.err().expect("a refusal");
            assert_eq!(refused.status, 403, "{origin}");
        }
    }
}

async fn upgrade_without_a_session_is_401(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let origin = cluster.base(0).to_owned();
    for headers in [vec![], vec![("origin", origin.as_str())], vec![("cookie", "ruang=AAAAAAAAAAAAAAAAAAAAAA")]] {
        let refused = WsClient::try_connect(&cluster.http_client(0), &headers).await.err().expect("a refusal");
        assert_eq!(refused.status, 401, "{headers:?}");
    }
}

async fn upgrade_without_an_origin_is_accepted(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    WsClient::try_connect(&sari, &[]).await.expect("an upgrade").join(None).await;
}

async fn full_address_is_refused_with_retry_after_and_stays_ready(engine: Engine) {
    let cluster = Cluster::builder(engine).set("RUANG_CONNECTIONS_PER_ADDRESS", "2").start().await;
    let sari = cluster.http_client(0);
    sari.sign_in("sari").await;
    let mut clients = Vec::new();
    let refused = loop {
        assert!(clients.len() < 10, "the limit is not reached");
        match WsClient::try_connect(&sari, &[]).await {
            Ok(client) => clients.push(client),
            Err(refused) => break refused,
        }
    };
    // The status may be 503 (full) or 429 (this address); a retry time is required.
    assert!(HashSet::from([429, 503]).contains(&refused.status), "{refused:?}");
    assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    assert_eq!(cluster.instances[0].status("/readyz").await, Ok(200));
}

/// Returns the head of the response to an upgrade that offers these subprotocols.
async fn handshake(http_client: &crate::kit::HttpClient, offered: &str) -> String {
    crate::kit::raw::handshake(http_client, &format!("Sec-WebSocket-Protocol: {offered}\r\n")).await.1
}

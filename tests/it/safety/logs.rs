//! At any log level, the log has no texts of messages, no secrets and no forged lines.

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::kit::{Cluster, Engine, Redis, SOON, WsClient, eventually, http_client::with_query, redis};

const TEXT: &str = "kata-yang-rahasia";
const PASSWORD: &str = "sandi-redis-yang-rahasia";

#[tokio::test]
async fn log_has_no_texts_cookies_or_passwords() {
    let redis = Redis::start().await;
    redis::command(&redis, &["ACL", "SETUSER", "ruang", "on", &format!(">{PASSWORD}"), "~*", "&*", "+@all"]).await;
    let url = redis.url().replace("redis://", &format!("redis://ruang:{PASSWORD}@"));
    let settings =
        Cluster::builder(Engine::Redis).set("RUST_LOG", "ruang=trace,fred=info").set("RUANG_LOG_FORMAT", "json");
    let mut cluster = settings.start_on(Some(redis), &url).await;
    let mut sari = cluster.join(0, "sari-yang-rahasia").await;
    let cookie = sari.http_client.cookie().expect("a session");
    let seen = sari.send_acked(TEXT).await;
    sari.send_invalid(serde_json::json!({"type": "message", "nonce": "buruk sekali", "text": TEXT})).await;
    sari.send_invalid(serde_json::json!({"type": TEXT, "text": TEXT})).await;
    sari.catch_up().await;
    WsClient::rejoin(&sari.http_client, &seen).await;
    // Secrets leak most easily in errors.
    redis::command(cluster.redis(), &["ACL", "SETUSER", "ruang", "-@all"]).await;
    redis::command(cluster.redis(), &["CLIENT", "KILL", "TYPE", "normal"]).await;
    sari.send_text(TEXT).await;
    sari.http_client.get("/api/messages").await;
    eventually(SOON, "the failure is logged", || async {
        if cluster.instances[0].log().contains("NOPERM") { Ok(()) } else { Err(cluster.instances[0].log()) }
    })
    .await;
    let log = cluster.instances[0].log() + &cluster.instances[0].stdout().join("\n");
    let secret = cookie.split('=').nth(1).expect("a value");
    for forbidden in [TEXT, PASSWORD, secret, "sari-yang-rahasia"] {
        let line = log.lines().find(|line| line.contains(forbidden));
        assert_eq!(line, None, "{forbidden:?} is in the log");
    }
}

#[tokio::test]
async fn log_lines_cannot_be_forged() {
    for format in ["text", "json"] {
        let settings = Cluster::builder(Engine::Memory).set("RUST_LOG", "trace").set("RUANG_LOG_FORMAT", format);
        let cluster = settings.start().await;
        let sari = cluster.http_client(0);
        for forged in
            ["a\nPALSU ERROR ruang: x", "a\r\nPALSU", "\u{1b}[2JPALSU", "a\u{0}PALSU", "\u{85}PALSU", "\u{2028}PALSU"]
        {
            sari.sign_in(forged).await;
            let path = format!("/PALSU{}", forged.replace('\n', "%0A").replace('\u{1b}', "%1B").replace('\r', "%0D"));
            let _ = sari.try_get(&path.replace(' ', "%20").replace('\u{0}', "%00")).await;
            sari.get(&with_query("/api/members", "after", forged)).await;
        }
        // Bytes that no library sends: a bare line feed, an escape sequence and invalid UTF-8 in headers.
        for line in
            [b"X-A: b\nPALSU: c".as_slice(), b"X-A: \x1b[2JPALSU", b"User-Agent: PALSU\xff\xfe", b"Host: PALSU\x07"]
        {
            let mut raw = TcpStream::connect(cluster.instances[0].address()).await.expect("the server listens");
            raw.write_all(&[b"GET /PALSU HTTP/1.1\r\n", line, b"\r\n\r\n"].concat()).await.expect("the server reads");
        }
        sari.sign_in("sari").await.redirects_to("/chat");
        let log = cluster.instances[0].log();
        assert!(!log.is_empty());
        for line in log.lines() {
            assert!(!line.starts_with("PALSU"), "a forged line: {line:?}");
            assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{line:?}");
            let is_complete = format == "text" || serde_json::from_str::<serde_json::Value>(line).is_ok();
            assert!(is_complete, "not JSON: {line:?}");
        }
    }
}

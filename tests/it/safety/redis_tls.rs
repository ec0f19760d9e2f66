//! Redis over TLS with certificates of a private authority.

use std::time::Duration;

use crate::kit::{Cluster, Engine, Instance, Redis, SOON, authority::Authority, process::free_port};

#[tokio::test]
async fn chat_over_redis_tls_survives_a_restart() {
    let server = TlsRedis::start("localhost").await;
    let TlsRedis { authority, url, redis, .. } = server;
    let settings = Cluster::builder(Engine::Redis).instances(2).set("REDIS_CA_FILE", authority.path("ca.pem"));
    let mut cluster = settings.start_on(Some(redis), &url).await;
    for text in ["halo", "lagi"] {
        let mut sari = cluster.join(0, "sari").await;
        let mut budi = cluster.join(1, "budi").await;
        sari.send_acked(text).await;
        budi.wait_for_text("sari", text).await;
        for client in [sari, budi] {
            client.http_client.log_out().await.redirects_to("/");
        }
        cluster.redis().restart().await;
        for instance in &cluster.instances {
            instance.wait_for_readyz(200, SOON).await;
        }
    }
}

#[tokio::test]
async fn redis_with_an_untrusted_certificate_is_refused() {
    let (good, misnamed) = (TlsRedis::start("localhost").await, TlsRedis::start("redis.example").await);
    let other_authority = Authority::new("localhost");
    let cases = [
        (&good, good.authority.path("ca.pem"), true),
        (&good, other_authority.path("ca.pem"), false),
        (&misnamed, misnamed.authority.path("ca.pem"), false),
    ];
    for (server, authority, is_trusted) in cases {
        let mut check = Instance::command();
        check.arg("check").env("REDIS_URL", &server.url).env("REDIS_CA_FILE", authority);
        let output = check.output().expect("ruang runs");
        assert_eq!(output.status.success(), is_trusted, "{}: {output:?}", server.url);
        let names_the_cause = String::from_utf8_lossy(&output.stderr).contains("InvalidCertificate");
        assert_eq!(names_the_cause, !is_trusted, "{}: {output:?}", server.url);
    }
    let settings = [("REDIS_URL", good.url.as_str()), ("REDIS_CA_FILE", other_authority.path("ca.pem"))];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let instance = Instance::start("instance that trusts another authority", &settings).await;
    // By then it has tried: it reconnects every second.
    tokio::time::timeout(Duration::from_secs(3), instance.wait_for_readyz(200, SOON)).await.unwrap_err();
    assert_eq!(instance.status("/healthz").await, Ok(200));
}

/// A Redis with TLS and a certificate for a name.
struct TlsRedis {
    authority: Authority,
    redis: Redis,
    url: String,
}

impl TlsRedis {
    async fn start(name: &str) -> Self {
        let authority = Authority::new(name);
        let port = free_port();
        let redis = Redis::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            authority.path("server.pem"),
            "--tls-key-file",
            authority.path("server.key"),
            "--tls-ca-cert-file",
            authority.path("ca.pem"),
            "--tls-auth-clients",
            "no",
        ])
        .await;
        Self { authority, redis, url: format!("rediss://localhost:{port}") }
    }
}

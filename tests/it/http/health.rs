//! Liveness, readiness, and the address on standard output.

use crate::kit::{Cluster, Engine, engines::on_both_engines};

on_both_engines! {
    health_needs_no_session_and_shows_no_secrets,
    stdout_is_one_line_with_the_address,
}

async fn health_needs_no_session_and_shows_no_secrets(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    for path in ["/healthz", "/readyz"] {
        let response = cluster.http_client(0).get(path).await;
        response.is(200);
        assert!(response.header("set-cookie").is_none(), "{response:?}");
        assert!(!response.body.contains("redis://"), "{response:?}");
    }
}

async fn stdout_is_one_line_with_the_address(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).get("/").await.is(200);
    let expected = vec![format!("ruang is open at {}", cluster.base(0))];
    assert_eq!(cluster.instances[0].stdout(), expected);
}

/// Without Redis everything works, but another instance is another room.
#[tokio::test]
async fn memory_engine_logs_that_instances_are_separate_rooms() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let log = cluster.instances[0].log();
    assert!(log.contains("WARN") && log.contains("REDIS_URL"), "{log}");
}

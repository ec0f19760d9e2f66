//! Alive, and fit for new people.

use crate::kit::{Cluster, Engine, engines::on_both_engines};

on_both_engines! {
    health_needs_no_session_and_tells_no_secrets,
    the_address_is_the_one_line_on_standard_output,
}

async fn health_needs_no_session_and_tells_no_secrets(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    for path in ["/healthz", "/readyz"] {
        let response = cluster.http_client(0).get(path).await;
        response.is(200);
        assert!(response.header("set-cookie").is_none(), "{response:?}");
        assert!(!response.body.contains("redis://"), "{response:?}");
    }
}

async fn the_address_is_the_one_line_on_standard_output(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    cluster.http_client(0).get("/").await.is(200);
    let expected = vec![format!("ruang is open at {}", cluster.base(0))];
    assert_eq!(cluster.instances[0].stdout(), expected);
}

/// Without Redis everything works, but another instance would be another room: that is said.
#[tokio::test]
async fn the_memory_engine_warns_that_other_instances_are_other_rooms() {
    let cluster = Cluster::with_defaults(Engine::Memory).await;
    let log = cluster.instances[0].log();
    assert!(log.contains("WARN") && log.contains("REDIS_URL"), "{log}");
}

//! A room without messages has a position that a client can resume from.

use serde_json::json;

use crate::kit::{Cluster, Engine, SOON, WsClient, engines::on_both_engines, eventually};

on_both_engines! {
    welcome_to_an_empty_room_has_the_position_before_the_first,
    rejoin_from_before_the_first_message_recovers_all,
    page_of_an_empty_room_holds_its_position,
}

async fn welcome_to_an_empty_room_has_the_position_before_the_first(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let head = sari.transcript().last_welcome()["head"].as_str().expect("a position").to_owned();
    assert_eq!(sari.transcript().last_welcome()["messages"], json!([]));
    assert_eq!(sari.catch_up().await.pongs, [Some(head.clone())]);
    let first = sari.send_acked("pertama").await;
    assert_eq!(head.strip_suffix("-0"), first.strip_suffix("-1"), "{head} is the position before {first}");
}

async fn rejoin_from_before_the_first_message_recovers_all(engine: Engine) {
    let settings = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0");
    let mut cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    let budi = cluster.join(0, "budi").await;
    let head = budi.transcript().last_welcome()["head"].as_str().expect("a position").to_owned();
    let mut ids = vec![];
    for n in 0..60 {
        ids.push(sari.send_acked(&format!("pesan {n}")).await);
    }
    if engine == Engine::Redis {
        // An instance that read the messages from Redis knows the position too.
        cluster.add().await;
    }
    for instance in &cluster.instances {
        let transcript = WsClient::rejoin(&budi.http_client.with_base(instance.base()), &head).await.transcript();
        let welcome = transcript.last_welcome();
        assert_eq!((&welcome["recovered"], &welcome["missed"]), (&json!(true), &json!(0)));
        assert_eq!(transcript.ids(), ids);
    }
}

async fn page_of_an_empty_room_holds_its_position(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.join(0, "sari").await;
    let head = sari.transcript().last_welcome()["head"].as_str().expect("a position").to_owned();
    // The instance knows its position as soon as Redis has replied to a heartbeat.
    eventually(SOON, "the page holds the position", || async {
        let page = sari.http_client.get("/chat").await;
        let expected = format!(r#"data-since="{head}""#);
        if page.body.contains(&expected) { Ok(()) } else { Err(format!("no {expected}")) }
    })
    .await;
}

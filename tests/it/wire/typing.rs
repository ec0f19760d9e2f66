//! Typing.

use std::time::Duration;

use serde_json::json;

use crate::kit::{Cluster, Engine, engines::on_both_engines};

on_both_engines! {
    typing_start_and_stop_are_announced,
    typing_expires_by_itself,
    typing_names_at_most_three_and_counts_all,
}

async fn typing_start_and_stop_are_announced(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    budi.send(json!({"type": "typing", "active": true})).await;
    sari.expect("budi types", |transcript| transcript.typing == ["budi"]).await;
    budi.expect("the sender's own typing", |transcript| transcript.typing == ["budi"]).await;
    budi.send(json!({"type": "typing", "active": false})).await;
    let transcript =
        sari.expect("no one types", |transcript| transcript.typing.is_empty() && frames(transcript) >= 2).await;
    let last = transcript.frames.iter().rev().find(|frame| frame["type"] == "typing").expect("one");
    assert_eq!(*last, json!({"type": "typing", "names": [], "count": 0}));
}

async fn typing_expires_by_itself(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    budi.send(json!({"type": "typing", "active": true})).await;
    sari.expect("budi types", |transcript| transcript.typing == ["budi"]).await;
    let is_empty = |transcript: &crate::kit::Transcript| transcript.typing.is_empty();
    sari.expect_within(Duration::from_secs(9), "it expires after 6 s", is_empty).await;
}

async fn typing_names_at_most_three_and_counts_all(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let mut clients = Vec::new();
    for name in ["adi", "budi", "citra", "dewi"] {
        clients.push(cluster.join(0, name).await);
    }
    for client in &mut clients {
        client.send(json!({"type": "typing", "active": true})).await;
    }
    let all = |transcript: &crate::kit::Transcript| {
        transcript.frames.iter().any(|f| f["type"] == "typing" && f["count"] == 4)
    };
    let transcript = clients[0].expect("four type", all).await;
    assert!(transcript.typing.len() <= 3, "{:?}", transcript.typing);
}

fn frames(transcript: &crate::kit::Transcript) -> usize {
    transcript.frames.iter().filter(|frame| frame["type"] == "typing").count()
}

//! Who types.

use std::time::Duration;

use serde_json::json;

use crate::kit::{Cluster, Engine, engines::on_both_engines};

on_both_engines! {
    who_types_is_told_and_that_they_stopped,
    typing_expires_by_itself,
    at_most_three_names_are_told_and_all_are_counted,
}

async fn who_types_is_told_and_that_they_stopped(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let (mut sari, mut budi) = (cluster.guest(0, "sari").await, cluster.guest(0, "budi").await);
    budi.send(json!({"type": "typing", "active": true})).await;
    sari.expect("budi types", |heard| heard.typing == ["budi"]).await;
    budi.expect("oneself included", |heard| heard.typing == ["budi"]).await;
    budi.send(json!({"type": "typing", "active": false})).await;
    let heard = sari.expect("nobody types", |heard| heard.typing.is_empty() && frames(heard) >= 2).await;
    let last = heard.frames.iter().rev().find(|frame| frame["type"] == "typing").expect("one");
    assert_eq!(*last, json!({"type": "typing", "names": [], "count": 0}));
}

async fn typing_expires_by_itself(engine: Engine) {
    let cluster = Cluster::as_it_comes(engine).await;
    let (mut sari, mut budi) = (cluster.guest(0, "sari").await, cluster.guest(0, "budi").await);
    budi.send(json!({"type": "typing", "active": true})).await;
    sari.expect("budi types", |heard| heard.typing == ["budi"]).await;
    let forgotten = |heard: &crate::kit::Transcript| heard.typing.is_empty();
    sari.expect_within(Duration::from_secs(9), "it is forgotten after 6 s", forgotten).await;
}

async fn at_most_three_names_are_told_and_all_are_counted(engine: Engine) {
    let cluster = Cluster::of(engine).start().await;
    let mut guests = Vec::new();
    for name in ["adi", "budi", "citra", "dewi"] {
        guests.push(cluster.guest(0, name).await);
    }
    for guest in &mut guests {
        guest.send(json!({"type": "typing", "active": true})).await;
    }
    let all = |heard: &crate::kit::Transcript| heard.frames.iter().any(|f| f["type"] == "typing" && f["count"] == 4);
    let heard = guests[0].expect("four type", all).await;
    assert!(heard.typing.len() <= 3, "{:?}", heard.typing);
}

fn frames(heard: &crate::kit::Transcript) -> usize {
    heard.frames.iter().filter(|frame| frame["type"] == "typing").count()
}

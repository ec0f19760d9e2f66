//! A wall clock that jumps.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use super::{Scene, scene::instances};
use crate::kit::{
    Cluster, HttpClient, Instance, SOON, WsClient, eventually,
    process::libfaketime,
    prometheus::{metrics_address, value},
};

#[tokio::test]
async fn chat_survives_clock_jumps_of_an_hour() {
    let mut cluster = instances().instances(1).start().await;
    let dir = TempDir::new().unwrap();
    let clock = dir.path().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    add_with_clock(&mut cluster, &clock, &[]).await;
    let mut scene = Scene::of(cluster, None).await;
    for jump in ["+3600\n", "-3600\n", "+0\n"] {
        fs::write(&clock, jump).unwrap();
        eventually(SOON, "the clock has jumped", || clocks_agree(&scene, jump == "+0\n")).await;
        scene.chat_for(Duration::from_secs(2)).await;
        assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "no send is unavailable");
    }
    scene.check_recovery().await;
}

#[tokio::test]
async fn retention_and_latency_use_the_clock_of_redis() {
    let mut cluster = instances().instances(1).start().await;
    let dir = TempDir::new().unwrap();
    for (i, (jump, ahead)) in [("+3600\n", -3600.0), ("-3600\n", 3600.0)].into_iter().enumerate() {
        let clock = dir.path().join(i.to_string());
        fs::write(&clock, jump).unwrap();
        add_with_clock(&mut cluster, &clock, &[("RUANG_HISTORY_AGE", "10m"), ("RUANG_METRICS_LISTEN", "127.0.0.1:0")])
            .await;
        let instance = cluster.instances.last().unwrap();
        let mut sari = WsClient::sign_in_and_join(&HttpClient::new(instance.base()), &format!("sari {i}")).await;
        let id = sari.send_acked("baru saja").await;
        let page = sari.http_client.get("/api/messages").await.json();
        assert!(page["messages"].as_array().unwrap().iter().any(|message| message["id"] == *id), "{page}");
        let metrics = HttpClient::new(&format!("http://{}", metrics_address(instance))).get("/metrics").await.body;
        let slow = value(&metrics, "ruang_message_delivery_duration_seconds_sum", "");
        assert!(slow < 10.0, "{slow}");
        let offset = value(&metrics, "ruang_clock_offset_seconds", "");
        assert!((offset - ahead).abs() < 5.0, "{offset}");
    }
}

/// Adds an instance whose wall clock has the offset written in a file.
async fn add_with_clock(cluster: &mut Cluster, clock: &Path, more: &[(&str, &str)]) {
    let url = cluster.redis().url();
    let library = libfaketime();
    let settings = [
        ("REDIS_URL", url.as_str()),
        ("RUANG_MESSAGES_PER_SECOND", "0"),
        ("RUANG_SIGN_INS_PER_MINUTE", "0"),
        ("LD_PRELOAD", &library),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        // Only the wall clock jumps, not the monotonic one.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let settings = settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings: Vec<(String, String)> = settings.collect();
    let instance = Instance::start("instance with a fake clock", &settings).await;
    instance.wait_for_readyz(200, SOON).await;
    cluster.instances.push(instance);
}

/// Checks whether the hours of both instances' last log lines are equal, as expected.
async fn clocks_agree(scene: &Scene, expected: bool) -> Result<(), String> {
    let mut hours = Vec::new();
    for (i, instance) in scene.cluster.instances.iter().enumerate() {
        scene.cluster.http_client(i).get("/chat").await;
        // 2026-11-23T22:06:53.778736Z  INFO …
        let line = instance.log().lines().last().unwrap_or_default().trim_start().to_owned();
        hours.push(line.get(11..13).map(str::to_owned).ok_or(line)?);
    }
    let agree = hours[0] == hours[1];
    if agree == expected { Ok(()) } else { Err(format!("{hours:?}")) }
}

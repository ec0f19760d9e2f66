//! A wall clock that jumps.

use std::{fs, time::Duration};

use tempfile::TempDir;

use super::{Scene, scene::instances};
use crate::kit::{Instance, SOON, eventually};

#[tokio::test]
async fn a_conversation_survives_a_clock_that_jumps_an_hour_ahead_and_an_hour_back() {
    let mut cluster = instances().instances(1).start().await;
    let dir = TempDir::new().unwrap();
    let clock = dir.path().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let settings = [
        set("REDIS_URL", &cluster.redis().url()),
        set("RUANG_MESSAGES_PER_SECOND", "0"),
        set("RUANG_SIGN_INS_PER_MINUTE", "0"),
        set("LD_PRELOAD", &libfaketime()),
        set("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        set("FAKETIME_NO_CACHE", "1"),
        // A jump of the wall clock: the monotonic one knows of none.
        set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let jumpy = Instance::start("the instance with a clock of its own", &settings).await;
    jumpy.answers_readyz(200, SOON).await;
    cluster.instances.push(jumpy);
    let mut scene = Scene::of(cluster, None).await;
    for jump in ["+3600\n", "-3600\n", "+0\n"] {
        fs::write(&clock, jump).unwrap();
        eventually(SOON, "the clock has jumped", || clocks_agree(&scene, jump == "+0\n")).await;
        scene.lasts(Duration::from_secs(2)).await;
        assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "nobody notices");
    }
    scene.goes_on().await;
}

/// Whether the hours of what both instances logged last are the same, as they should be.
async fn clocks_agree(scene: &Scene, expected: bool) -> Result<(), String> {
    let mut hours = Vec::new();
    for (i, instance) in scene.cluster.instances.iter().enumerate() {
        scene.cluster.visitor(i).get("/chat").await;
        // 2026-11-23T22:06:53.778736Z  INFO …
        let line = instance.log().lines().last().unwrap_or_default().trim_start().to_owned();
        hours.push(line.get(11..13).map(str::to_owned).ok_or(line)?);
    }
    let agree = hours[0] == hours[1];
    if agree == expected { Ok(()) } else { Err(format!("{hours:?}")) }
}

/// Where Debian keeps the library of `faketime`, whatever the machine is.
fn libfaketime() -> String {
    let folders = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let files = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = files.into_iter().find(|file| file.exists()).expect("libfaketime: tests/run installs it");
    found.to_str().unwrap().to_owned()
}

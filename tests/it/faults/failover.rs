//! More than one Redis: a primary that dies under its sentinels, and a cluster.

use std::time::Duration;

use super::{Scene, scene::instances};
use crate::kit::{redis_cluster::RedisCluster, sentinel::Sentinels};

#[tokio::test]
async fn a_conversation_survives_a_primary_that_is_killed_under_real_sentinels() {
    let mut sentinels = Sentinels::start().await;
    let cluster = instances().start_on(None, &sentinels.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    sentinels.primary.kill();
    scene.lasts(Duration::from_secs(2)).await;
    sentinels.have_promoted().await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_room_stays_open_in_a_real_cluster_of_three_masters() {
    let masters = RedisCluster::start().await;
    let cluster = instances().start_on(None, &masters.url()).await;
    let mut scene = Scene::of(cluster, None).await;
    scene.lasts(Duration::from_secs(3)).await;
    assert!(scene.speakers.iter().all(|speaker| speaker.unavailable == 0), "all goes well");
    scene.goes_on().await;
}

//! Instances that pass events on by different kinds of pub/sub, as while they are changed from one to the other.

use std::sync::Arc;

use ruang::{
    backplane::{Backplane, redis::RedisBackplane},
    redis::{Options, PubSub, RedisConnector},
};

use super::fixture::{Fixture, POLICY, Subscriber, heartbeat, publish};
use crate::kit::{Engine, redis::command};

/// Another instance of the room, with a kind of pub/sub.
fn with(fixture: &Fixture, pubsub: PubSub) -> Arc<dyn Backplane> {
    let url = fixture.redis.as_ref().unwrap().url();
    let connector = RedisConnector::new(&Options { url, password: None, ca_file: None }).unwrap();
    Arc::new(RedisBackplane::new(connector, "ruang", POLICY).unwrap().with_pubsub(pubsub))
}

#[tokio::test]
async fn events_reach_instances_of_the_kinds_beside_theirs() {
    use PubSub::{Both, Classic, Sharded};
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let pairs = [(Classic, Both), (Both, Classic), (Both, Both), (Both, Sharded), (Sharded, Both), (Sharded, Sharded)];
    for (n, (publisher, subscriber)) in pairs.into_iter().enumerate() {
        let (publisher, subscriber) = (with(&fixture, publisher), with(&fixture, subscriber));
        let mut subscriber = Subscriber::on(&*subscriber).await;
        let id = publish(&*publisher, &incarnation, &format!("n{n}")).await.unwrap();
        assert_eq!(subscriber.message().await.id, id, "pair {n}");
    }
}

#[tokio::test]
async fn sharded_instance_uses_no_classic_channel() {
    let fixture = Fixture::of(Engine::Redis).await;
    let incarnation = fixture.sender().await;
    let sharded = with(&fixture, PubSub::Sharded);
    let mut subscriber = Subscriber::on(&*sharded).await;
    let redis = fixture.redis.as_ref().unwrap();
    command(redis, &["CONFIG", "RESETSTAT"]).await;
    publish(&*sharded, &incarnation, "n").await.unwrap();
    heartbeat(&*sharded, &incarnation, 2, &["sari"], &[]).await.unwrap();
    subscriber.message().await;
    assert_eq!(subscriber.presence().await.0, ["SARI"]);
    assert_eq!(command(redis, &["PUBSUB", "CHANNELS"]).await.trim(), "");
    let stats = command(redis, &["INFO", "commandstats"]).await;
    assert!(stats.contains("cmdstat_spublish:") && !stats.contains("cmdstat_publish:"), "{stats}");
}

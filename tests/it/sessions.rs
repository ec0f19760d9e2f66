//! The session stores: what both promise, and how the one on Redis names its keys.

use std::{collections::HashMap, sync::Arc, time::Duration};

use ruang::{
    redis::{Options, RedisConnector},
    session::{MemorySessionStore, RedisSessionStore, session_key_prefix},
};
use tokio::task::JoinSet;
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
};

use crate::kit::{
    Cluster, Engine, Redis, SOON, WsClient,
    engines::on_both_engines,
    redis::command,
    wait::{eventually, within},
};

on_both_engines! {
    Fixture::open =>
    saved_record_is_loaded_and_a_deleted_one_is_not,
    save_does_not_revive_a_deleted_record,
    create_under_a_used_id_takes_a_new_one,
    expired_record_is_gone,
}

const HOUR: Duration = Duration::from_secs(3600);

fn record(name: &str) -> Record {
    let data = HashMap::from([("name".to_owned(), name.into())]);
    Record { id: Id::default(), data, expiry_date: expiry(HOUR) }
}

/// A time in whole seconds: Redis stores no fractions.
fn expiry(after: Duration) -> OffsetDateTime {
    (OffsetDateTime::now_utc() + after).replace_nanosecond(0).expect("0 ns")
}

fn store_on(redis: &Redis, namespace: &str) -> Arc<dyn SessionStore> {
    let options = Options { url: redis.url(), password: None, ca_file: None };
    let client = RedisConnector::new(&options).expect("a URL").client().expect("a client");
    Arc::new(RedisSessionStore::new(client, namespace))
}

async fn keys(redis: &Redis) -> Vec<String> {
    command(redis, &["KEYS", "*"]).await.lines().map(str::to_owned).collect()
}

/// The session store of an engine.
struct Fixture {
    store: Arc<dyn SessionStore>,
    _redis: Option<Redis>,
}

impl Fixture {
    async fn open(engine: Engine) -> Self {
        match engine {
            Engine::Memory => Self { store: Arc::new(MemorySessionStore::default()), _redis: None },
            Engine::Redis => {
                let redis = Redis::start().await;
                Self { store: store_on(&redis, "ruang"), _redis: Some(redis) }
            }
        }
    }
}

async fn saved_record_is_loaded_and_a_deleted_one_is_not(fixture: Fixture) {
    let store = &fixture.store;
    let mut sari = record("sari");
    store.create(&mut sari).await.expect("created");
    assert_eq!(store.load(&sari.id).await.expect("a reply"), Some(sari.clone()));
    sari.data.insert("visits".to_owned(), 2.into());
    store.save(&sari).await.expect("saved");
    assert_eq!(store.load(&sari.id).await.expect("a reply"), Some(sari.clone()));
    store.delete(&sari.id).await.expect("deleted");
    assert_eq!(store.load(&sari.id).await.expect("a reply"), None);
    store.delete(&sari.id).await.expect("deleted already");
}

async fn save_does_not_revive_a_deleted_record(fixture: Fixture) {
    let store = &fixture.store;
    let mut sari = record("sari");
    store.create(&mut sari).await.expect("created");
    store.delete(&sari.id).await.expect("deleted");
    store.save(&sari).await.expect("the session has ended, which is no failure");
    assert_eq!(store.load(&sari.id).await.expect("a reply"), None);
}

async fn create_under_a_used_id_takes_a_new_one(fixture: Fixture) {
    let store = &fixture.store;
    let mut sari = record("sari");
    store.create(&mut sari).await.expect("created");
    let mut budi = Record { id: sari.id, ..record("budi") };
    store.create(&mut budi).await.expect("created");
    assert_ne!(budi.id, sari.id);
    for record in [sari, budi] {
        assert_eq!(store.load(&record.id).await.expect("a reply"), Some(record));
    }
}

async fn expired_record_is_gone(fixture: Fixture) {
    let store = &fixture.store;
    let mut sari = Record { expiry_date: expiry(Duration::ZERO) - HOUR, ..record("sari") };
    store.create(&mut sari).await.expect("created");
    assert_eq!(store.load(&sari.id).await.expect("a reply"), None);
}

#[tokio::test]
async fn every_session_key_begins_with_the_prefix() {
    let redis = Redis::start().await;
    for namespace in ["ruang", "a.much.longer-namespace"] {
        let store = store_on(&redis, namespace);
        let mut first = record("sari");
        store.create(&mut first).await.expect("created");
        // Also the second try after a collision.
        store.create(&mut Record { id: first.id, ..record("budi") }).await.expect("created");
        let keys = keys(&redis).await;
        let prefix = session_key_prefix(namespace);
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == 22 && key.starts_with(&prefix)), "{prefix}: {keys:?}");
        command(&redis, &["FLUSHALL"]).await;
    }
}

#[tokio::test]
async fn namespaces_do_not_share_sessions() {
    let redis = Redis::start().await;
    let (one, other) = (store_on(&redis, "one"), store_on(&redis, "other"));
    let mut sari = record("sari");
    one.create(&mut sari).await.expect("created");
    assert_eq!(other.load(&sari.id).await.expect("a reply"), None);
    other.delete(&sari.id).await.expect("nothing to delete");
    assert_eq!(one.load(&sari.id).await.expect("a reply"), Some(sari));
}

#[tokio::test]
async fn stored_session_does_not_reveal_the_cookie() {
    let redis = Redis::start().await;
    let store = store_on(&redis, "ruang");
    let mut sari = record("sari");
    store.create(&mut sari).await.expect("created");
    let key = keys(&redis).await.remove(0);
    let stored = key.parse::<Id>().expect("an id");
    assert_ne!(stored, sari.id);
    assert_eq!(store.load(&stored).await.expect("a reply"), None, "the key is not a cookie");
    let body = command(&redis, &["--raw", "GET", &key]).await;
    assert!(body.contains("sari") && !body.contains(&sari.id.to_string()), "{body:?}");
}

#[tokio::test]
async fn ten_thousand_reads_at_once_wait_instead_of_failing() {
    let redis = Redis::start().await;
    let store = store_on(&redis, "ruang");
    let mut sari = record("sari");
    store.create(&mut sari).await.expect("created");
    let mut reads = JoinSet::new();
    for _ in 0..10_000 {
        let (store, id) = (Arc::clone(&store), sari.id);
        reads.spawn(async move { store.load(&id).await });
    }
    let loaded = within(SOON, "all reads", reads.join_all()).await;
    let failed: Vec<_> = loaded.into_iter().filter(|read| !matches!(read, Ok(Some(_)))).collect();
    assert!(failed.is_empty(), "{} failed, the first with {:?}", failed.len(), failed[0]);
}

#[tokio::test]
async fn session_lives_two_minutes_until_its_first_join() {
    let mut cluster = Cluster::builder(Engine::Redis).start().await;
    let http_client = cluster.http_client(0);
    http_client.sign_in("sari").await.redirects_to("/chat");
    http_client.get("/chat").await.is(200);
    let key = session_key(cluster.redis()).await;
    assert!((1..=120).contains(&ttl(cluster.redis(), &key).await), "reading the page does not extend it");

    let mut sari = WsClient::connect(&http_client).await;
    assert!(ttl(cluster.redis(), &key).await <= 120, "nor does a socket");
    sari.join(None).await;
    let redis = cluster.redis();
    eventually(SOON, "the session lives longer", || async {
        let ttl = ttl(redis, &key).await;
        if ttl > 3600 { Ok(()) } else { Err(ttl.to_string()) }
    })
    .await;
}

async fn session_key(redis: &Redis) -> String {
    let prefix = session_key_prefix("ruang");
    keys(redis).await.into_iter().find(|key| key.starts_with(&prefix)).expect("a session")
}

/// Seconds until a key expires.
async fn ttl(redis: &Redis, key: &str) -> i64 {
    command(redis, &["TTL", key]).await.trim().parse().expect("a number")
}

#[tokio::test]
async fn store_without_redis_fails_within_its_deadline() {
    let redis = Redis::stopped();
    let store = store_on(&redis, "ruang");
    let response = tokio::time::timeout(Duration::from_secs(5), store.create(&mut record("sari"))).await;
    assert!(response.expect("a result in time").is_err());
}

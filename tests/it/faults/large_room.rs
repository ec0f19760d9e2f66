//! A room of thousands whose people exist in Redis only.

use std::time::Duration;

use crate::kit::{Cluster, Engine, Redis, SOON, WsClient, eventually, redis::command};

const ROOM: &str = "ruang:{ruang_chat_utama}:";
/// The people of an instance that sends no heartbeat.
const GHOSTS: usize = 3000;
const DEAD: &str = "incarnation-of-none";
/// `RUANG_LEASE`, and how long all of a dead instance's people may take to be gone on a busy machine.
const LEASE: &str = "2s";
const GONE_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn failovers_while_many_people_are_reaped_leave_no_ghost() {
    let cluster = Cluster::builder(Engine::Redis).instances(2).set("RUANG_LEASE", LEASE);
    let mut cluster = cluster.set("RUANG_READS_PER_SECOND", "0").start().await;
    let sari = cluster.join(0, "sari").await;
    let budi = cluster.join(1, "budi").await;
    haunt(cluster.redis(), "1").await;
    command(cluster.redis(), &["HINCRBY", &format!("{ROOM}meta"), "v", "1"]).await;
    for client in [&sari, &budi] {
        wait_for_count(client, GHOSTS + 2, SOON).await;
    }
    for _ in 0..2 {
        eventually(GONE_WITHIN, "some ghosts are gone", || async {
            let count = count(&sari).await;
            if count.is_some_and(|count| count < GHOSTS + 2) { Ok(()) } else { Err(format!("{count:?} people")) }
        })
        .await;
        // A replica takes over that has the declaration of death, and none of the releases.
        cluster.redis().restart().await;
        haunt(cluster.redis(), "1x").await;
    }
    let (redis, leases) = (cluster.redis(), format!("{ROOM}leases"));
    eventually(GONE_WITHIN, "the dead instance is forgotten", || async {
        let lease = command(redis, &["HEXISTS", &leases, DEAD]).await;
        if lease.trim() == "0" { Ok(()) } else { Err(lease) }
    })
    .await;
    let left = command(redis, &["HLEN", &format!("{ROOM}people")]).await;
    assert_eq!(left.trim(), "3", "two people and a field that keeps the hash");
    for client in [&sari, &budi] {
        wait_for_count(client, 2, GONE_WITHIN).await;
    }
}

/// Writes the ghosts, then their lease: who reaps them before reaps a part.
async fn haunt(redis: &Redis, lease: &str) {
    let (people, held) = (format!("{ROOM}people"), format!("{ROOM}held:{DEAD}"));
    for first in (0..GHOSTS).step_by(500) {
        let names: Vec<String> = (first..first + 500).map(|n| format!("hantu{n}")).collect();
        let stored = |name: &String| [name.clone(), format!("{name}\n{DEAD}")];
        let (stored, listed) =
            (names.iter().flat_map(stored), names.iter().flat_map(|name| [name.clone(), String::new()]));
        let (stored, listed): (Vec<String>, Vec<String>) = (stored.collect(), listed.collect());
        command(redis, &words("HSET", &people, &stored)).await;
        command(redis, &words("HSET", &held, &[vec![String::new(), String::new()], listed].concat())).await;
    }
    command(redis, &["HSET", &format!("{ROOM}leases"), DEAD, lease]).await;
}

fn words<'a>(name: &'a str, key: &'a str, rest: &'a [String]) -> Vec<&'a str> {
    [name, key].into_iter().chain(rest.iter().map(String::as_str)).collect()
}

async fn wait_for_count(client: &WsClient, expected: usize, limit: Duration) {
    eventually(limit, "the number of people", || async {
        let count = count(client).await;
        if count == Some(expected) { Ok(()) } else { Err(format!("{count:?} people")) }
    })
    .await;
}

/// The number of people by the client's instance; none while it does not say.
async fn count(client: &WsClient) -> Option<usize> {
    let response = client.http_client.get("/api/members?limit=1").await;
    let count = (response.status == 200).then(|| response.json()["count"].as_u64()).flatten();
    count.and_then(|count| usize::try_from(count).ok())
}

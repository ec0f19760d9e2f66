//! The shipped Redis user (`deploy/redis/users.acl`) may do all that the room needs and nothing else.

use std::process::Command;

use serde_json::json;

use crate::kit::{
    Cluster, Engine, Redis, SOON, WsClient,
    operator::{act, token_file},
    process::scratch,
    redis,
};

const PASSWORD: &str = "rahasia sekali";
/// The test's own user with all permissions.
const ADMIN: &str = "user admin on nopass ~* &* +@all\n";

#[tokio::test]
async fn shipped_redis_user_may_do_exactly_what_the_room_needs() {
    let dir = scratch();
    let file = dir.path().join("users.acl");
    std::fs::write(&file, [shipped(), ADMIN.to_owned()].concat()).expect("a file");
    let redis = Redis::start_with(&["--aclfile", file.to_str().expect("a path of UTF-8")]).await;
    let password = dir.path().join("password");
    std::fs::write(&password, PASSWORD).expect("a file");
    let url = redis.url().replace("redis://", "redis://ruang@");
    let settings = Cluster::builder(Engine::Redis).instances(2);
    let token = token_file();
    let settings =
        settings.with_operator(&token).set("REDIS_PASSWORD_FILE", password.to_str().expect("a path of UTF-8"));
    let mut cluster = settings.start_on(Some(redis), &url).await;

    chat(&cluster).await;
    admin(cluster.redis(), &["SCRIPT", "FLUSH"]).await;
    cluster.redis().restart().await;
    for instance in &cluster.instances {
        instance.wait_for_readyz(200, SOON).await;
    }
    chat(&cluster).await;
    lose_instance(&mut cluster).await;
    let trim = ["ACL", "DRYRUN", "ruang", "XTRIM", "ruang:{ruang_chat_utama}:log", "MINID", "1-1"];
    assert_eq!(admin(cluster.redis(), &trim).await.trim(), "OK", "trimming by age");
    let denied = admin(cluster.redis(), &["ACL", "LOG"]).await;
    assert_eq!(denied.trim(), "", "the room was denied a command");

    for command in [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET dir",
        "SCRIPT FLUSH",
        "ACL LIST",
        "CLIENT LIST",
        "MONITOR",
        "SHUTDOWN",
        "GET another:key",
        "SET another:key x",
        "SUBSCRIBE another",
        "PUBLISH another x",
        "EVAL return(redis.call('keys','*')) 0",
    ] {
        let response = as_ruang(cluster.redis(), command).await;
        let refused = response.contains("NOPERM") || response.contains("can't run") || response.contains("permissions");
        assert!(refused, "{command}: {response}");
    }
}

/// Uses every function: sign-in, messages, rejoin, history, sign-out and moderation.
async fn chat(cluster: &Cluster) {
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    let seen = sari.send_acked("halo").await;
    budi.wait_for_text("sari", "halo").await;
    sari.send_acked("masih ada?").await;
    let back = WsClient::rejoin(&budi.http_client.with_base(cluster.base(0)), &seen).await;
    assert_eq!(back.transcript().last_welcome()["recovered"], true);
    let base = cluster.base(0);
    for action in [
        json!({"act": "remove", "id": seen}),
        json!({"act": "slow", "interval": "1s"}),
        json!({"act": "slow", "interval": "0s"}),
        json!({"act": "announce", "text": "halo"}),
        json!({"act": "announce", "text": ""}),
        json!({"act": "mute", "name": "citra", "for": "1h"}),
        json!({"act": "unmute", "name": "citra"}),
        json!({"act": "ban", "name": "citra", "for": "1h"}),
        json!({"act": "pardon", "name": "citra"}),
    ] {
        act(base, action).await.is(200);
    }
    budi.http_client.get("/api/messages?limit=200").await.is(200);
    for client in [sari, budi] {
        client.http_client.log_out().await.redirects_to("/");
    }
}

/// Kills an instance: the other reads the room and releases its people.
async fn lose_instance(cluster: &mut Cluster) {
    let mut sari = cluster.join(0, "sari").await;
    let _budi = cluster.join(1, "budi").await;
    sari.wait_for_members(&["budi", "sari"]).await;
    cluster.instances[1].kill();
    sari.wait_for_members(&["sari"]).await;
}

/// Returns the shipped file with a password filled in as docs/redis.md describes.
fn shipped() -> String {
    let mut sum = Command::new("sh");
    sum.args(["-c", "printf %s \"$0\" | sha256sum | cut -c1-64", PASSWORD]);
    let output = sum.output().expect("sha256sum runs");
    let hash = String::from_utf8(output.stdout).expect("a hash");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/redis/users.acl");
    std::fs::read_to_string(file).expect("the shipped file").replace("PASSWORD_SHA256", hash.trim())
}

async fn admin(redis: &Redis, arguments: &[&str]) -> String {
    redis::command(redis, &[&["--user", "admin", "--pass", "x", "--no-auth-warning"], arguments].concat()).await
}

async fn as_ruang(redis: &Redis, command: &str) -> String {
    let mut cli = tokio::process::Command::new("timeout");
    cli.args(["5", "redis-cli", "-p", &redis.port().to_string(), "--user", "ruang", "--pass", PASSWORD]);
    let output = cli.arg("--no-auth-warning").args(command.split(' ')).output().await.expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

//! Programs: their tokens, names and messages.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Response, SOON, WsClient,
    bots::{TOKEN, bots_file, join, post, request},
    engines::on_both_engines,
    operator::{self, token_file},
};

on_both_engines! {
    bot_message_is_stored_once_per_key_and_marked,
    bot_socket_needs_neither_cookie_nor_origin,
    bot_pace_is_its_own_and_slow_mode_does_not_apply,
    banned_bot_is_refused,
}

fn message_frames(transcript: &crate::kit::Transcript) -> Vec<Value> {
    transcript.frames.iter().filter(|frame| frame["type"] == "message").cloned().collect()
}

async fn bot_message_is_stored_once_per_key_and_marked(engine: Engine) {
    let bots = bots_file();
    let cluster = Cluster::builder(engine).with_bots(&bots).start().await;
    let base = cluster.base(0);
    let mut sari = cluster.join(0, "sari").await;
    let build = json!({"text": " Build 7 passed ", "as": "Deploy"});
    let first = post(base, "build-7", &build).await.is(201).json();
    assert_eq!(post(base, "build-7", &build).await.is(201).json(), first, "the same id");
    assert_eq!(post(base, "\"build-7\"", &build).await.is(201).json(), first, "a quoted key is the same key");
    let other = post(base, "build-7", &json!({"text": "Build 8"})).await;
    assert_eq!(other.is(422).json()["code"], "bad_nonce");
    sari.wait_for_text("CI", "Build 7 passed").await;
    let transcript = sari.catch_up().await;
    let frames = message_frames(&transcript);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!((&frames[0]["bot"], &frames[0]["as"]), (&json!(true), &json!("Deploy")));
    assert_eq!((&frames[0]["id"], &frames[0]["nonce"]), (&first["id"], &json!("build-7")));
    assert!(!transcript.members.contains("CI"), "a request is no presence");
    let history = Response::to(request(base, Method::GET, "/api/messages")).await.is(200).json();
    assert_eq!(history["messages"][0], frames[0]);
    sari.send_acked("hebat").await;
    let frames = message_frames(&sari.wait_for_text("sari", "hebat").await);
    assert!(frames[1].get("bot").is_none(), "people have no mark");
}

async fn bot_socket_needs_neither_cookie_nor_origin(engine: Engine) {
    let bots = bots_file();
    let cluster = Cluster::builder(engine).with_bots(&bots).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut bot = join(cluster.base(0)).await;
    let welcome = bot.transcript().last_welcome().clone();
    assert_eq!((&welcome["you"], &welcome["bots"]), (&json!("CI"), &json!(["CI", "Cuaca"])));
    sari.wait_for_members(&["CI", "sari"]).await;
    let frame = |nonce: &str, alias: &str| json!({"type": "message", "nonce": nonce, "text": "halo", "as": alias});
    bot.send(frame("a", "Cuaca Jakarta")).await;
    sari.wait_for_text("CI", "halo").await;
    let frames = message_frames(&sari.transcript());
    assert_eq!((&frames[0]["bot"], &frames[0]["as"]), (&json!(true), &json!("Cuaca Jakarta")));
    bot.send(frame("b", "\u{200b}")).await;
    let refused = bot.expect("an error", |transcript| transcript.errors.len() == 1).await;
    assert_eq!((&refused.errors[0]["code"], &refused.errors[0]["nonce"]), (&json!("bad_frame"), &json!("b")));
    // The second connection of a program is the same person.
    let second = join(cluster.base(0)).await;
    drop(bot);
    sari.send(json!({"type": "message", "nonce": "c", "text": "halo CI", "as": "Deploy"})).await;
    sari.wait_for_text("sari", "halo CI").await;
    let frames = message_frames(&sari.catch_up().await);
    assert!(frames[1].get("as").is_none() && frames[1].get("bot").is_none(), "a person cannot have a second name");
    assert!(sari.transcript().members.contains("CI"));
    drop(second);
}

async fn bot_pace_is_its_own_and_slow_mode_does_not_apply(engine: Engine) {
    let (bots, token) = (bots_file(), token_file());
    let builder = Cluster::builder(engine).with_bots(&bots).with_operator(&token);
    let cluster = builder.set("RUANG_BOT_MESSAGES_PER_SECOND", "1").start().await;
    let base = cluster.base(0);
    operator::act(base, json!({"act": "slow", "interval": "1h"})).await.is(200);
    for n in 0..2 {
        post(base, &format!("k{n}"), &json!({"text": "halo"})).await.is(201);
    }
    let limited = post(base, "k2", &json!({"text": "halo"})).await;
    assert_eq!((limited.status, limited.header("retry-after").is_some()), (429, true), "{limited:?}");
    post(base, "k1", &json!({"text": "halo"})).await.is(201);
}

async fn banned_bot_is_refused(engine: Engine) {
    let (bots, token) = (bots_file(), token_file());
    let cluster = Cluster::builder(engine).with_bots(&bots).with_operator(&token).start().await;
    let base = cluster.base(0);
    let mut bot = join(base).await;
    operator::act(base, json!({"act": "ban", "name": "CI", "for": "1h"})).await.is(200);
    bot.wait_for_bye(SOON, "session_ended", 4001).await;
    assert_eq!(post(base, "a", &json!({"text": "halo"})).await.is(403).json()["code"], "banned");
    operator::act(base, json!({"act": "pardon", "name": "CI"})).await.is(200);
    post(base, "a", &json!({"text": "halo"})).await.is(201);
}

#[tokio::test]
async fn bot_key_repeated_at_another_instance_is_one_message() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_bots(&bots).start().await;
    let first = post(cluster.base(0), "k", &json!({"text": "halo"})).await.is(201).json();
    assert_eq!(post(cluster.base(1), "k", &json!({"text": "halo"})).await.is(201).json(), first);
}

#[tokio::test]
async fn bot_name_cannot_be_signed_in_with() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    for name in ["CI", "ci", "\u{421}I"] {
        let response = cluster.http_client(0).sign_in(name).await;
        assert!(response.is(409).body.contains("program"), "{response:?}");
    }
}

#[tokio::test]
async fn session_with_a_name_given_to_a_bot_ends() {
    let bots = bots_file();
    let mut cluster = Cluster::builder(Engine::Redis).start().await;
    let mut person = cluster.join(0, "CI").await;
    cluster.set_for_later("RUANG_BOTS_FILE", &bots.path().display().to_string());
    cluster.add().await;
    let moved = person.http_client.with_base(cluster.base(1));
    let origin = cluster.base(1).to_owned();
    let refused = WsClient::try_connect(&moved, &[("origin", &origin)]).await.err().expect("a refusal");
    assert_eq!(refused.status, 401);
    person.wait_for_bye(SOON, "session_ended", 4001).await;
    post(cluster.base(1), "a", &json!({"text": "halo"})).await.is(201);
}

#[tokio::test]
async fn wrong_bot_tokens_are_401_then_429_and_never_logged() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let sari = cluster.join(0, "sari").await;
    post(cluster.base(0), "a", &json!({"text": "halo"})).await.is(201);
    let guess = || sari.http_client.request(Method::POST, "/api/messages").bearer_auth("a guess");
    for _ in 0..10 {
        let response = Response::to(guess().json(&json!({"text": "halo"}))).await;
        assert_eq!((response.status, response.header("www-authenticate")), (401, Some("Bearer")));
    }
    let response = Response::to(guess().json(&json!({"text": "halo"}))).await;
    assert_eq!((response.status, response.header("retry-after").is_some()), (429, true), "{response:?}");
    let bearer = format!("Bearer {TOKEN}");
    let refused = WsClient::try_connect(&HttpClient::new(cluster.base(0)), &[("authorization", &bearer)]).await;
    assert_eq!(refused.err().expect("a refusal").status, 429, "a right token is not told from a wrong one");
    sari.http_client.get("/api/messages").await.is(200);
    cluster.instances[0].wait_for_log("wrong token of a program", Duration::from_secs(1)).await;
    let log = cluster.instances[0].log();
    assert!(!log.contains(TOKEN) && !log.contains("a guess"), "{log}");
}

#[tokio::test]
async fn posted_message_is_in_the_next_page() {
    let bots = bots_file();
    let builder = Cluster::builder(Engine::Redis).with_bots(&bots).set("RUANG_BOT_MESSAGES_PER_SECOND", "0");
    let cluster = builder.start().await;
    let base = cluster.base(0);
    for n in 0..30 {
        let id =
            post(base, &format!("k{n}"), &json!({"text": format!("nomor {n}")})).await.is(201).json()["id"].clone();
        let page = Response::to(request(base, Method::GET, "/api/messages?limit=1")).await.is(200).json();
        assert_eq!(page["messages"][0]["id"], id, "{n}");
    }
}

#[tokio::test]
async fn message_of_a_person_by_http_is_401() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let sari = cluster.join(0, "sari").await;
    let request = sari.http_client.request(Method::POST, "/api/messages").json(&json!({"text": "halo"}));
    Response::to(request).await.is(401);
}

#[tokio::test]
async fn malformed_bot_message_is_refused_with_a_code() {
    let bots = bots_file();
    let cluster = Cluster::builder(Engine::Memory).with_bots(&bots).start().await;
    let base = cluster.base(0);
    for (key, message, status, code) in [
        ("a b", json!({"text": "halo"}), 400, "bad_key"),
        ("a", json!({"words": "halo"}), 400, "bad_body"),
        ("a", json!({"text": 7}), 400, "bad_body"),
        ("a", json!({"text": " "}), 422, "empty"),
        ("a", json!({"text": "x".repeat(2001)}), 422, "too_long"),
        ("a", json!({"text": "halo", "as": ""}), 422, "bad_name"),
        ("a", json!({"text": "x".repeat(40_000)}), 413, ""),
    ] {
        let response = post(base, key, &message).await;
        assert_eq!(response.status, status, "{message} {response:?}");
        assert!(code.is_empty() || response.json()["code"] == code, "{message} {response:?}");
    }
    let form = request(base, Method::POST, "/api/messages").form(&[("text", "dari formulir"), ("as", "Deploy")]);
    Response::to(form).await.is(201);
}

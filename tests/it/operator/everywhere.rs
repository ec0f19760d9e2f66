//! Moderation applies on every instance, to returning clients, and after restarts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    Cluster, Engine, HttpClient, Proxy, Redis, Response, SOON, Transcript, WsClient,
    engines::on_both_engines,
    eventually,
    operator::{TOKEN, act, log_in, token_file},
    proxy::Target,
};

#[tokio::test]
async fn deleted_message_disappears_from_every_instance_and_page() {
    let token = token_file();
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(1, "budi").await;
    let (first, bad) = (sari.send_acked("pertama").await, sari.send_acked("kata kasar").await);
    let last = sari.send_acked("terakhir").await;
    budi.wait_for_text("sari", "terakhir").await;
    let (without_message, with_message) = (budi.http_client.clone(), budi.http_client.clone());
    act(cluster.base(1), json!({"act": "remove", "id": bad})).await.is(200);
    for client in [&mut sari, &mut budi] {
        client.expect("the deletion", |transcript| transcript.removed == [bad.clone()]).await;
    }
    cluster.add().await;
    for i in 0..3 {
        let here = sari.http_client.with_base(cluster.base(i));
        let page = here.get("/api/messages").await.json();
        assert_eq!(
            without_time(&page["messages"][1]),
            json!({"id": bad, "removed": true, "from": "sari"}),
            "instance {i}"
        );
        let before = here.get(&format!("/api/messages?before={last}&limit=1")).await.json();
        assert_eq!(before["messages"].as_array().map(Vec::len), Some(1));
        assert_eq!(before["messages"][0], page["messages"][1], "a deleted message keeps its id and name");
        let chat = here.get("/chat").await.body;
        assert!(chat.contains("terakhir") && !chat.contains("kata kasar"), "instance {i}: {chat}");
    }
    let back = WsClient::rejoin(&without_message, &first).await.transcript();
    let deleted = without_time(&back.last_welcome()["messages"][0]);
    assert_eq!(deleted, json!({"type": "removed", "id": bad, "from": "sari"}));
    assert_eq!((&back.last_welcome()["recovered"], back.texts()), (&json!(true), vec!["terakhir"]));
    let mut back = WsClient::rejoin(&with_message, &last).await;
    back.expect("the deletion of a message it has", |transcript| transcript.removed == [bad.clone()]).await;
    let newcomer = cluster.join(2, "citra").await.transcript();
    assert!(!newcomer.frames.iter().any(|frame| frame.to_string().contains("kata kasar")));
}

/// Returns a deleted message without its time, which it must have.
fn without_time(message: &Value) -> Value {
    let mut message = message.clone();
    let at = message.as_object_mut().and_then(|fields| fields.remove("at"));
    assert!(at.is_some_and(|at| at.as_u64().is_some_and(|at| at > 1_600_000_000_000)), "{message}");
    message
}

#[tokio::test]
async fn ban_closes_every_tab_and_survives_restarts() {
    let token = token_file();
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let mut tab = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(1))).await;
    let mut budi = cluster.join(1, "budi").await;
    let began = std::time::Instant::now();
    act(cluster.base(1), json!({"act": "ban", "name": "Sari", "for": "1h"})).await.is(200);
    for client in [&mut sari, &mut tab] {
        let transcript = client.wait_for_bye(SOON, "session_ended", 4001).await;
        assert_eq!(transcript.byes[0]["cause"], "banned");
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    budi.wait_for_members(&["budi"]).await;
    sari.http_client.get("/api/messages").await.is(401);
    for i in 0..2 {
        cluster.http_client(i).sign_in("SARI").await.is(403);
    }
    cluster.add().await;
    cluster.instances[0].kill();
    cluster.instances[1].kill();
    cluster.http_client(2).sign_in("sari").await.is(403);
    act(cluster.base(2), json!({"act": "pardon", "name": "sari"})).await.is(200);
    cluster.http_client(2).sign_in("sari").await.redirects_to("/chat");
}

#[tokio::test]
async fn person_banned_while_away_cannot_rejoin() {
    let token = token_file();
    let builder = Cluster::builder(Engine::Redis).with_operator(&token).set("RUANG_LEAVE_GRACE", "250ms");
    let cluster = builder.start().await;
    let sari = cluster.join(0, "sari").await;
    let mut budi = cluster.join(0, "budi").await;
    let http_client = sari.http_client.clone();
    sari.leave().await;
    budi.wait_for_members(&["budi"]).await;
    act(cluster.base(0), json!({"act": "ban", "name": "sari", "for": "1h"})).await.is(200);
    let mut back = WsClient::connect(&http_client).await;
    back.send(json!({"type": "join"})).await;
    back.expect("a close with 4001", |transcript| transcript.closed == Some(Some(4001))).await;
}

#[tokio::test]
async fn rules_reach_present_and_later_clients() {
    let token = token_file();
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    act(cluster.base(1), json!({"act": "announce", "text": "Jam 9 mati sebentar"})).await.is(200);
    let notice = json!({"type": "rules", "slow_ms": 0, "notice": "Jam 9 mati sebentar"});
    sari.expect("the announcement", |transcript| transcript.rules == notice).await;
    act(cluster.base(0), json!({"act": "slow", "interval": "10m"})).await.is(200);
    cluster.add().await;
    let mut budi = cluster.join(2, "budi").await;
    assert_eq!(budi.transcript().last_welcome()["rules"], json!({"slow_ms": 600_000, "notice": "Jam 9 mati sebentar"}));
    budi.send_acked("satu").await;
    let mut tab = WsClient::connect_and_join(&budi.http_client.with_base(cluster.base(0))).await;
    tab.send_with_nonce("kedua", "dua").await;
    let transcript = tab.expect("slow mode", |transcript| !transcript.errors.is_empty()).await;
    let error = &transcript.errors[0];
    assert_eq!((&error["code"], &error["nonce"]), (&json!("rate_limited"), &json!("kedua")));
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 590_000 && ms <= 600_001), "{error}");
    act(cluster.base(1), json!({"act": "slow", "interval": "0s"})).await.is(200);
    act(cluster.base(1), json!({"act": "announce", "text": ""})).await.is(200);
    tab.expect("the rules are reset", |transcript| {
        transcript.rules == json!({"type": "rules", "slow_ms": 0, "notice": null})
    })
    .await;
    tab.send_with_nonce("kedua", "dua").await;
    tab.expect("the ack", |transcript| transcript.acked("kedua").is_some()).await;
    let newcomer = cluster.join(1, "citra").await.transcript();
    assert_eq!(newcomer.last_welcome().get("rules"), None::<&Value>);
}

#[tokio::test]
async fn instance_that_missed_moderation_catches_up() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    let bad = sari.send_acked("kata kasar").await;
    cluster.instances[0].pause();
    act(cluster.base(1), json!({"act": "remove", "id": bad})).await.is(200);
    act(cluster.base(1), json!({"act": "announce", "text": "Halo"})).await.is(200);
    // The frozen instance's subscription ends: it never receives these events.
    crate::kit::redis::command(cluster.redis.as_ref().expect("Redis"), &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    cluster.instances[0].resume();
    let transcript = sari
        .expect_within(SOON * 2, "the deletion and the announcement", |transcript| {
            transcript.removed == [bad.clone()]
                && (transcript.rules["notice"] == "Halo" || transcript.last_welcome()["rules"]["notice"] == "Halo")
        })
        .await;
    assert!(transcript.byes.is_empty(), "{:?}", transcript.byes);
    eventually(SOON, "the deletion on its pages", || async {
        let page = sari.http_client.get("/api/messages").await.json();
        if page["messages"][0]["removed"] == true && page["messages"][0]["from"] == "sari" {
            Ok(())
        } else {
            Err(page.to_string())
        }
    })
    .await;
}

#[tokio::test]
async fn muted_person_reads_on_and_is_told_until_when() {
    let token = token_file();
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "Sari").await;
    let mut budi = cluster.join(1, "budi").await;
    act(cluster.base(1), json!({"act": "mute", "name": "SARI", "for": "10m"})).await.is(200);
    sari.send_with_nonce("a", "halo").await;
    let errors = sari.expect("the refusal", |transcript| !transcript.errors.is_empty()).await.errors;
    assert_eq!((&errors[0]["code"], &errors[0]["nonce"]), (&json!("muted"), &json!("a")));
    assert!(errors[0]["retry_after_ms"].as_u64().is_some_and(|ms| ms > 590_000 && ms <= 600_000), "{errors:?}");
    budi.send_acked("masih di sini?").await;
    sari.wait_for_text("budi", "masih di sini?").await;
    // A restart and another tab change nothing; many refusals are no fault of hers.
    cluster.add().await;
    let mut tab = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(2))).await;
    for n in 0..20 {
        tab.send_with_nonce(&format!("b{n}"), "halo").await;
    }
    let transcript = tab.expect("the refusals", |transcript| transcript.errors.len() == 20).await;
    // Refused messages count for the limit of messages as well.
    assert!(transcript.error_codes()[..5].iter().all(|code| *code == "muted"), "{:?}", transcript.errors);
    assert!(transcript.byes.is_empty(), "{:?}", transcript.byes);
    let report = HttpClient::new(cluster.base(0)).request(Method::GET, "/api/operator").bearer_auth(TOKEN);
    assert_eq!(Response::to(report).await.is(200).json()["mutes"][0]["name"], "SARI");
    act(cluster.base(2), json!({"act": "unmute", "name": "sari"})).await.is(200);
    act(cluster.base(2), json!({"act": "unmute", "name": "sari"})).await.is(404);
    eventually(SOON, "she may write", || async {
        let mut tab = WsClient::connect_and_join(&sari.http_client).await;
        tab.send_with_nonce("c", "halo lagi").await;
        let answered = |transcript: &Transcript| transcript.acked("c").is_some() || !transcript.errors.is_empty();
        let transcript = tab.expect("an answer", answered).await;
        transcript.acked("c").map(drop).ok_or(format!("{:?}", transcript.errors))
    })
    .await;
}

on_both_engines! { purge_deletes_every_spelling_and_all_that_is_stored }

async fn purge_deletes_every_spelling_and_all_that_is_stored(engine: Engine) {
    let token = token_file();
    let builder = Cluster::builder(engine).with_operator(&token).set("RUANG_MESSAGES_PER_SECOND", "0");
    let builder = builder.set("RUANG_MESSAGES_BURST", "0").set("RUANG_NAME_HOLD", "1s").set("RUANG_LEAVE_GRACE", "0s");
    let cluster = builder.start().await;
    let mut sari = cluster.join(0, "Sari").await;
    let mut theirs = vec![sari.send_acked("lama").await];
    sari.http_client.log_out().await.redirects_to("/");
    let mut budi = cluster.join(0, "budi").await;
    // More than an instance caches.
    for n in 0..1010 {
        budi.send_with_nonce(&format!("n{n}"), "halo").await;
        if n % 100 == 99 {
            let nonce = format!("n{n}");
            budi.expect("the ack", |transcript| transcript.acked(&nonce).is_some()).await;
        }
    }
    let mut again = eventually(SOON, "the name is free", || async {
        let client = cluster.http_client(0);
        match client.sign_in("SARI").await.header("location") {
            Some("/chat") => Ok(client),
            _ => Err("held".to_owned()),
        }
    })
    .await;
    again = again.with_base(cluster.base(0));
    let mut again = WsClient::connect_and_join(&again).await;
    theirs.push(again.send_acked("baru").await);
    act(cluster.base(0), json!({"act": "purge", "name": "sari"})).await.is(200);
    budi.expect("both deletions", |transcript| theirs.iter().all(|id| transcript.removed.contains(id))).await;
    assert_eq!(budi.transcript().removed.len(), 2);
    let page = budi.http_client.get("/api/messages?limit=1&after=1-0").await.json();
    assert_eq!((&page["messages"][0]["id"], &page["messages"][0]["removed"]), (&json!(theirs[0]), &json!(true)));
    act(cluster.base(0), json!({"act": "purge", "name": "sari"})).await.is(404);
    // A ban applies to the key as well.
    let last = again.send_acked("terakhir").await;
    act(cluster.base(0), json!({"act": "ban", "name": "sARI", "for": "forever", "messages": true})).await.is(200);
    again.wait_for_bye(SOON, "session_ended", 4001).await;
    budi.expect("the last deletion", |transcript| transcript.removed.contains(&last)).await;
    let refused = cluster.http_client(0).sign_in("Sari").await;
    assert!(refused.is(403).body.contains("Nama ini diblokir pengelola. Coba nama lain."), "{refused:?}");
}

#[tokio::test]
async fn purge_deletes_what_its_instance_has_not_received() {
    let token = token_file();
    let redis = Redis::start().await;
    let direct = redis.url();
    let proxy = Proxy::start(redis.port()).await;
    let settings = || Cluster::builder(Engine::Redis).with_operator(&token);
    let unaware = settings().start_on(Some(redis), &format!("redis://127.0.0.1:{}", proxy.port())).await;
    let aware = settings().start_on(None, &direct).await;
    let mut sari = aware.join(0, "sari").await;
    proxy.stall(Target::Subscribers);
    let spam = sari.send_acked("spam").await;
    act(unaware.base(0), json!({"act": "purge", "name": "sari"})).await.is(200);
    sari.expect("the deletion", |transcript| transcript.removed == [spam.clone()]).await;
}

#[tokio::test]
async fn doors_hold_on_every_instance_and_say_why() {
    let token = token_file();
    let mut cluster = Cluster::builder(Engine::Redis).instances(2).with_operator(&token).start().await;
    let mut sari = cluster.join(0, "sari").await;
    act(cluster.base(1), json!({"act": "read_only", "for": "10m", "text": "Tunggu <sebentar>."})).await.is(200);
    let rules = sari.expect("the rules", |transcript| transcript.rules["read_only"].is_object()).await.rules;
    assert_eq!(rules["read_only"]["text"], "Tunggu <sebentar>.");
    sari.send_with_nonce("a", "halo").await;
    let errors = sari.expect("the refusal", |transcript| !transcript.errors.is_empty()).await.errors;
    assert_eq!((&errors[0]["code"], &errors[0]["nonce"]), (&json!("read_only"), &json!("a")));
    assert!(errors[0]["retry_after_ms"].as_u64().is_some_and(|ms| ms > 590_000 && ms <= 600_001), "{errors:?}");
    act(cluster.base(0), json!({"act": "read_only", "for": "0s"})).await.is(200);
    sari.expect("the rules are reset", |transcript| transcript.rules.get("read_only").is_none()).await;
    sari.send_acked("lagi").await;

    act(cluster.base(0), json!({"act": "closed", "text": "Kembali jam <9>."})).await.is(200);
    sari.expect("the rules", |transcript| transcript.rules["closed"].is_object()).await;
    cluster.add().await;
    for instance in 0..3 {
        let budi = cluster.http_client(instance);
        let sentence = "Ruang obrolan sedang tidak menerima orang baru. Kembali jam &#60;9&#62;.";
        eventually(SOON, "the instance knows", || async {
            let form = budi.get("/").await;
            if form.body.contains(sentence) { Ok(()) } else { Err(form.body) }
        })
        .await;
        let refused = budi.sign_in("budi").await;
        assert!(refused.is(403).body.contains(sentence), "{refused:?}");
    }
    // People in the room stay, and may come back; a moderator may sign in.
    let back = WsClient::connect_and_join(&sari.http_client.with_base(cluster.base(2))).await;
    assert_eq!(back.transcript().last_welcome()["rules"]["closed"]["text"], "Kembali jam <9>.");
    let moderator = cluster.http_client(1);
    log_in(&moderator, TOKEN).await.redirects_to("/operator");
    moderator.sign_in("moderator").await.redirects_to("/chat");
    act(cluster.base(1), json!({"act": "closed", "for": "0s"})).await.is(200);
    sari.expect("the rules are reset", |transcript| transcript.rules.get("closed").is_none()).await;
    cluster.http_client(0).sign_in("budi").await.redirects_to("/chat");
}

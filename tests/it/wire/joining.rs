//! `join` and the welcome.

use serde_json::{Value, json};

use crate::kit::{Cluster, Engine, SOON, Transcript, WsClient, engines::on_both_engines};

on_both_engines! {
    welcome_has_all_fields,
    join_without_since_returns_the_newest_fifty,
    join_with_since_returns_exactly_the_missed,
    join_with_the_head_returns_no_messages,
    more_than_500_missed_is_a_counted_gap,
    more_than_128_kib_missed_is_a_counted_gap,
    since_of_the_future_or_a_lost_epoch_is_an_uncounted_gap,
    trimmed_since_is_an_uncounted_gap,
    malformed_since_is_an_error_and_the_socket_stays,
    second_join_returns_a_welcome_and_announces_nothing,
    members_are_sorted_by_folded_name_and_include_oneself,
}

async fn welcome_has_all_fields(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let id = sari.send_acked("halo").await;
    let budi = cluster.join(0, "budi").await;
    let transcript = budi.transcript();
    let welcome = transcript.last_welcome();
    assert_eq!(transcript.frames[0]["type"], "welcome");
    assert_eq!(
        (&welcome["you"], &welcome["recovered"], &welcome["missed"], &welcome["head"]),
        (&json!("budi"), &json!(true), &json!(0), &json!(id))
    );
    assert_eq!(welcome["limits"], json!({"text_chars": 2000, "messages_per_second": 5, "edit_ms": 900_000}));
    assert_eq!(welcome["heartbeat_ms"], 25_000);
    assert_eq!(welcome["members"], json!({"count": 2, "names": ["budi", "sari"]}));
    let message = &welcome["messages"][0];
    assert_eq!(
        (&message["type"], &message["id"], &message["from"], &message["text"]),
        (&json!("message"), &json!(id), &json!("sari"), &json!("halo"))
    );
}

async fn join_without_since_returns_the_newest_fifty(engine: Engine) {
    let (cluster, mut sari, ids) = start_room(engine, 60, "x").await;
    let transcript = WsClient::connect_and_join(&cluster.sign_in(0, "budi").await).await.transcript();
    assert_eq!(transcript.ids(), ids[10..]);
    assert_eq!(recovery(&transcript), (json!(true), json!(0)));
    sari.send_acked("masih di sini").await;
}

async fn join_with_since_returns_exactly_the_missed(engine: Engine) {
    let (_cluster, sari, ids) = start_room(engine, 60, "x").await;
    let transcript = WsClient::rejoin(&sari.http_client, &ids[1]).await.transcript();
    assert_eq!(transcript.ids(), ids[2..]);
    assert_eq!(recovery(&transcript), (json!(true), json!(0)));
}

async fn join_with_the_head_returns_no_messages(engine: Engine) {
    let (_cluster, sari, ids) = start_room(engine, 3, "x").await;
    let transcript = WsClient::rejoin(&sari.http_client, &ids[2]).await.transcript();
    assert_eq!((transcript.ids().len(), recovery(&transcript)), (0, (json!(true), json!(0))));
    assert_eq!(transcript.last_welcome()["head"], json!(ids[2]));
}

async fn more_than_500_missed_is_a_counted_gap(engine: Engine) {
    let (_cluster, sari, ids) = start_room(engine, 502, "x").await;
    let at_limit = WsClient::rejoin(&sari.http_client, &ids[1]).await.transcript();
    assert_eq!((at_limit.ids().len(), recovery(&at_limit)), (500, (json!(true), json!(0))));
    let over_limit = WsClient::rejoin(&sari.http_client, &ids[0]).await.transcript();
    assert_eq!(over_limit.ids(), ids[452..]);
    check_gap(&over_limit, 501);
}

async fn more_than_128_kib_missed_is_a_counted_gap(engine: Engine) {
    // Two thousand characters of three bytes: twenty-two of them are more than 128 KiB.
    let (_cluster, sari, ids) = start_room(engine, 25, &"\u{a9b1}".repeat(2000)).await;
    let transcript = WsClient::rejoin(&sari.http_client, &ids[0]).await.transcript();
    check_gap(&transcript, 24);
    let shown = transcript.ids().len();
    assert!((15..22).contains(&shown), "the newest messages that fit into 128 KiB: {shown}");
    assert_eq!(transcript.ids(), ids[25 - shown..]);
}

async fn since_of_the_future_or_a_lost_epoch_is_an_uncounted_gap(engine: Engine) {
    let (_cluster, sari, ids) = start_room(engine, 3, "x").await;
    let (epoch, n) = crate::kit::transcript::order(&ids[2]);
    for since in [format!("{epoch}-{}", n + 1), format!("{}-1", epoch + 1), "1-1".to_owned()] {
        let transcript = WsClient::rejoin(&sari.http_client, &since).await.transcript();
        assert_eq!(transcript.ids(), ids, "{since}");
        assert_eq!(recovery(&transcript), (json!(false), Value::Null), "{since}");
    }
}

async fn trimmed_since_is_an_uncounted_gap(engine: Engine) {
    // More than the history cache holds; the log is trimmed in whole blocks and may store slightly more than configured.
    let settings = Cluster::builder(engine).set("RUANG_HISTORY", "100").set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = settings.start().await;
    let mut sari = cluster.join(0, "sari").await;
    let ids = send_many(&mut sari, 1200, "x").await;
    let transcript = WsClient::rejoin(&sari.http_client, &ids[0]).await.transcript();
    assert_eq!(recovery(&transcript), (json!(false), Value::Null));
    assert_eq!(transcript.ids(), ids[1150..]);
}

async fn malformed_since_is_an_error_and_the_socket_stays(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let sari = cluster.sign_in(0, "sari").await;
    let mut client = WsClient::connect(&sari).await;
    for since in
        [json!("7"), json!(""), json!(7), json!("7-x"), json!(null), json!("-1-1"), json!("7-99999999999999999999")]
    {
        client.send_invalid(json!({"type": "join", "since": since})).await;
    }
    let transcript = client.catch_up().await;
    // `null` may mean absent; the others are errors.
    assert!(transcript.error_codes().len() >= 6, "{:?}", transcript.frames);
    assert!(transcript.error_codes().iter().all(|code| *code == "bad_frame"), "{:?}", transcript.errors);
    client.join(None).await;
}

async fn second_join_returns_a_welcome_and_announces_nothing(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut budi = cluster.join(0, "budi").await;
    let mut sari = cluster.join(0, "sari").await;
    budi.wait_for_members(&["budi", "sari"]).await;
    let id = sari.send_acked("halo").await;
    sari.join(Some(&id)).await;
    assert_eq!(sari.transcript().welcomes.len(), 2);
    sari.send_acked("lagi").await;
    assert_eq!(budi.wait_for_text("sari", "lagi").await.changes_of("sari"), ["joined"]);
}

async fn members_are_sorted_by_folded_name_and_include_oneself(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let _here = [cluster.join(0, "Zaki").await, cluster.join(0, "adi").await];
    let budi = cluster.join(0, "Budi").await;
    assert_eq!(budi.transcript().last_welcome()["members"], json!({"count": 3, "names": ["adi", "Budi", "Zaki"]}));
}

/// Starts a room in which sari has sent this many messages.
async fn start_room(engine: Engine, count: usize, text: &str) -> (Cluster, WsClient, Vec<String>) {
    let cluster = Cluster::builder(engine).set("RUANG_MESSAGES_PER_SECOND", "0").start().await;
    let mut sari = cluster.join(0, "sari").await;
    let ids = send_many(&mut sari, count, text).await;
    (cluster, sari, ids)
}

/// Sends a text many times without waiting for each ack; returns the ids in order.
async fn send_many(client: &mut WsClient, count: usize, text: &str) -> Vec<String> {
    for _ in 0..count {
        client.send_text(text).await;
    }
    let all = |transcript: &Transcript| transcript.acks.len() >= count && transcript.messages.len() >= count;
    // Redis writes each to disk before its ack.
    let transcript = client.expect_within(SOON * 4, "all acks", all).await;
    transcript.ids().iter().map(|id| (*id).to_owned()).collect()
}

fn recovery(transcript: &Transcript) -> (Value, Value) {
    (transcript.last_welcome()["recovered"].clone(), transcript.last_welcome()["missed"].clone())
}

/// Checks a gap of known size: `missed` counts the messages after `since`.
#[track_caller]
fn check_gap(transcript: &Transcript, after_since: u64) {
    assert_eq!(recovery(transcript).0, json!(false));
    let missed = recovery(transcript).1.as_u64().expect("a count");
    let unseen = after_since - transcript.ids().len() as u64;
    assert!(missed == after_since || missed == unseen, "{missed} is neither {after_since} nor {unseen}");
}

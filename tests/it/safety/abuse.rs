//! Hostile sockets: each costs at most its own connection. A bystander chats on, and the memory of the process stays within
//! its bounds.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    engines::on_both_engines,
    http_client::with_query,
    raw::{RawSocket, masked},
};

/// Deadline of the bystander's ack.
const ACK_LIMIT: Duration = Duration::from_secs(2);
/// Highest growth of memory by all hostile sockets, in KiB: far less than they send.
const GROWTH_LIMIT_KIB: u64 = 24 * 1024;

on_both_engines! {
    frame_length_beyond_the_bound_is_1002_or_1009,
    endless_continuations_are_closed,
    unread_ping_flood_does_not_slow_others,
    invalid_close_codes_are_1002,
    frames_after_a_close_are_ignored,
    frame_sent_byte_by_byte_is_read,
    deep_or_malformed_json_is_a_bad_frame,
    lone_surrogates_are_refused_and_repeated_keys_sent_once,
    malformed_cursors_are_refused_and_unknown_ones_are_gaps,
    malformed_cookies_are_no_session,
}

async fn frame_length_beyond_the_bound_is_1002_or_1009(engine: Engine) {
    let room = Room::open(engine).await;
    for (length, codes) in [(1_u64 << 63, &[1002, 1009][..]), (u64::MAX, &[1002, 1009]), (u64::MAX >> 1, &[1009])] {
        let mut raw = room.raw().await;
        raw.send(&[&[0x82, 0x80 | 127], length.to_be_bytes().as_slice(), &[0, 0, 0, 0]].concat()).await;
        let code = raw.close_code().await.expect("a close frame");
        assert!(codes.contains(&code) || code == 1003, "{length:#x}: {code}");
    }
    room.check_bystander().await;
}

async fn endless_continuations_are_closed(engine: Engine) {
    let room = Room::open(engine).await;
    let empty: Vec<u8> = (0..20_000).flat_map(|_| masked(0x00, b"")).collect();
    for _ in 0..20 {
        let mut raw = room.raw().await;
        raw.send(&masked(0x01, b"{")).await;
        // The server may close before all is sent.
        let _ = raw.try_send(&empty).await;
        let _ = raw.try_send(&masked(0x00, &[b' '; 125]).repeat(400)).await;
        assert!(matches!(raw.close_code().await, Some(1002 | 1008 | 1009) | None));
    }
    room.check_bystander().await;
}

async fn unread_ping_flood_does_not_slow_others(engine: Engine) {
    let room = Room::open(engine).await;
    let flood = masked(0x89, &[b'x'; 125]).repeat(2_000);
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut raw = room.raw().await;
        // The pongs are not read.
        for _ in 0..8 {
            if tokio::time::timeout(Duration::from_millis(200), raw.try_send(&flood)).await.is_err() {
                break;
            }
        }
        sockets.push(raw);
    }
    room.check_bystander().await;
}

async fn invalid_close_codes_are_1002(engine: Engine) {
    let room = Room::open(engine).await;
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let mut raw = room.raw().await;
        raw.send(&masked(0x88, &code.to_be_bytes())).await;
        assert_eq!(raw.close_code().await, Some(1002), "close code {code}");
    }
    for payload in [&[3_u8][..], &[0x03, 0xe8, 0xff, 0xfe]] {
        let mut raw = room.raw().await;
        raw.send(&masked(0x88, payload)).await;
        assert!(matches!(raw.close_code().await, Some(1002 | 1007)), "close payload {payload:?}");
    }
    room.check_bystander().await;
}

async fn frames_after_a_close_are_ignored(engine: Engine) {
    let mut room = Room::open(engine).await;
    let mut raw = room.raw().await;
    let join = masked(0x81, br#"{"type":"join"}"#);
    let close = masked(0x88, &1000_u16.to_be_bytes());
    let late = masked(0x81, br#"{"type":"message","nonce":"x","text":"telat"}"#);
    raw.send(&[join, close, late].concat()).await;
    assert_eq!(raw.close_code().await, Some(1000));
    let transcript = room.bystander.catch_up().await;
    assert!(transcript.texts().is_empty(), "{:?}", transcript.texts());
    room.check_bystander().await;
}

async fn frame_sent_byte_by_byte_is_read(engine: Engine) {
    let room = Room::open(engine).await;
    let mut raw = room.raw().await;
    for byte in masked(0x81, br#"{"type":"ping"}"#) {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let (opcode, text) = raw.next().await.expect("a pong");
    assert_eq!((opcode, text.starts_with(br#"{"type":"pong""#)), (1, true));
    room.check_bystander().await;
}

async fn deep_or_malformed_json_is_a_bad_frame(engine: Engine) {
    let room = Room::open(engine).await;
    let deep = ["[".repeat(10_000), r#"{"a":"#.repeat(5_000)];
    for text in [deep[0].as_str(), &deep[1], "1e999999", "{\"type\":\"ping\"}{\"type\":\"ping\"}", "\u{feff}{}"] {
        let mut client = room.intruder().await;
        client.send_raw(Message::text(text)).await;
        let transcript = client.expect("a reply", |transcript| !transcript.errors.is_empty()).await;
        assert_eq!(transcript.error_codes(), ["bad_frame"], "{}", &text[..text.len().min(40)]);
    }
    // Unknown fields are skipped at any depth.
    let deep = format!(r#"{{"type":"ping","x":{}{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
    let mut client = room.intruder().await;
    client.send_raw(Message::text(deep)).await;
    client.expect("a pong", |transcript| !transcript.pongs.is_empty()).await;
    room.check_bystander().await;
}

async fn lone_surrogates_are_refused_and_repeated_keys_sent_once(engine: Engine) {
    let mut room = Room::open(engine).await;
    let mut client = room.intruder().await;
    client.join(None).await;
    for text in
        [r#"{"type":"message","nonce":"a","text":"\ud800"}"#, r#"{"type":"message","nonce":"b","text":"\udc00x"}"#]
    {
        client.send_raw(Message::text(text)).await;
    }
    let transcript = client.expect("two replies", |transcript| transcript.errors.len() == 2).await;
    assert_eq!(transcript.error_codes(), ["bad_frame", "bad_frame"]);
    client.send_raw(Message::text(r#"{"type":"message","nonce":"c","text":"satu","text":"dua"}"#)).await;
    client.send(json!({"type": "message", "nonce": "d", "text": "akhir"})).await;
    let transcript = room.bystander.wait_for_text("penyusup", "akhir").await;
    assert!(transcript.texts().len() <= 2, "{:?}", transcript.texts());
    room.check_bystander().await;
}

async fn malformed_cursors_are_refused_and_unknown_ones_are_gaps(engine: Engine) {
    let room = Room::open(engine).await;
    let huge = "9".repeat(3_000);
    let malformed = ["-1-1", "1--1", "", "-", "1", "1-", "-1", "0x1-1", "1-1-1", " 1-1", "１-１", huge.as_str()];
    for since in malformed {
        let mut client = room.intruder().await;
        client.send_invalid(json!({"type": "join", "since": since})).await;
        let transcript = client.expect("a reply", |transcript| !transcript.errors.is_empty()).await;
        assert_eq!((transcript.error_codes(), transcript.closed), (vec!["bad_frame"], None), "{since:.20}");
        client.http_client.get(&with_query("/api/messages", "before", since)).await.is(400);
    }
    for since in ["18446744073709551615-18446744073709551615", "1-1", "0-0"] {
        let mut client = room.intruder().await;
        client.join(Some(since)).await;
        let transcript = client.transcript();
        let welcome = transcript.last_welcome();
        assert_eq!((&welcome["recovered"], &welcome["missed"]), (&json!(false), &json!(null)), "{since}");
    }
    room.check_bystander().await;
}

async fn malformed_cookies_are_no_session(engine: Engine) {
    let room = Room::open(engine).await;
    let good = room.bystander.http_client.cookie().expect("a session");
    let value = good.strip_prefix("ruang=").expect("its name");
    let flipped: String = value.chars().rev().collect();
    let long = "A".repeat(8 * 1024);
    for forged in
        [&value[1..], &value[..value.len() - 1], &flipped, &long, "", "%00", "../../etc", "\u{41}{}", "\"", "*", "?"]
    {
        let cookie = format!("ruang={forged}");
        let http_client = room.cluster.http_client(0);
        let page =
            http_client.request(reqwest::Method::GET, "/chat").header("cookie", &cookie).send().await.expect("a reply");
        assert_eq!(page.status(), 303, "{cookie:.40}");
        let form =
            http_client.request(reqwest::Method::GET, "/").header("cookie", &cookie).send().await.expect("a reply");
        assert_eq!(form.status(), 200, "{cookie:.40}");
        let socket = WsClient::try_connect(&http_client, &[("cookie", &cookie)]).await.err().expect("a refusal");
        assert_eq!(socket.status, 401, "{cookie:.40}");
    }
    room.check_bystander().await;
}

/// An instance with a bystander in the room and a session of an intruder.
struct Room {
    cluster: Cluster,
    bystander: WsClient,
    intruder: crate::kit::HttpClient,
    /// Resident memory before, in KiB.
    resident: u64,
}

impl Room {
    async fn open(engine: Engine) -> Self {
        let cluster = Cluster::builder(engine).start().await;
        let bystander = cluster.join(0, "budi").await;
        let intruder = cluster.http_client(0);
        intruder.sign_in("penyusup").await.redirects_to("/chat");
        let resident = cluster.instances[0].resident_kib();
        Self { cluster, bystander, intruder, resident }
    }

    async fn raw(&self) -> RawSocket {
        RawSocket::connect(&self.intruder).await
    }

    async fn intruder(&self) -> WsClient {
        WsClient::connect(&self.intruder).await
    }

    /// Checks that the bystander's message is acknowledged and that memory stays bounded.
    async fn check_bystander(mut self) {
        let nonce = self.bystander.send_text("masih tenang").await;
        let acked = |transcript: &crate::kit::Transcript| transcript.acks.iter().any(|ack| ack.0 == nonce);
        self.bystander.expect_within(ACK_LIMIT, "an ack", acked).await;
        assert!(self.bystander.transcript().closed.is_none());
        let grown = self.cluster.instances[0].resident_kib().saturating_sub(self.resident);
        assert!(grown <= GROWTH_LIMIT_KIB, "{grown} KiB more than before");
        self.cluster.instances[0].wait_for_readyz(200, SOON).await;
    }
}

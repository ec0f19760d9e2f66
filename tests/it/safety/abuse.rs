//! Sockets that mean harm: each costs its sender the connection at most. Somebody else talks on meanwhile, and the
//! process takes no more memory than its bounds.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::kit::{
    Cluster, Engine, SOON, WsClient,
    engines::on_both_engines,
    http_client::with_query,
    raw::{RawSocket, masked},
};

/// What a frame with an own text may be answered by at the latest, while others do harm.
const PROMPT: Duration = Duration::from_secs(2);
/// Memory that hostile sockets may have taken together, in KiB: far less than what they send.
const TAKEN_AT_MOST: u64 = 24 * 1024;

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
    let stage = Stage::open(engine).await;
    for (length, codes) in [(1_u64 << 63, &[1002, 1009][..]), (u64::MAX, &[1002, 1009]), (u64::MAX >> 1, &[1009])] {
        let mut raw = stage.raw().await;
        raw.send(&[&[0x82, 0x80 | 127], length.to_be_bytes().as_slice(), &[0, 0, 0, 0]].concat()).await;
        let code = raw.close_code().await.expect("a close frame");
        assert!(codes.contains(&code) || code == 1003, "{length:#x}: {code}");
    }
    stage.goes_on().await;
}

async fn endless_continuations_are_closed(engine: Engine) {
    let stage = Stage::open(engine).await;
    let empty: Vec<u8> = (0..20_000).flat_map(|_| masked(0x00, b"")).collect();
    for _ in 0..20 {
        let mut raw = stage.raw().await;
        raw.send(&masked(0x01, b"{")).await;
        // It may be closed before all is sent.
        let _ = raw.try_send(&empty).await;
        let _ = raw.try_send(&masked(0x00, &[b' '; 125]).repeat(400)).await;
        assert!(matches!(raw.close_code().await, Some(1002 | 1008 | 1009) | None));
    }
    stage.goes_on().await;
}

async fn unread_ping_flood_does_not_slow_others(engine: Engine) {
    let stage = Stage::open(engine).await;
    let flood = masked(0x89, &[b'x'; 125]).repeat(2_000);
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut raw = stage.raw().await;
        // Nobody reads the pongs.
        for _ in 0..8 {
            if tokio::time::timeout(Duration::from_millis(200), raw.try_send(&flood)).await.is_err() {
                break;
            }
        }
        sockets.push(raw);
    }
    stage.goes_on().await;
}

async fn invalid_close_codes_are_1002(engine: Engine) {
    let stage = Stage::open(engine).await;
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let mut raw = stage.raw().await;
        raw.send(&masked(0x88, &code.to_be_bytes())).await;
        assert_eq!(raw.close_code().await, Some(1002), "close code {code}");
    }
    for payload in [&[3_u8][..], &[0x03, 0xe8, 0xff, 0xfe]] {
        let mut raw = stage.raw().await;
        raw.send(&masked(0x88, payload)).await;
        assert!(matches!(raw.close_code().await, Some(1002 | 1007)), "close payload {payload:?}");
    }
    stage.goes_on().await;
}

async fn frames_after_a_close_are_ignored(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let mut raw = stage.raw().await;
    let join = masked(0x81, br#"{"type":"join"}"#);
    let close = masked(0x88, &1000_u16.to_be_bytes());
    let late = masked(0x81, br#"{"type":"message","nonce":"x","text":"telat"}"#);
    raw.send(&[join, close, late].concat()).await;
    assert_eq!(raw.close_code().await, Some(1000));
    let transcript = stage.bystander.catch_up().await;
    assert!(transcript.texts().is_empty(), "{:?}", transcript.texts());
    stage.goes_on().await;
}

async fn frame_sent_byte_by_byte_is_read(engine: Engine) {
    let stage = Stage::open(engine).await;
    let mut raw = stage.raw().await;
    for byte in masked(0x81, br#"{"type":"ping"}"#) {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    let (opcode, text) = raw.next().await.expect("a pong");
    assert_eq!((opcode, text.starts_with(br#"{"type":"pong""#)), (1, true));
    stage.goes_on().await;
}

async fn deep_or_malformed_json_is_a_bad_frame(engine: Engine) {
    let stage = Stage::open(engine).await;
    let deep = ["[".repeat(10_000), r#"{"a":"#.repeat(5_000)];
    for text in [deep[0].as_str(), &deep[1], "1e999999", "{\"type\":\"ping\"}{\"type\":\"ping\"}", "\u{feff}{}"] {
        let mut client = stage.join().await;
        client.send_raw(Message::text(text)).await;
        let transcript = client.expect("an answer", |transcript| !transcript.errors.is_empty()).await;
        assert_eq!(transcript.error_codes(), ["bad_frame"], "{}", &text[..text.len().min(40)]);
    }
    // What is unknown is skipped, however deep it is.
    let deep = format!(r#"{{"type":"ping","x":{}{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
    let mut client = stage.join().await;
    client.send_raw(Message::text(deep)).await;
    client.expect("a pong", |transcript| !transcript.pongs.is_empty()).await;
    stage.goes_on().await;
}

async fn lone_surrogates_are_refused_and_repeated_keys_sent_once(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let mut client = stage.join().await;
    client.join(None).await;
    for text in
        [r#"{"type":"message","nonce":"a","text":"\ud800"}"#, r#"{"type":"message","nonce":"b","text":"\udc00x"}"#]
    {
        client.send_raw(Message::text(text)).await;
    }
    let transcript = client.expect("two answers", |transcript| transcript.errors.len() == 2).await;
    assert_eq!(transcript.error_codes(), ["bad_frame", "bad_frame"]);
    client.send_raw(Message::text(r#"{"type":"message","nonce":"c","text":"satu","text":"dua"}"#)).await;
    client.send(json!({"type": "message", "nonce": "d", "text": "akhir"})).await;
    let transcript = stage.bystander.wait_for_text("penyusup", "akhir").await;
    assert!(transcript.texts().len() <= 2, "{:?}", transcript.texts());
    stage.goes_on().await;
}

async fn malformed_cursors_are_refused_and_unknown_ones_are_gaps(engine: Engine) {
    let stage = Stage::open(engine).await;
    let huge = "9".repeat(3_000);
    let negative = ["-1-1", "1--1", "", "-", "1", "1-", "-1", "0x1-1", "1-1-1", " 1-1", "１-１", huge.as_str()];
    for since in negative {
        let mut client = stage.join().await;
        client.send(json!({"type": "join", "since": since})).await;
        let transcript = client.expect("an answer", |transcript| !transcript.errors.is_empty()).await;
        assert_eq!((transcript.error_codes(), transcript.closed), (vec!["bad_frame"], None), "{since:.20}");
        client.http_client.get(&with_query("/api/messages", "before", since)).await.is(400);
    }
    for since in ["18446744073709551615-18446744073709551615", "1-1", "0-0"] {
        let mut client = stage.join().await;
        client.join(Some(since)).await;
        let transcript = client.transcript();
        let welcome = transcript.last_welcome();
        assert_eq!((&welcome["recovered"], &welcome["missed"]), (&json!(false), &json!(null)), "{since}");
    }
    stage.goes_on().await;
}

async fn malformed_cookies_are_no_session(engine: Engine) {
    let stage = Stage::open(engine).await;
    let good = stage.bystander.http_client.cookie().expect("a session");
    let value = good.strip_prefix("ruang=").expect("its name");
    let flipped: String = value.chars().rev().collect();
    let long = "A".repeat(8 * 1024);
    for forged in
        [&value[1..], &value[..value.len() - 1], &flipped, &long, "", "%00", "../../etc", "\u{41}{}", "\"", "*", "?"]
    {
        let cookie = format!("ruang={forged}");
        let anybody = stage.cluster.http_client(0);
        let page =
            anybody.request(reqwest::Method::GET, "/chat").header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(page.status(), 303, "{cookie:.40}");
        let form =
            anybody.request(reqwest::Method::GET, "/").header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(form.status(), 200, "{cookie:.40}");
        let socket = WsClient::try_connect(&anybody, &[("cookie", &cookie)]).await.err().expect("nobody's");
        assert_eq!(socket.status, 401, "{cookie:.40}");
    }
    stage.goes_on().await;
}

/// A room with somebody in it who means no harm, and a session for somebody who does.
struct Stage {
    cluster: Cluster,
    bystander: WsClient,
    intruder: crate::kit::HttpClient,
    /// What the process took before, in KiB.
    resident: u64,
}

impl Stage {
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

    async fn join(&self) -> WsClient {
        WsClient::connect(&self.intruder).await
    }

    /// Whoever was there talks on as ever, and the memory is as bounded as it is promised to be.
    async fn goes_on(mut self) {
        let nonce = self.bystander.send_text("masih tenang").await;
        let acked = |transcript: &crate::kit::Transcript| transcript.acks.iter().any(|ack| ack.0 == nonce);
        self.bystander.expect_within(PROMPT, "an ack", acked).await;
        assert!(self.bystander.transcript().closed.is_none());
        let grown = self.cluster.instances[0].resident_kib().saturating_sub(self.resident);
        assert!(grown <= TAKEN_AT_MOST, "{grown} KiB more than before");
        self.cluster.instances[0].wait_for_readyz(200, SOON).await;
    }
}

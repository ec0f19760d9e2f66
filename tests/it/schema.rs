//! `docs/protocol.schema.json` itself. Every client of the kit validates what it sends and receives against it.

use ruang::protocol::ClientFrame;
use serde_json::{Value, json};

use crate::kit::schema::validate;

/// Frames of the server, one of each type.
fn server_frames() -> Vec<Value> {
    let message = json!({"type": "message", "id": "7-42", "nonce": "n", "from": "sari", "text": "halo", "at": 1});
    vec![
        json!({"type": "welcome", "you": "sari", "recovered": true, "missed": 0, "messages": [message], "head": "7-42",
            "members": {"count": 1, "names": ["sari"]}, "limits": {"text_chars": 2000, "messages_per_second": 5},
            "heartbeat_ms": 25000}),
        message,
        json!({"type": "ack", "nonce": "n", "id": "7-42"}),
        json!({"type": "presence", "count": 2}),
        json!({"type": "typing", "names": [], "count": 0}),
        json!({"type": "removed", "id": "7-42"}),
        json!({"type": "rules", "slow_ms": 0, "notice": null}),
        json!({"type": "pong", "head": null}),
        json!({"type": "error", "code": "empty"}),
        json!({"type": "bye", "reason": "restart"}),
    ]
}

#[test]
fn schema_refuses_missing_fields_and_wrong_types() {
    for frame in server_frames() {
        validate("server_frame", &frame).expect("a frame of the protocol");
        for field in frame.as_object().expect("an object").keys() {
            let mut without = frame.clone();
            without.as_object_mut().expect("an object").remove(field);
            assert!(validate("server_frame", &without).is_err(), "without {field}: {frame}");
            let mut wrong = frame.clone();
            wrong[field] = json!({"wrong": true});
            assert!(validate("server_frame", &wrong).is_err(), "wrong {field}: {frame}");
        }
    }
    assert!(validate("server_frame", &json!({"type": "dance"})).is_err());
}

#[test]
fn schema_allows_fields_of_later_versions() {
    for mut frame in server_frames() {
        frame["added"] = json!({"later": [1]});
        validate("server_frame", &frame).expect("additions are allowed");
    }
}

#[test]
fn schema_accepts_the_client_frames_that_the_server_reads() {
    let long = "n".repeat(65);
    let frames = [
        json!({"type": "join"}),
        json!({"type": "join", "since": null}),
        json!({"type": "join", "since": "7-42", "added": 1}),
        json!({"type": "join", "since": "7-042"}),
        json!({"type": "join", "since": "7"}),
        json!({"type": "join", "since": 7}),
        json!({"type": "message", "nonce": "a-1_B", "text": "halo"}),
        json!({"type": "message", "nonce": "a b", "text": "halo"}),
        json!({"type": "message", "nonce": long, "text": "halo"}),
        json!({"type": "message", "nonce": "", "text": "halo"}),
        json!({"type": "message", "nonce": "a"}),
        json!({"type": "message", "nonce": "a", "text": 7}),
        json!({"type": "message", "text": "halo"}),
        json!({"type": "typing", "active": false}),
        json!({"type": "typing", "active": 1}),
        json!({"type": "typing"}),
        json!({"type": "ping"}),
        json!({"type": "dance"}),
        json!({"type": 1}),
        json!({}),
        json!([]),
        json!(null),
    ];
    for frame in frames {
        let read = ClientFrame::parse(&frame.to_string()).is_ok();
        assert_eq!(validate("client_frame", &frame).is_ok(), read, "{frame}");
    }
}

#[test]
fn schema_accepts_every_frame_in_the_protocol_page() {
    let page = include_str!("../../docs/protocol.md");
    let frames = page
        .match_indices("{\"type\":")
        .filter_map(|(start, _)| serde_json::Deserializer::from_str(&page[start..]).into_iter::<Value>().next()?.ok());
    let frames: Vec<_> = frames.filter(|frame| frame["code"] != "…" && frame["reason"] != "…").collect();
    assert!(frames.len() > 25, "the page has {} whole frames", frames.len());
    for frame in frames {
        let valid = ["client_frame", "server_frame"].map(|definition| validate(definition, &frame));
        assert!(valid.iter().any(Result::is_ok), "{valid:?}");
    }
}

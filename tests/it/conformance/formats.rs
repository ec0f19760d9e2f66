//! Formats stored in Redis and sent over its channel: older and newer versions in the same room read them.

use fred::interfaces::{EventInterface, PubsubInterface};
use ruang::{
    automod::SharedChecks,
    backplane::{ChangeRequest, Heartbeat, ModerationAction, NewState},
    protocol::Text,
    redis::{Options, RedisConnector},
};
use serde_json::json;

use super::fixture::{Fixture, heartbeat, person, publish, session};
use crate::kit::{Engine, SOON, redis, wait::within};

const ROOM: &str = "ruang:{ruang_chat_utama}:";

#[tokio::test]
async fn envelopes_of_every_kind_have_their_golden_form() {
    let fixture = Fixture::of(Engine::Redis).await;
    let backplane = &*fixture.backplane;
    let epoch = backplane.read(None).await.unwrap().position.epoch;
    let url = fixture.redis.as_ref().unwrap().url();
    let connector = RedisConnector::new(&Options { url, password: None, ca_file: None }).unwrap();
    let client = connector.subscriber().unwrap();
    let mut envelopes = client.message_rx();
    client.subscribe(format!("{ROOM}live")).await.unwrap();

    heartbeat(backplane, &"inc1".into(), 1, &["sari"], &[]).await.unwrap();
    let id = publish(backplane, &"inc1".into(), "n1").await.unwrap();
    let edit = |nonce: &str, state| {
        let nonce = nonce.parse().unwrap();
        let checks = SharedChecks::default();
        ChangeRequest { incarnation: "inc1".into(), person: person("sari"), nonce, id, state, checks }
    };
    backplane.change(edit("e", NewState::Edited(Text::parse("halo!").unwrap()))).await.unwrap();
    backplane.change(edit("d", NewState::Deleted)).await.unwrap();
    let text = Some("mati / \"sebentar\"".to_owned());
    backplane.moderate(ModerationAction::Announce { text }.into()).await.unwrap();
    backplane.end(&session("sari"), &"sari".into()).await.unwrap();

    let mut received = vec![];
    for _ in 0..7 {
        let envelope = within(SOON, "an envelope", envelopes.recv()).await.unwrap();
        received.push(envelope.value.as_string().unwrap().replace(&epoch.to_string(), "E"));
    }
    let at = received[2].split(' ').nth(5).unwrap().to_owned();
    let body = r#"{"nonce":"n1","from":"SARI","text":"halo"}"#;
    // The order of the body's fields is that of Lua's tables.
    let edit: serde_json::Value = serde_json::from_str(received[3].splitn(7, ' ').last().unwrap()).unwrap();
    let edited_at = edit["edited"][0]["body"]["edited_at"].as_u64().unwrap();
    let new = json!({"nonce": "n1", "from": "SARI", "text": "halo!", "edited_at": edited_at});
    let edits = json!([{"id": "E-1", "at": at.parse::<u64>().unwrap(), "body": new}]);
    assert_eq!(edit, json!({"slow_ms": 0, "notice": null, "edited": edits}));
    let edited = format!("1 r E 2 E-1 - {}", received[3].splitn(7, ' ').last().unwrap());
    let expected = [
        r#"1 p E 1 E-0 [[["sari","SARI"]],[]]"#.to_owned(),
        "1 b E 1 E-0 inc1 1".to_owned(),
        format!("1 m E-1 E-0 1 {at} {body}"),
        edited,
        r#"1 r E 3 E-1 E-1 {"slow_ms":0,"notice":null}"#.to_owned(),
        r#"1 r E 4 E-1 - {"slow_ms":0,"notice":"mati \/ \"sebentar\""}"#.to_owned(),
        r#"1 e E 5 E-1 session-of-sari [[],[["sari","SARI"]]]"#.to_owned(),
    ];
    assert_eq!(received, expected);
}

#[tokio::test]
async fn stored_state_has_its_golden_form() {
    let fixture = Fixture::of(Engine::Redis).await;
    let backplane = &*fixture.backplane;
    heartbeat(backplane, &"inc1".into(), 1, &["sari", "budi"], &[]).await.unwrap();
    let drains = Heartbeat {
        draining: true,
        adds: vec![person("sari")],
        dels: vec![person("budi")],
        ..Heartbeat::new("inc2".into(), 1)
    };
    backplane.heartbeat(drains).await.unwrap();
    let id = publish(backplane, &"inc1".into(), "n1").await.unwrap();
    let ban = ModerationAction::Ban { name_key: "adi".into(), name: "Adi".to_owned(), for_ms: 60_000, address: false };
    backplane.moderate(ban.into()).await.unwrap();

    let stored = async |words: &[&str]| {
        let key = format!("{ROOM}{}", words[1]);
        let words = [&[words[0], &key], &words[2..]].concat();
        redis::command(fixture.redis.as_ref().unwrap(), &words).await.trim_end().to_owned()
    };
    assert_eq!(stored(&["HGET", "leases", "inc1"]).await, "1");
    assert_eq!(stored(&["HGET", "leases", "inc2"]).await, "1d");
    assert_eq!(stored(&["HGET", "people", "sari"]).await, "SARI\ninc1 inc2");
    assert_eq!(stored(&["GET", "name:sari"]).await, "session-of-sari");
    assert_eq!(stored(&["HGET", "meta", "head"]).await, id.to_string());
    let nonce = stored(&["HGET", "said:0", "sari n1"]).await;
    assert_eq!(nonce.split_once(' ').map(|(id, hash)| (id, hash.len())), Some((&*id.to_string(), 32)));
    let entry = stored(&["XRANGE", "log", &id.to_string(), "+"]).await;
    let fields: Vec<&str> = entry.lines().step_by(2).collect();
    let body = r#"{"nonce":"n1","from":"SARI","text":"halo"}"#;
    assert_eq!(fields[1..], [fields[1], "1", "session-of-sari", body], "{entry}");
    let ban = stored(&["HGET", "bans", "adi"]).await;
    assert!(ban.split_once(' ').is_some_and(|(until, name)| until.len() == 13 && name == "Adi"), "{ban}");
    let record = stored(&["XREVRANGE", "acts", "+", "-", "COUNT", "1"]).await;
    let fields: Vec<&str> = record.lines().skip(3).collect();
    let act = r#"{"act":"ban","who":"adi","name":"Adi","for_ms":60000}"#;
    assert_eq!(fields, ["act", act, "audit", "{}", "whom", r#"["Adi"]"#], "{record}");
}

//! Envelopes on the live channel: `1 <kind> …`, where `1` is the envelope's version. The scripts write all but typing.
//! Unknown envelopes are ignored, so that a later version can add kinds.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::body;
use crate::{
    automod::AutoRules,
    backplane::{Delta, Event, IncarnationId, Member, Position, SessionTag, Typing},
    protocol::{Id, Rules},
};

pub(super) fn typing(typing: &Typing) -> String {
    let state = u8::from(typing.active);
    let person = serde_json::to_string(&(&typing.name_key, &typing.name)).unwrap_or_default();
    format!("1 t {state} {person}")
}

/// The event in an envelope, if this version can read it.
pub(super) fn open(text: &str) -> Option<Event> {
    let (kind, rest) = text.strip_prefix("1 ")?.split_once(' ')?;
    match kind {
        "m" => message(rest),
        "p" => presence(rest),
        "e" => ended(rest),
        "r" => moderated(rest),
        "b" => heartbeat(rest),
        "t" => open_typing(rest),
        _ => None,
    }
}

/// `id prev version at body`
fn message(rest: &str) -> Option<Event> {
    let [id, prev, version, at, body] = fields(rest)?;
    let (message, trace) = body::read_traced(id.parse().ok()?, at.parse().ok()?, body)?;
    Some(Event::Message { prev: prev.parse().ok()?, version: version.parse().ok()?, message: Arc::new(message), trace })
}

/// `epoch version head delta`
fn presence(rest: &str) -> Option<Event> {
    let [epoch, version, head, delta] = fields(rest)?;
    Some(Event::Presence { position: position(epoch, head, version)?, delta: open_delta(delta)? })
}

/// `epoch version head session delta`
fn ended(rest: &str) -> Option<Event> {
    let [epoch, version, head, session, delta] = fields(rest)?;
    let session = SessionTag::from(session);
    Some(Event::Ended { position: position(epoch, head, version)?, session, delta: open_delta(delta)? })
}

/// The part of an envelope of changes beside the rules.
#[derive(Deserialize)]
struct Edits<'a> {
    #[serde(default, borrow)]
    edited: Vec<Edit<'a>>,
    /// JSON by name.
    auto: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Edit<'a> {
    id: Id,
    at: u64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// `epoch version head ids rules`: the ids of deleted messages with commas between them, or `-`; the edited messages
/// and the rules that apply by themselves are fields beside the rules.
fn moderated(rest: &str) -> Option<Event> {
    let [epoch, version, head, ids, rules] = fields(rest)?;
    let ids = (ids != "-").then(|| ids.split(',').map(str::parse).collect::<Result<Vec<Id>, _>>());
    let removed = ids.transpose().ok()?.unwrap_or_default();
    let Edits { edited, auto } = serde_json::from_str(rules).ok()?;
    let read = |edit: &Edit<'_>| body::read(edit.id, edit.at, edit.body.get()).map(Arc::new);
    let edited = edited.iter().map(read).collect::<Option<Vec<_>>>()?;
    let rules: Rules = serde_json::from_str(rules).ok()?;
    let auto = auto.map(|fields| Arc::new(AutoRules::from_fields(&fields)));
    Some(Event::Moderated { position: position(epoch, head, version)?, removed, edited, rules, auto })
}

/// `epoch version head incarnation heartbeat_seq`
fn heartbeat(rest: &str) -> Option<Event> {
    let [epoch, version, head, incarnation, heartbeat_seq] = fields(rest)?;
    Some(Event::Heartbeat {
        position: position(epoch, head, version)?,
        incarnation: IncarnationId::from(incarnation),
        heartbeat_seq: heartbeat_seq.parse().ok()?,
    })
}

/// `active [name_key, name]`
fn open_typing(rest: &str) -> Option<Event> {
    let [active, person] = fields(rest)?;
    let (name_key, name) = serde_json::from_str(person).ok()?;
    Some(Event::Typing(Typing { name_key, name, active: active == "1" }))
}

type Pairs = Vec<(String, String)>;

/// `[[[name_key, name], …], [[name_key, name], …]]`: joined, left.
fn open_delta(text: &str) -> Option<Delta> {
    serde_json::from_str(text).ok().map(delta)
}

/// Deltas with commas between them.
pub(super) fn open_deltas(text: &str) -> Option<Vec<Delta>> {
    let deltas: Vec<(Pairs, Pairs)> = serde_json::from_str(&format!("[{text}]")).ok()?;
    Some(deltas.into_iter().map(delta).collect())
}

fn delta((joined, left): (Pairs, Pairs)) -> Delta {
    let people =
        |pairs: Pairs| pairs.into_iter().map(|(name_key, name)| Member { name_key: name_key.into(), name }).collect();
    Delta { joined: people(joined), left: people(left) }
}

fn position(epoch: &str, head: &str, version: &str) -> Option<Position> {
    Some(Position { epoch: epoch.parse().ok()?, head: head.parse::<Id>().ok()?, version: version.parse().ok()? })
}

/// Exactly `N` fields; the last is the rest of the line.
fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.splitn(N, ' ').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::automod::LinkRule;

    /// Written by this version's scripts, and read by every later version in the same room.
    #[test]
    fn golden_envelopes_of_every_kind_are_read() {
        let position = Position { epoch: 8, head: Id::new(7, 42), version: 3 };
        let person = |name: &str| Member { name_key: name.to_lowercase().into(), name: name.into() };
        let body = r#"{"nonce":"n","from":"Sari","text":"halo semua"}"#;
        let message = Arc::new(body::read(Id::new(7, 43), 1_764_000_000_000, body).unwrap());
        let event =
            |trace| Some(Event::Message { prev: Id::new(7, 42), version: 3, message: Arc::clone(&message), trace });
        assert_eq!(open(&format!("1 m 7-43 7-42 3 1764000000000 {body}")), event(None));
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let body = format!(r#"{{"nonce":"n","from":"Sari","text":"halo semua","trace":"{trace}"}}"#);
        assert_eq!(open(&format!("1 m 7-43 7-42 3 1764000000000 {body}")), event(Some(trace.into())));
        let delta = Delta { joined: vec![person("Sari")], left: vec![] };
        assert_eq!(open(r#"1 p 8 3 7-42 [[["sari","Sari"]],[]]"#), Some(Event::Presence { position, delta }));
        let delta = Delta { joined: vec![], left: vec![person("Adi Budi")] };
        let ended = Event::Ended { position, session: "s1".into(), delta };
        assert_eq!(open(r#"1 e 8 3 7-42 s1 [[],[["adi budi","Adi Budi"]]]"#), Some(ended));
        assert_eq!(
            open("1 b 8 3 7-42 inc1 9"),
            Some(Event::Heartbeat { position, incarnation: "inc1".into(), heartbeat_seq: 9 })
        );
        let rules = Rules { slow_ms: 30_000, notice: Some("mati / sebentar".into()), ..Rules::default() };
        let removed = vec![Id::new(7, 41), Id::new(7, 42)];
        assert_eq!(
            open(r#"1 r 8 3 7-42 7-41,7-42 {"slow_ms":30000,"notice":"mati \/ sebentar"}"#),
            Some(Event::Moderated { position, removed, edited: vec![], rules, auto: None })
        );
        let changed = |auto| {
            let (removed, edited, rules) = (vec![], vec![], Rules::default());
            Some(Event::Moderated { position, removed, edited, rules, auto })
        };
        assert_eq!(open(r#"1 r 8 3 7-42 - {"slow_ms":0,"notice":null}"#), changed(None));
        let auto = AutoRules { words: vec!["spam".into()], links: LinkRule::None, quiet: true, ..AutoRules::default() };
        let fields = r#"{"words":"[\"spam\"]","links":"\"none\"","quiet":"true"}"#;
        assert_eq!(
            open(&format!(r#"1 r 8 3 7-42 - {{"slow_ms":0,"notice":null,"auto":{fields}}}"#)),
            changed(Some(Arc::new(auto)))
        );
        let body = r#"{"nonce":"n","from":"Sari","text":"halo!","edited_at":1764000060000}"#;
        let edited = vec![Arc::new(body::read(Id::new(7, 40), 1_764_000_000_000, body).unwrap())];
        assert_eq!(edited[0].edited_at, Some(1_764_000_060_000));
        let edit = format!(r#"{{"id":"7-40","at":1764000000000,"body":{body}}}"#);
        let event = Event::Moderated { position, removed: vec![], edited, rules: Rules::default(), auto: None };
        assert_eq!(open(&format!(r#"1 r 8 3 7-42 - {{"slow_ms":0,"notice":null,"edited":[{edit}]}}"#)), Some(event));
        let typing = Typing { name_key: "sari".into(), name: "Sari".into(), active: true };
        assert_eq!(open(r#"1 t 1 ["sari","Sari"]"#), Some(Event::Typing(typing)));
    }

    #[test]
    fn envelope_unknown_or_malformed_is_ignored() {
        for text in [
            "",
            "1",
            "1 m",
            "1 m 7-43",
            "2 m 7-43 7-42 3 1 {}",
            "1 z of a later version",
            "1 b 8 3 x inc 9",
            "1 p 8 3 7-42 {}",
            "1 r 8 3 7-42 7-41,x {}",
        ] {
            assert_eq!(open(text), None, "{text:?}");
        }
    }

    #[test]
    fn typing_with_quotes_in_the_name_round_trips() {
        let typing = Typing { name_key: "a \" b".into(), name: "A \" \\ B".into(), active: false };
        assert_eq!(open(&super::typing(&typing)), Some(Event::Typing(typing)));
    }
}

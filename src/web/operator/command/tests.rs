use super::*;

fn command(json: &str) -> Result<ModerationCommand, CommandError> {
    serde_json::from_str::<ModerationForm>(json).unwrap().command()
}

fn alone(act: ModerationAction) -> Result<ModerationCommand, CommandError> {
    Ok(ModerationCommand { act: Some(act), messages_of: None, message: None, why: None })
}

#[test]
fn each_command_is_parsed() {
    let (name_key, name) = (NameKey::from("sari"), "Sari".to_owned());
    assert_eq!(
        command(r#"{"act":"remove","id":"7-42"}"#),
        alone(ModerationAction::Remove { ids: vec![Id::new(7, 42)] })
    );
    assert_eq!(
        command(r#"{"act":"dismiss","id":"7-42"}"#),
        alone(ModerationAction::Dismiss { ids: vec![Id::new(7, 42)] })
    );
    let ban = |for_ms| ModerationAction::Ban { name_key: name_key.clone(), name: name.clone(), for_ms, address: false };
    assert_eq!(command(r#"{"act":"ban","name":" Sari ","for":"1h"}"#), alone(ban(3_600_000)));
    assert_eq!(command(r#"{"act":"ban","name":"Sari","for":"0s"}"#), alone(ban(0)));
    assert_eq!(command(r#"{"act":"ban","name":"Sari","for":"forever"}"#), alone(ban(FOR_GOOD_MS)));
    assert_eq!(
        command(r#"{"act":"mute","name":"Sari","for":"10m"}"#),
        alone(ModerationAction::Mute {
            name_key: name_key.clone(),
            name: name.clone(),
            for_ms: 600_000,
            address: false
        })
    );
    assert_eq!(
        command(r#"{"act":"unmute","name":"Sari"}"#),
        alone(ModerationAction::Unmute { name_key: name_key.clone(), name: name.clone() })
    );
    assert_eq!(
        command(r#"{"act":"pardon","name":"Sari"}"#),
        alone(ModerationAction::Unban { name_key: name_key.clone(), name: name.clone() })
    );
    assert_eq!(command(r#"{"act":"slow","interval":"30s"}"#), alone(ModerationAction::Slow { interval_ms: 30_000 }));
    assert_eq!(
        command(r#"{"act":"announce","text":" Halo "}"#),
        alone(ModerationAction::Announce { text: Some("Halo".into()) })
    );
    assert_eq!(command(r#"{"act":"announce","text":" "}"#), alone(ModerationAction::Announce { text: None }));
}

#[test]
fn command_may_have_a_reason() {
    let why = |json: &str| command(json).unwrap().why;
    assert_eq!(why(r#"{"act":"remove","id":"7-42","why":" spam "}"#).as_deref(), Some("spam"));
    assert_eq!(why(r#"{"act":"remove","id":"7-42","why":" "}"#), None);
}

#[test]
fn command_may_name_a_message_in_place_of_its_sender() {
    let of = |json: &str| serde_json::from_str::<ModerationForm>(json).unwrap().message_of_person();
    for act in ["mute", "ban", "purge"] {
        assert_eq!(of(&format!(r#"{{"act":"{act}","id":"7-42"}}"#)), Ok(Some(Id::new(7, 42))));
        assert_eq!(of(&format!(r#"{{"act":"{act}","id":"x"}}"#)), Err(CommandError::Id));
        assert_eq!(of(&format!(r#"{{"act":"{act}","id":"7-42","name":"Sari"}}"#)), Ok(None));
    }
    for act in ["remove", "dismiss", "pardon"] {
        assert_eq!(of(&format!(r#"{{"act":"{act}","id":"7-42"}}"#)), Ok(None));
    }
}

#[test]
fn doors_may_have_an_end_and_a_sentence() {
    assert_eq!(
        command(r#"{"act":"read_only","for":"1h","text":" Sebentar. "}"#),
        alone(ModerationAction::ReadOnly { for_ms: Some(3_600_000), text: Some("Sebentar.".into()) })
    );
    assert_eq!(command(r#"{"act":"closed"}"#), alone(ModerationAction::Closed { for_ms: None, text: None }));
    assert_eq!(
        command(r#"{"act":"closed","for":"0s"}"#),
        alone(ModerationAction::Closed { for_ms: Some(0), text: None })
    );
    let long = format!(r#"{{"act":"closed","text":"{}"}}"#, "x".repeat(201));
    assert_eq!(command(&long), Err(CommandError::Sentence));
}

#[test]
fn rules_change_as_far_as_they_are_given() {
    let change = |json: &str| match command(json).map(|command| command.act) {
        Ok(Some(ModerationAction::Rules(change))) => Ok(change),
        Ok(act) => panic!("{act:?}"),
        Err(error) => Err(error),
    };
    let set = |links, newcomers| AutoRulesChange { links, newcomers, ..AutoRulesChange::default() };
    assert_eq!(change(r#"{"act":"rules","links":"none"}"#), Ok(set(Some(LinkRule::None), None)));
    assert_eq!(change(r#"{"act":"rules","links":"10m"}"#), Ok(set(Some(LinkRule::AfterMs(600_000)), None)));
    let rule = NewcomerRule { for_ms: 600_000, interval_ms: 30_000 };
    assert_eq!(change(r#"{"act":"rules","newcomers":"10m"}"#), Ok(set(None, Some(Some(rule)))));
    let json = r#"{"act":"rules","newcomers":"10m","newcomer_interval":"1m"}"#;
    assert_eq!(change(json), Ok(set(None, Some(Some(NewcomerRule { interval_ms: 60_000, ..rule })))));
    assert_eq!(change(r#"{"act":"rules","newcomers":"0s"}"#), Ok(set(None, Some(None))));
    for list in [r#""Spam\r\n jual obat \n\nSpam""#, r#"["Spam","jual obat"]"#] {
        let words = change(&format!(r#"{{"act":"rules","words":{list},"repeats":"on","quiet":false}}"#)).unwrap();
        assert_eq!(words.words, Some(vec!["Spam".to_owned(), "jual obat".to_owned()]));
        assert_eq!((words.repeats, words.quiet, words.reserved), (Some(true), Some(false), None));
    }
    for (json, wrong) in [
        (r#"{"act":"rules"}"#, CommandError::NoRule),
        (r#"{"act":"rules","links":"0s"}"#, LinkRuleError.into()),
        (r#"{"act":"rules","links":"few"}"#, LinkRuleError.into()),
        (r#"{"act":"rules","newcomers":"31d"}"#, CommandError::Newcomers),
        (r#"{"act":"rules","newcomers":"1m","newcomer_interval":"0s"}"#, CommandError::Newcomers),
        (r#"{"act":"rules","newcomer_interval":"1m"}"#, CommandError::Newcomers),
        (r#"{"act":"rules","words":["!"]}"#, ListError::Word.into()),
        (r#"{"act":"rules","reserved":["\u200b"]}"#, ListError::Name.into()),
    ] {
        assert_eq!(change(json), Err(wrong), "{json}");
    }
}

#[test]
fn ban_may_delete_messages_too() {
    for flag in ["true", "\"on\"", "\"true\""] {
        let json = format!(r#"{{"act":"ban","name":"Sari","for":"1h","messages":{flag}}}"#);
        assert_eq!(command(&json).unwrap().messages_of, Some("sari".into()));
    }
    let purge = command(r#"{"act":"purge","name":"SARI"}"#).unwrap();
    assert_eq!((purge.act, purge.messages_of), (None, Some("sari".into())));
}

#[test]
fn invalid_field_is_named() {
    for (json, wrong) in [
        (r"{}", CommandError::Act),
        (r#"{"act":"shout"}"#, CommandError::Act),
        (r#"{"act":"remove","id":"x"}"#, CommandError::Id),
        (r#"{"act":"ban","name":"","for":"1h"}"#, CommandError::Name),
        (r#"{"act":"ban","name":"Sari"}"#, CommandError::For),
        (r#"{"act":"ban","name":"Sari","for":"366d"}"#, CommandError::For),
        (r#"{"act":"mute","name":"Sari","for":"0s"}"#, CommandError::Mute),
        (r#"{"act":"mute","name":"Sari"}"#, CommandError::Mute),
        (r#"{"act":"purge"}"#, CommandError::Name),
        (r#"{"act":"slow","interval":"2h"}"#, CommandError::Interval),
        (r#"{"act":"slow","interval":"-1s"}"#, CommandError::Interval),
    ] {
        assert_eq!(command(json), Err(wrong), "{json}");
    }
    let long = format!(r#"{{"act":"announce","text":"{}"}}"#, "x".repeat(2001));
    assert_eq!(command(&long), Err(CommandError::Text));
    let long = format!(r#"{{"act":"slow","interval":"0s","why":"{}"}}"#, "x".repeat(201));
    assert_eq!(command(&long), Err(CommandError::Why));
}

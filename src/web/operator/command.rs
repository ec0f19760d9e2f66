//! Moderation commands, as forms and programs send them.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::{
    automod::{AutoRulesChange, LinkRule, LinkRuleError, ListError, NewcomerRule, name_list, word_list},
    backplane::{FOR_GOOD_MS, ModerationAction},
    name::{Name, NameKey},
    protocol::{Id, Text},
};

/// The longest ban or mute, other than one for good.
const MAX_BAN: Duration = Duration::from_secs(365 * 86_400);
/// A ban or mute for good.
const FOR_GOOD: &str = "forever";
/// The longest reason, in characters.
const MAX_REASON: usize = 200;
/// The longest time for which people count as new.
const MAX_NEW: Duration = Duration::from_secs(30 * 86_400);
/// The time between two messages of a newcomer, unless it is given.
const NEWCOMER_INTERVAL: &str = "30s";
/// The longest interval of slow mode.
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// The fields of all commands; each may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ModerationForm {
    act: String,
    id: String,
    name: String,
    #[serde(rename = "for")]
    lasting: String,
    messages: Flag,
    address: Flag,
    interval: String,
    text: String,
    why: String,
    words: Option<List>,
    links: Option<String>,
    newcomers: Option<String>,
    newcomer_interval: Option<String>,
    repeats: Option<Flag>,
    reserved: Option<List>,
    quiet: Option<Flag>,
}

/// A list, or its entries on lines of a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum List {
    Entries(Vec<String>),
    Lines(String),
}

/// A checkbox, or a boolean.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Text(String),
}

/// A valid command.
#[derive(Debug, PartialEq, Eq)]
pub struct ModerationCommand {
    /// Absent if messages are deleted, and nothing else is done.
    pub act: Option<ModerationAction>,
    /// Delete all messages of this name.
    pub messages_of: Option<NameKey>,
    /// Delete this message too.
    pub message: Option<Id>,
    /// The moderator's reason.
    pub why: Option<String>,
}

/// The field that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    #[error("act is remove, dismiss, purge, mute, unmute, ban, pardon, slow, read_only, closed, rules or announce")]
    Act,
    #[error("id is a message's, like 7-42")]
    Id,
    #[error("name is one that people can have")]
    Name,
    #[error("for is a duration from 0s to 365d, or forever")]
    For,
    #[error("for is a duration from 1s to 365d, or forever")]
    Mute,
    #[error("address is for a mute, or for a ban that lasts")]
    Address,
    #[error("interval is a duration from 0s to 1h")]
    Interval,
    #[error("text is at most 2000 characters")]
    Text,
    #[error("the text of a door is at most 200 characters")]
    Sentence,
    #[error("why is at most 200 characters")]
    Why,
    #[error("rules needs words, links, newcomers, repeats, reserved or quiet")]
    NoRule,
    #[error("newcomers is a duration from 0s to 30d, and newcomer_interval one from 1s to 1h")]
    Newcomers,
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Links(#[from] LinkRuleError),
}

impl ModerationForm {
    /// Returns the message whose sender is meant; none if the command names a person, or is about none.
    ///
    /// # Errors
    /// [`CommandError::Id`].
    pub fn message_of_person(&self) -> Result<Option<Id>, CommandError> {
        let is_about_person = matches!(self.act.as_str(), "mute" | "ban" | "purge");
        if !is_about_person || !self.name.is_empty() || self.id.is_empty() {
            return Ok(None);
        }
        self.id.parse().map(Some).map_err(|_| CommandError::Id)
    }

    /// Returns the command about the sender of a message.
    #[must_use]
    pub fn about(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Parses the command.
    ///
    /// # Errors
    /// The first field that is not valid.
    pub fn command(self) -> Result<ModerationCommand, CommandError> {
        let mut messages_of = None;
        let why = reason(&self.why)?;
        let act = match self.act.as_str() {
            "remove" => ModerationAction::Remove { ids: vec![self.id.parse::<Id>().map_err(|_| CommandError::Id)?] },
            "dismiss" => ModerationAction::Dismiss { ids: vec![self.id.parse::<Id>().map_err(|_| CommandError::Id)?] },
            "purge" => {
                let messages_of = Some(name(&self.name)?.0);
                return Ok(ModerationCommand { act: None, messages_of, message: None, why });
            }
            "ban" => {
                let (name_key, name) = name(&self.name)?;
                messages_of = self.messages.is_set().then(|| name_key.clone());
                let for_ms = lasting(&self.lasting).ok_or(CommandError::For)?;
                let address = self.address.is_set();
                if address && for_ms == 0 {
                    return Err(CommandError::Address);
                }
                ModerationAction::Ban { name_key, name, for_ms, address }
            }
            "mute" => {
                let (name_key, name) = name(&self.name)?;
                let for_ms = lasting(&self.lasting).filter(|ms| *ms >= 1000).ok_or(CommandError::Mute)?;
                ModerationAction::Mute { name_key, name, for_ms, address: self.address.is_set() }
            }
            "unmute" => {
                let (name_key, name) = name(&self.name)?;
                ModerationAction::Unmute { name_key, name }
            }
            "pardon" => {
                let (name_key, name) = name(&self.name)?;
                ModerationAction::Unban { name_key, name }
            }
            "slow" => ModerationAction::Slow {
                interval_ms: millis(&self.interval, MAX_INTERVAL).ok_or(CommandError::Interval)?,
            },
            "read_only" => ModerationAction::ReadOnly { for_ms: door(&self.lasting)?, text: sentence(&self.text)? },
            "closed" => ModerationAction::Closed { for_ms: door(&self.lasting)?, text: sentence(&self.text)? },
            "rules" => ModerationAction::Rules(self.rules()?),
            "announce" => ModerationAction::Announce { text: text(&self.text)? },
            _ => return Err(CommandError::Act),
        };
        Ok(ModerationCommand { act: Some(act), messages_of, message: None, why })
    }

    /// The rules that apply by themselves, as far as they are given.
    fn rules(self) -> Result<AutoRulesChange, CommandError> {
        let change = AutoRulesChange {
            words: self.words.map(|list| word_list(list.entries().into_iter())).transpose()?,
            links: self.links.as_deref().map(links).transpose()?,
            newcomers: newcomers(self.newcomers.as_deref(), self.newcomer_interval.as_deref())?,
            repeats: self.repeats.as_ref().map(Flag::is_set),
            reserved: self.reserved.map(|list| name_list(list.entries().into_iter())).transpose()?,
            quiet: self.quiet.as_ref().map(Flag::is_set),
            ..AutoRulesChange::default()
        };
        if change.is_empty() { Err(CommandError::NoRule) } else { Ok(change) }
    }
}

impl List {
    fn entries(&self) -> Vec<&str> {
        match self {
            Self::Entries(entries) => entries.iter().map(String::as_str).collect(),
            Self::Lines(text) => text.lines().collect(),
        }
    }
}

impl Default for Flag {
    fn default() -> Self {
        Self::Bool(false)
    }
}

impl Flag {
    fn is_set(&self) -> bool {
        match self {
            Self::Bool(set) => *set,
            Self::Text(text) => matches!(text.as_str(), "on" | "true" | "1"),
        }
    }
}

/// Returns the key of a name and the name as shown.
fn name(typed: &str) -> Result<(NameKey, String), CommandError> {
    let name = Name::parse(typed).map_err(|_| CommandError::Name)?;
    Ok((name.key().clone(), name.shown().to_owned()))
}

/// Returns the milliseconds of a ban or mute.
fn lasting(typed: &str) -> Option<u64> {
    if typed.trim() == FOR_GOOD { Some(FOR_GOOD_MS) } else { millis(typed, MAX_BAN) }
}

fn millis(typed: &str, most: Duration) -> Option<u64> {
    let duration = humantime::parse_duration(typed.trim()).ok().filter(|duration| *duration <= most)?;
    u64::try_from(duration.as_millis()).ok()
}

fn links(typed: &str) -> Result<LinkRule, LinkRuleError> {
    match typed.trim() {
        "free" => Ok(LinkRule::Free),
        "none" => Ok(LinkRule::None),
        after => millis(after, MAX_NEW).filter(|ms| *ms >= 1000).map(LinkRule::AfterMs).ok_or(LinkRuleError),
    }
}

/// Returns the rule of newcomers, if it is given: how long people are new (0: the rule ends), and their interval.
fn newcomers(lasting: Option<&str>, interval: Option<&str>) -> Result<Option<Option<NewcomerRule>>, CommandError> {
    let Some(for_ms) = lasting.map(|typed| millis(typed, MAX_NEW).ok_or(CommandError::Newcomers)).transpose()? else {
        return if interval.is_some() { Err(CommandError::Newcomers) } else { Ok(None) };
    };
    let interval = interval.unwrap_or(NEWCOMER_INTERVAL);
    let interval_ms = millis(interval, MAX_INTERVAL).filter(|ms| *ms >= 1000).ok_or(CommandError::Newcomers)?;
    Ok(Some((for_ms > 0).then_some(NewcomerRule { for_ms, interval_ms })))
}

fn text(typed: &str) -> Result<Option<String>, CommandError> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    Text::parse(typed).map(|text| Some(text.as_str().to_owned())).map_err(|_| CommandError::Text)
}

/// Returns the milliseconds for which a door is shut; none: without an end.
fn door(typed: &str) -> Result<Option<u64>, CommandError> {
    if matches!(typed.trim(), "" | FOR_GOOD) {
        return Ok(None);
    }
    millis(typed, MAX_BAN).map(Some).ok_or(CommandError::For)
}

/// Returns the sentence at a door.
fn sentence(typed: &str) -> Result<Option<String>, CommandError> {
    let text = text(typed)?;
    let is_long = text.as_ref().is_some_and(|text| text.chars().count() > MAX_REASON);
    if is_long { Err(CommandError::Sentence) } else { Ok(text) }
}

/// Returns a reason, which may be absent.
pub(super) fn reason(typed: &str) -> Result<Option<String>, CommandError> {
    let why = text(typed).map_err(|_| CommandError::Why)?;
    if why.as_ref().is_some_and(|why| why.chars().count() > MAX_REASON) { Err(CommandError::Why) } else { Ok(why) }
}

#[cfg(test)]
mod tests {
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
        let ban =
            |for_ms| ModerationAction::Ban { name_key: name_key.clone(), name: name.clone(), for_ms, address: false };
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
        assert_eq!(
            command(r#"{"act":"slow","interval":"30s"}"#),
            alone(ModerationAction::Slow { interval_ms: 30_000 })
        );
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
}

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
mod tests;

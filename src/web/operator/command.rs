//! What the operator asks for, as it comes from a form or a program.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::{
    backplane::ModerationAction,
    name::Name,
    name::NameKey,
    protocol::{Id, Text},
};

/// The longest that a name is kept out.
const BAN_AT_MOST: Duration = Duration::from_secs(365 * 86_400);
/// The longest that anybody waits between two messages.
const SLOW_AT_MOST: Duration = Duration::from_secs(3600);

/// The fields, each of which may lack.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fields {
    act: String,
    id: String,
    name: String,
    #[serde(rename = "for")]
    lasting: String,
    messages: Flag,
    interval: String,
    text: String,
}

/// A checkbox, or a boolean.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Is(bool),
    Says(String),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct ModerationCommand {
    pub act: ModerationAction,
    /// Whose messages at hand are to be deleted as well: a name as shown.
    pub messages_of: Option<String>,
}

/// Why that cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    #[error("act is remove, ban, pardon, slow or announce")]
    ModerationAction,
    #[error("id is a message's, like 7-42")]
    Id,
    #[error("name is one that people can have")]
    Name,
    #[error("for is a duration from 0s to 365d")]
    For,
    #[error("interval is a duration from 0s to 1h")]
    Interval,
    #[error("text is at most 2000 characters")]
    Text,
}

impl Fields {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn command(self) -> Result<ModerationCommand, CommandError> {
        let mut messages_of = None;
        let act = match self.act.as_str() {
            "remove" => ModerationAction::Remove { ids: vec![self.id.parse::<Id>().map_err(|_| CommandError::Id)?] },
            "ban" => {
                let (name_key, name) = name(&self.name)?;
                messages_of = self.messages.is_set().then(|| name.clone());
                ModerationAction::Ban {
                    name_key,
                    name,
                    for_ms: millis(&self.lasting, BAN_AT_MOST).ok_or(CommandError::For)?,
                }
            }
            "pardon" => {
                let (name_key, name) = name(&self.name)?;
                ModerationAction::Unban { name_key, name }
            }
            "slow" => ModerationAction::Slow {
                interval_ms: millis(&self.interval, SLOW_AT_MOST).ok_or(CommandError::Interval)?,
            },
            "announce" => ModerationAction::Announce { text: text(&self.text)? },
            _ => return Err(CommandError::ModerationAction),
        };
        Ok(ModerationCommand { act, messages_of })
    }
}

impl Default for Flag {
    fn default() -> Self {
        Self::Is(false)
    }
}

impl Flag {
    fn is_set(&self) -> bool {
        match self {
            Self::Is(set) => *set,
            Self::Says(text) => matches!(text.as_str(), "on" | "true" | "1"),
        }
    }
}

/// The key of a name, and the name as shown.
fn name(typed: &str) -> Result<(NameKey, String), CommandError> {
    let name = Name::parse(typed).map_err(|_| CommandError::Name)?;
    Ok((name.key().clone(), name.shown().to_owned()))
}

fn millis(typed: &str, most: Duration) -> Option<u64> {
    let duration = humantime::parse_duration(typed.trim()).ok().filter(|duration| *duration <= most)?;
    u64::try_from(duration.as_millis()).ok()
}

fn text(typed: &str) -> Result<Option<String>, CommandError> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    Text::parse(typed).map(|text| Some(text.as_str().to_owned())).map_err(|_| CommandError::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(json: &str) -> Result<ModerationCommand, CommandError> {
        serde_json::from_str::<Fields>(json).unwrap().command()
    }

    fn alone(act: ModerationAction) -> Result<ModerationCommand, CommandError> {
        Ok(ModerationCommand { act, messages_of: None })
    }

    #[test]
    fn each_act_is_read() {
        let (name_key, name) = (NameKey::from("sari"), "Sari".to_owned());
        assert_eq!(
            command(r#"{"act":"remove","id":"7-42"}"#),
            alone(ModerationAction::Remove { ids: vec![Id::new(7, 42)] })
        );
        let ban = |for_ms| ModerationAction::Ban { name_key: name_key.clone(), name: name.clone(), for_ms };
        assert_eq!(command(r#"{"act":"ban","name":" Sari ","for":"1h"}"#), alone(ban(3_600_000)));
        assert_eq!(command(r#"{"act":"ban","name":"Sari","for":"0s"}"#), alone(ban(0)));
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
    fn with_a_ban_messages_may_go_too() {
        for flag in ["true", "\"on\"", "\"true\""] {
            let json = format!(r#"{{"act":"ban","name":"Sari","for":"1h","messages":{flag}}}"#);
            assert_eq!(command(&json).unwrap().messages_of.as_deref(), Some("Sari"));
        }
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        for (json, wrong) in [
            (r"{}", CommandError::ModerationAction),
            (r#"{"act":"shout"}"#, CommandError::ModerationAction),
            (r#"{"act":"remove","id":"x"}"#, CommandError::Id),
            (r#"{"act":"ban","name":"","for":"1h"}"#, CommandError::Name),
            (r#"{"act":"ban","name":"Sari"}"#, CommandError::For),
            (r#"{"act":"ban","name":"Sari","for":"366d"}"#, CommandError::For),
            (r#"{"act":"slow","interval":"2h"}"#, CommandError::Interval),
            (r#"{"act":"slow","interval":"-1s"}"#, CommandError::Interval),
        ] {
            assert_eq!(command(json), Err(wrong), "{json}");
        }
        let long = format!(r#"{{"act":"announce","text":"{}"}}"#, "x".repeat(2001));
        assert_eq!(command(&long), Err(CommandError::Text));
    }
}

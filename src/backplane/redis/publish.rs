//! Publishing messages and changes of messages.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RedisBackplane, body, reply::millis};
use crate::{
    automod::{RuleKind, RuleViolation, SharedChecks},
    backplane::{ChangeRequest, IncarnationId, NONCE_MEMORY, NewState, Person, Post, PublishError},
    protocol::{Id, Nonce},
    telemetry::instruments,
};

#[derive(Serialize)]
struct PostArgument<'a> {
    #[serde(flatten)]
    sending: Sending<'a>,
    history: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
}

#[derive(Serialize)]
struct ChangeArgument<'a> {
    #[serde(flatten)]
    sending: Sending<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history_age_ms: Option<u64>,
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_ms: Option<u64>,
}

/// The arguments of `sending.lua`.
#[derive(Serialize)]
struct Sending<'a> {
    incarnation: &'a str,
    session: &'a str,
    name_key: &'a str,
    nonce: &'a str,
    fingerprint: String,
    nonce_memory_us: u64,
    every_us: u64,
    ahead_us: u64,
    bot: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    moderates: bool,
    /// Whether the sender has an address; its hash is in a key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    address: bool,
    #[serde(skip_serializing_if = "is_zero")]
    newcomer_ms: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeats: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Reply {
    Stored {
        id: Id,
    },
    Duplicate {
        id: Id,
    },
    Fenced,
    Ended,
    BadNonce,
    NotYours,
    TooLate,
    Gone,
    Limited {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
    Muted {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
    ReadOnly {
        /// Digits.
        wait_ms: Option<String>,
    },
    Newcomer {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
    Repeated {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
}

impl Reply {
    /// The id, and whether something was stored now.
    fn id(self) -> Result<(Id, bool), PublishError> {
        match self {
            Self::Stored { id } => Ok((id, true)),
            Self::Duplicate { id } => Ok((id, false)),
            Self::Fenced => Err(PublishError::Fenced),
            Self::Ended => Err(PublishError::Ended),
            Self::BadNonce => Err(PublishError::BadNonce),
            Self::NotYours => Err(PublishError::NotYours),
            Self::TooLate => Err(PublishError::TooLate),
            Self::Gone => Err(PublishError::Gone),
            Self::Limited { wait_ms } => Err(PublishError::Limited(wait_ms)),
            Self::Muted { wait_ms } => Err(PublishError::Muted(wait_ms)),
            Self::Newcomer { wait_ms } => {
                Err(PublishError::Refused(RuleViolation { rule: RuleKind::Newcomer, retry_after: Some(wait_ms) }))
            }
            Self::Repeated { wait_ms } => {
                Err(PublishError::Refused(RuleViolation { rule: RuleKind::Repeat, retry_after: Some(wait_ms) }))
            }
            Self::ReadOnly { wait_ms } => {
                let wait_ms = wait_ms.and_then(|digits| digits.parse().ok());
                Err(PublishError::ReadOnly(wait_ms.map(Duration::from_millis)))
            }
        }
    }
}

impl RedisBackplane {
    pub(super) async fn publish_post(&self, post: &Post) -> Result<Id, PublishError> {
        let sending = self.sending(&post.incarnation, &post.person, &post.nonce, post.fingerprint(), &post.checks);
        let (history, history_age_ms) = (self.policy.history, self.history_age_ms());
        let argument = PostArgument { sending, history, reply_to: post.reply_to, history_age_ms };
        let (keys, bodies) = (self.keys.with_own(self.sender_keys(&post.person, &post.checks)), body::write(post));
        let reply: Reply = self.scripts.run_with(&self.scripts.publish, keys, &argument, bodies).await?;
        let (id, is_new) = reply.id()?;
        instruments().kept(is_new);
        Ok(id)
    }

    pub(super) async fn publish_change(&self, request: &ChangeRequest) -> Result<Id, PublishError> {
        let ChangeRequest { incarnation, person, nonce, checks, .. } = request;
        let sending = self.sending(incarnation, person, nonce, request.fingerprint(), checks);
        let (window_ms, texts) = match &request.state {
            NewState::Edited(text) => (Some(self.policy.edit_window_ms()), vec![text.as_str().to_owned()]),
            NewState::Deleted => (None, vec![]),
        };
        let argument = ChangeArgument { sending, history_age_ms: self.history_age_ms(), id: request.id, window_ms };
        let own = self.sender_keys(person, checks).into_iter().chain([self.keys.reports()]);
        let keys = self.keys.with_own(own);
        let reply: Reply = self.scripts.run_with(&self.scripts.change, keys, &argument, texts).await?;
        reply.id().map(|(id, _)| id)
    }

    fn sending<'a>(
        &self,
        incarnation: &'a IncarnationId,
        person: &'a Person,
        nonce: &'a Nonce,
        fingerprint: String,
        checks: &SharedChecks,
    ) -> Sending<'a> {
        let pace = self.policy.messages_of(&person.session).pace();
        Sending {
            incarnation: incarnation.as_str(),
            session: person.session.as_str(),
            name_key: &person.name_key,
            nonce: nonce.as_str(),
            fingerprint,
            nonce_memory_us: u64::try_from(NONCE_MEMORY.as_micros()).unwrap_or(u64::MAX),
            every_us: pace.every / 1000,
            ahead_us: pace.ahead / 1000,
            bot: person.session.is_bot(),
            moderates: person.moderates,
            address: person.address.is_some(),
            newcomer_ms: checks.newcomer_ms,
            repeats: checks.repeat.is_some(),
        }
    }

    fn sender_keys(&self, person: &Person, checks: &SharedChecks) -> Vec<String> {
        let own = [self.keys.name(&person.name_key), self.keys.pace(&person.name_key)];
        let address = person.address.as_ref().map(|address| self.keys.address_pace(address));
        let repeat = checks.repeat.as_deref().map(|id| self.keys.repeats(id));
        own.into_iter().chain(address).chain(repeat).collect()
    }
}

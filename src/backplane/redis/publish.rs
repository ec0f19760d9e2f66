//! Publishing a message.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RedisBackplane, body, reply::millis};
use crate::{
    backplane::{NONCE_MEMORY, Post, PublishError},
    protocol::Id,
    telemetry::instruments,
};

#[derive(Serialize)]
struct Argument<'a> {
    incarnation: &'a str,
    session: &'a str,
    name_key: &'a str,
    nonce: &'a str,
    fingerprint: String,
    history: usize,
    nonce_memory_us: u64,
    every_us: u64,
    ahead_us: u64,
    bot: bool,
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
    Limited {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
    Muted {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
}

impl RedisBackplane {
    pub(super) async fn publish_post(&self, post: &Post) -> Result<Id, PublishError> {
        let name_key = &post.person.name_key;
        let keys = self.keys.with_own([self.keys.name(name_key), self.keys.pace(name_key)]);
        let pace = self.policy.messages_of(&post.person.session).pace();
        let argument = Argument {
            incarnation: post.incarnation.as_str(),
            session: post.person.session.as_str(),
            name_key,
            nonce: post.nonce.as_str(),
            fingerprint: post.fingerprint(),
            history: self.policy.history,
            nonce_memory_us: u64::try_from(NONCE_MEMORY.as_micros()).unwrap_or(u64::MAX),
            every_us: pace.every / 1000,
            ahead_us: pace.ahead / 1000,
            bot: post.person.session.is_bot(),
        };
        let body = Some(body::write(post));
        let (id, is_new) = match self.scripts.run_with(&self.scripts.publish, keys, &argument, body).await? {
            Reply::Stored { id } => (id, true),
            Reply::Duplicate { id } => (id, false),
            Reply::Fenced => return Err(PublishError::Fenced),
            Reply::Ended => return Err(PublishError::Ended),
            Reply::BadNonce => return Err(PublishError::BadNonce),
            Reply::Limited { wait_ms } => return Err(PublishError::Limited(wait_ms)),
            Reply::Muted { wait_ms } => return Err(PublishError::Muted(wait_ms)),
        };
        instruments().kept(is_new);
        Ok(id)
    }
}

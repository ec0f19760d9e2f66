//! Claims of names.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    RedisBackplane,
    reply::{Done, in_millis, millis, some_millis},
};
use crate::{
    address::AddressHash,
    backplane::{Claim, Person, SessionTag, Unavailable},
    name::NameKey,
};

#[derive(Serialize)]
struct ClaimArgument<'a> {
    session: &'a SessionTag,
    name_key: &'a NameKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a AddressHash>,
    /// `None`: change nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_ms: Option<u64>,
    outranks: bool,
    closed_ms: u64,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum ClaimReply {
    Mine,
    Held {
        #[serde(default, deserialize_with = "some_millis")]
        left_ms: Option<Duration>,
    },
    Banned {
        #[serde(deserialize_with = "millis")]
        wait_ms: Duration,
    },
}

#[derive(Serialize)]
struct EndArgument<'a> {
    session: &'a SessionTag,
    name_key: &'a NameKey,
    closed_ms: u64,
}

impl RedisBackplane {
    pub(super) async fn claim_name(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.run_claim(person, Some(self.policy.claim())).await
    }

    pub(super) async fn check_name(&self, person: &Person) -> Result<Claim, Unavailable> {
        self.run_claim(person, None).await
    }

    /// Claims a name for this long; `None`: only returns what a claim would.
    async fn run_claim(&self, person: &Person, hold: Option<Duration>) -> Result<Claim, Unavailable> {
        let Person { name_key, session, .. } = person;
        let keys = self.keys.with_own([self.keys.name(name_key)]);
        let (outranks, closed_ms) = (session.is_reserved(), in_millis(self.policy.closed()));
        let (address, hold_ms) = (person.address.as_ref(), hold.map(in_millis));
        let argument = ClaimArgument { session, name_key, address, hold_ms, outranks, closed_ms };
        Ok(match self.scripts.run(&self.scripts.claim, keys, &argument).await? {
            ClaimReply::Mine => Claim::Mine,
            ClaimReply::Held { left_ms } => Claim::Held { left: left_ms },
            ClaimReply::Banned { wait_ms } => Claim::Banned(wait_ms),
        })
    }

    pub(super) async fn end_session(&self, session: &SessionTag, name_key: &NameKey) -> Result<(), Unavailable> {
        let keys = self.keys.with_own([self.keys.name(name_key)]);
        let argument = EndArgument { session, name_key, closed_ms: in_millis(self.policy.closed()) };
        let Done {} = self.scripts.run(&self.scripts.end, keys, &argument).await?;
        Ok(())
    }
}

//! The moderators' actions, and the record of them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use fred::interfaces::{HashesInterface, StreamsInterface};
use serde::{Deserialize, Serialize};

use super::{RedisBackplane, reply::in_millis, scripts::unavailable};
use crate::{
    address::AddressHash,
    automod::AutoRules,
    backplane::{
        ACTS_KEPT, ACTS_SHOWN, Ban, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord,
        ModerationRequest, RecordPage, Unavailable,
    },
    name::NameKey,
    protocol::Id,
};

/// The beginning of the fields of the rules that are mutes.
const MUTE: &str = "mute:";
/// The beginning of those that apply by themselves.
const AUTO: &str = "auto:";
/// The beginnings of those that are bans and mutes of addresses.
const ADDRESS_BAN: &str = "address_ban:";
const ADDRESS_MUTE: &str = "address_mute:";

#[derive(Serialize)]
struct Argument {
    action: String,
    audit: String,
    records_kept: usize,
    closed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<AddressHash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<NameKey>,
}

#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Reply {
    Done,
    Nothing,
}

impl RedisBackplane {
    pub(super) async fn apply(&self, request: &ModerationRequest) -> Result<ModerationOutcome, Unavailable> {
        let ModerationRequest { action, audit } = request;
        let claim = match action {
            ModerationAction::Ban { name_key, .. } => Some(self.keys.name(name_key)),
            _ => None,
        };
        let auto = match action {
            ModerationAction::Rules(change) => Some(change.fields()),
            _ => None,
        };
        let (mut addresses, mut others) = (vec![], vec![]);
        if let ModerationAction::Ban { name_key, address: true, .. }
        | ModerationAction::Mute { name_key, address: true, .. } = action
        {
            addresses = self.addresses_of(name_key).await?;
            if addresses.is_empty() {
                return Ok(ModerationOutcome::NoAddress);
            }
            if claim.is_some() {
                others = self.people_at(&addresses, name_key).await?;
            }
        }
        let claims = claim.into_iter().chain(others.iter().map(|name_key| self.keys.name(name_key)));
        let keys = self.keys.with_own([self.keys.acts(), self.keys.reports()].into_iter().chain(claims));
        // Strings and numbers: serialising cannot fail.
        let action = serde_json::to_string(&action.clone().on_record()).unwrap_or_default();
        let audit = serde_json::to_string(audit).unwrap_or_default();
        let closed_ms = in_millis(self.policy.closed());
        let argument = Argument { action, audit, records_kept: ACTS_KEPT, closed_ms, auto, addresses, others };
        Ok(match self.scripts.run(&self.scripts.moderate, keys, &argument).await? {
            Reply::Done => ModerationOutcome::Done,
            Reply::Nothing => ModerationOutcome::Nothing,
        })
    }

    pub(super) async fn read_moderation_log(&self) -> Result<ModerationLog, Unavailable> {
        let bans = self.reads.hgetall(self.keys.bans()).await.map_err(|error| unavailable("moderation_log", &error))?;
        let rules: HashMap<String, String> =
            self.reads.hgetall(self.keys.rules()).await.map_err(|error| unavailable("moderation_log", &error))?;
        let (banned_at, muted_at) = (names_with(&rules, ADDRESS_BAN), names_with(&rules, ADDRESS_MUTE));
        let muted = |(field, stored): (String, String)| Some((field.strip_prefix(MUTE)?.to_owned(), stored));
        let auto = |(field, stored): (&String, &String)| Some((field.strip_prefix(AUTO)?.to_owned(), stored.clone()));
        let auto = AutoRules::from_fields(&rules.iter().filter_map(auto).collect());
        let mutes = rules.into_iter().filter_map(muted).collect();
        let now = self.clock.now();
        let records: Vec<(String, HashMap<String, String>)> = self
            .reads
            .xrevrange_values(self.keys.acts(), "+", "-", Some(ACTS_SHOWN as u64))
            .await
            .map_err(|error| unavailable("moderation_log", &error))?;
        Ok(ModerationLog {
            auto,
            bans: current_bans(bans, &banned_at, now),
            mutes: current_bans(mutes, &muted_at, now),
            acts: records.iter().filter_map(|(id, fields)| record(id, fields)).collect(),
        })
    }

    pub(super) async fn read_records(&self, after: Option<Id>, limit: usize) -> Result<RecordPage, Unavailable> {
        let start = after.map_or("-".to_owned(), |after| format!("({after}"));
        let records: Vec<(String, HashMap<String, String>)> = self
            .reads
            .xrange_values(self.keys.acts(), start, "+", Some(limit as u64))
            .await
            .map_err(|error| unavailable("records", &error))?;
        Ok(RecordPage {
            last: records.last().and_then(|(id, _)| id.parse().ok()),
            more: records.len() == limit,
            records: records.iter().filter_map(|(id, fields)| record(id, fields)).collect(),
        })
    }
}

/// The name keys whose ban or mute includes an address, by rules that begin with this; stored as lines `<until> <name key>`.
fn names_with(rules: &HashMap<String, String>, prefix: &str) -> HashSet<NameKey> {
    let stored = rules.iter().filter(|(field, _)| field.starts_with(prefix)).flat_map(|(_, stored)| stored.lines());
    stored.filter_map(|line| line.split_once(' ')).map(|(_, name_key)| name_key.into()).collect()
}

/// Bans or mutes in force at this time since 1970, by name key; each is stored as `<until> <name>`.
fn current_bans(stored: HashMap<String, String>, with_address: &HashSet<NameKey>, now: Duration) -> Vec<Ban> {
    let now = now.as_millis();
    let read = |(name_key, stored): (String, String)| {
        let (until, name) = stored.split_once(' ')?;
        let name_key = NameKey::from(name_key);
        let address = with_address.contains(&name_key);
        Some(Ban { name_key, name: name.to_owned(), until: until.parse().ok()?, address })
    };
    let mut bans: Vec<Ban> = stored.into_iter().filter_map(read).filter(|ban| u128::from(ban.until) > now).collect();
    bans.sort_by(|one, other| one.name_key.cmp(&other.name_key));
    bans
}

/// A record, if this version can read it.
fn record(id: &str, fields: &HashMap<String, String>) -> Option<ModerationRecord> {
    let act = serde_json::from_str(fields.get("act")?).ok()?;
    // Records of an earlier version have neither.
    let audit = fields.get("audit").and_then(|audit| serde_json::from_str(audit).ok()).unwrap_or_default();
    let whom = fields.get("whom").and_then(|whom| serde_json::from_str(whom).ok()).unwrap_or_default();
    Some(ModerationRecord { id: id.parse().ok()?, at: fields.get("at")?.parse().ok()?, act, audit, whom })
}

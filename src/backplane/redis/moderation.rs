//! The operator's acts, and the record of them.

use std::{collections::HashMap, time::Duration};

use fred::{
    interfaces::{HashesInterface, StreamsInterface},
    types::Value,
};

use super::{Redis, answer, scripts::Call};
use crate::backplane::{
    ACTS_KEPT, ACTS_SHOWN, Ban, CLOSED, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord,
    Unavailable,
};

impl Redis {
    pub(super) async fn moderate(&self, act: &ModerationAction) -> Result<ModerationOutcome, Unavailable> {
        let mut keys = self.keys.room();
        keys.push(self.keys.acts());
        // Strings and numbers: serialising cannot fail.
        let mut args = vec![serde_json::to_string(act).unwrap_or_default(), ACTS_KEPT.to_string()];
        match act {
            ModerationAction::Remove { ids } => {
                args.push("remove".to_owned());
                args.extend(ids.iter().map(ToString::to_string));
            }
            ModerationAction::Ban { name_key, name, for_ms } => {
                keys.push(self.keys.name(name_key));
                let closed = CLOSED.as_millis().to_string();
                args.extend(["ban".to_owned(), name_key.to_string(), name.clone(), for_ms.to_string(), closed]);
            }
            ModerationAction::Unban { name_key, .. } => args.extend(["pardon".to_owned(), name_key.to_string()]),
            ModerationAction::Slow { interval_ms } => args.extend(["slow".to_owned(), interval_ms.to_string()]),
            ModerationAction::Announce { text } => {
                args.extend(["announce".to_owned(), text.clone().unwrap_or_default()]);
            }
        }
        answer::acted(&self.scripts.run(Call::ModerationAction, keys, args).await?)
    }

    pub(super) async fn read_ledger(&self) -> Result<ModerationLog, Unavailable> {
        let bans = self.reads.hgetall(self.keys.bans()).await.map_err(|_| Unavailable)?;
        let acts: Value =
            self.reads.xrevrange(self.keys.acts(), "+", "-", Some(ACTS_SHOWN as u64)).await.map_err(|_| Unavailable)?;
        Ok(ModerationLog {
            bans: read_bans(bans, self.clock.now()),
            acts: answer::list(&acts)?.iter().filter_map(read_record).collect(),
        })
    }
}

/// Bans that last at a time since 1970, by `name_key`; each is kept as `<until> <name>`.
fn read_bans(kept: HashMap<String, String>, now: Duration) -> Vec<Ban> {
    let now = now.as_millis();
    let read = |(name_key, kept): (String, String)| {
        let (until, name) = kept.split_once(' ')?;
        Some(Ban { name_key: name_key.into(), name: name.to_owned(), until: until.parse().ok()? })
    };
    let mut bans: Vec<Ban> = kept.into_iter().filter_map(read).filter(|ban| u128::from(ban.until) > now).collect();
    bans.sort_by(|one, other| one.name_key.cmp(&other.name_key));
    bans
}

/// A record, if this version can read it.
fn read_record(entry: &Value) -> Option<ModerationRecord> {
    let fields = answer::texts(answer::list(entry).ok()?.get(1)).ok()?;
    let value = |name: &str| fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
    Some(ModerationRecord { at: value("at")?.parse().ok()?, act: serde_json::from_str(value("act")?).ok()? })
}

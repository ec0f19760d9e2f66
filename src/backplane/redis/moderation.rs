//! The operator's acts, and the record of them.

use std::{collections::HashMap, time::Duration};

use fred::{
    interfaces::{HashesInterface, StreamsInterface},
    types::Value,
};

use super::{Redis, answer, scripts::Call};
use crate::backplane::{ACTS_KEPT, ACTS_SHOWN, Act, Acted, Ban, CLOSED, Ledger, Record, Unavailable};

impl Redis {
    pub(super) async fn moderate(&self, act: &Act) -> Result<Acted, Unavailable> {
        let mut keys = self.keys.room();
        keys.push(self.keys.acts());
        // Strings and numbers: serialising cannot fail.
        let mut args = vec![serde_json::to_string(act).unwrap_or_default(), ACTS_KEPT.to_string()];
        match act {
            Act::Remove { ids } => {
                args.push("remove".to_owned());
                args.extend(ids.iter().map(ToString::to_string));
            }
            Act::Ban { who, name, for_ms } => {
                keys.push(self.keys.name(who));
                let closed = CLOSED.as_millis().to_string();
                args.extend(["ban".to_owned(), who.clone(), name.clone(), for_ms.to_string(), closed]);
            }
            Act::Pardon { who, .. } => args.extend(["pardon".to_owned(), who.clone()]),
            Act::Slow { interval_ms } => args.extend(["slow".to_owned(), interval_ms.to_string()]),
            Act::Announce { text } => args.extend(["announce".to_owned(), text.clone().unwrap_or_default()]),
        }
        answer::acted(&self.scripts.run(Call::Act, keys, args).await?)
    }

    pub(super) async fn read_ledger(&self) -> Result<Ledger, Unavailable> {
        let bans = self.reads.hgetall(self.keys.bans()).await.map_err(|_| Unavailable)?;
        let acts: Value =
            self.reads.xrevrange(self.keys.acts(), "+", "-", Some(ACTS_SHOWN as u64)).await.map_err(|_| Unavailable)?;
        Ok(Ledger {
            bans: read_bans(bans, self.clock.now()),
            acts: answer::list(&acts)?.iter().filter_map(read_record).collect(),
        })
    }
}

/// Bans that last at a time since 1970, by `who`; each is kept as `<until> <name>`.
fn read_bans(kept: HashMap<String, String>, now: Duration) -> Vec<Ban> {
    let now = now.as_millis();
    let read = |(who, kept): (String, String)| {
        let (until, name) = kept.split_once(' ')?;
        Some(Ban { who, name: name.to_owned(), until: until.parse().ok()? })
    };
    let mut bans: Vec<Ban> = kept.into_iter().filter_map(read).filter(|ban| u128::from(ban.until) > now).collect();
    bans.sort_by(|one, other| one.who.cmp(&other.who));
    bans
}

/// A record, if this version can read it.
fn read_record(entry: &Value) -> Option<Record> {
    let fields = answer::texts(answer::list(entry).ok()?.get(1)).ok()?;
    let value = |name: &str| fields.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
    Some(Record { at: value("at")?.parse().ok()?, act: serde_json::from_str(value("act")?).ok()? })
}

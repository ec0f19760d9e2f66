//! Beats, and the release of what the dead held.

use std::time::Instant;

use fred::{
    interfaces::ClientLike,
    types::{CustomCommand, Value},
};

use super::{Redis, answer, clock::wall, scripts::Call};
use crate::backplane::{Beat, BeatError, Beaten, CHANGES_AT_ONCE, Hold, Inc, Reaped, Unavailable};

impl Redis {
    pub(super) async fn beat_once(&self, beat: Beat) -> Result<Beaten, BeatError> {
        let whos = beat.adds.iter().chain(&beat.dels).map(|hold| hold.who.as_str());
        let keys = self.keys_and_names(whos);
        let mut args = vec![
            beat.inc.as_str().to_owned(),
            beat.k.to_string(),
            if beat.draining { "d" } else { "" }.to_owned(),
            self.name_hold_ms(),
            self.history_age_ms(),
            beat.adds.len().to_string(),
        ];
        for Hold { who, name, session } in beat.adds {
            args.extend([who, name, session.as_str().to_owned()]);
        }
        for Hold { who, session, .. } in beat.dels {
            args.extend([who, session.as_str().to_owned()]);
        }
        let (asked, began) = (wall(), Instant::now());
        let answer = self.scripts.run(Call::Beat, keys, args).await?;
        let (beaten, time) = answer::beaten(&answer)?;
        self.clock.learn(time, asked, began.elapsed(), Instant::now());
        Ok(beaten)
    }

    /// Condemns an incarnation, then walks through the people and releases its own, some at a time, so that no call
    /// keeps Redis busy for long.
    pub(super) async fn reap_all(&self, inc: &Inc, k: u64) -> Result<Reaped, Unavailable> {
        if self.reap_some(inc, k, vec![], false).await? == Reaped::Alive {
            return Ok(Reaped::Alive);
        }
        let mut cursor = "0".to_owned();
        loop {
            let (next, held) = self.scan_held(inc, cursor).await?;
            for some in held.chunks(CHANGES_AT_ONCE) {
                self.reap_some(inc, k, some.to_vec(), false).await?;
            }
            if next == "0" {
                return self.reap_some(inc, k, vec![], true).await;
            }
            cursor = next;
        }
    }

    async fn reap_some(&self, inc: &Inc, k: u64, whos: Vec<String>, last: bool) -> Result<Reaped, Unavailable> {
        let keys = self.keys_and_names(whos.iter().map(String::as_str));
        let mut args = vec![inc.as_str().to_owned(), k.to_string(), u8::from(last).to_string(), self.name_hold_ms()];
        args.extend(whos);
        answer::reaped(&self.scripts.run(Call::Reap, keys, args).await?)
    }

    /// One step through the people: the next cursor, and those held by `inc`.
    async fn scan_held(&self, inc: &Inc, cursor: String) -> Result<(String, Vec<String>), Unavailable> {
        let people = self.keys.people();
        let command = CustomCommand::new("HSCAN", people.as_str(), false);
        let args = vec![people, cursor, "COUNT".to_owned(), CHANGES_AT_ONCE.to_string()];
        let scanned: Value = self.scripts.client().custom(command, args).await.map_err(|_| Unavailable)?;
        let fields = answer::list(&scanned)?;
        let pairs = answer::texts(fields.get(1))?;
        let is_held = |held: &str| {
            held.split_once('\n').is_some_and(|(_, incs)| incs.split(' ').any(|other| other == inc.as_str()))
        };
        let held = pairs.chunks_exact(2).filter(|pair| is_held(&pair[1])).map(|pair| pair[0].clone()).collect();
        Ok((answer::text(fields.first())?, held))
    }
}

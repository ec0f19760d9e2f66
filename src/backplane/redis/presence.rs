//! Beats, and the release of what the dead held.

use std::time::Instant;

use fred::{
    interfaces::ClientLike,
    types::{CustomCommand, Value},
};

use super::{Redis, answer, clock::wall, scripts::Call};
use crate::{
    backplane::{
        CHANGES_AT_ONCE, Heartbeat, HeartbeatError, HeartbeatReply, IncarnationId, Person, ReapOutcome, Unavailable,
    },
    name::NameKey,
};

impl Redis {
    pub(super) async fn beat_once(&self, beat: Heartbeat) -> Result<HeartbeatReply, HeartbeatError> {
        let people = beat.adds.iter().chain(&beat.dels);
        let keys = self.keys_and_names(people.map(|person| &person.name_key));
        let mut args = vec![
            beat.incarnation.as_str().to_owned(),
            beat.heartbeat_seq.to_string(),
            if beat.draining { "d" } else { "" }.to_owned(),
            self.name_hold_ms(),
            self.history_age_ms(),
            beat.adds.len().to_string(),
        ];
        for Person { name_key, name, session } in beat.adds {
            args.extend([name_key.to_string(), name, session.as_str().to_owned()]);
        }
        for Person { name_key, session, .. } in beat.dels {
            args.extend([name_key.to_string(), session.as_str().to_owned()]);
        }
        let (asked, began) = (wall(), Instant::now());
        let answer = self.scripts.run(Call::Heartbeat, keys, args).await?;
        let (beaten, time) = answer::beaten(&answer)?;
        self.clock.learn(time, asked, began.elapsed(), Instant::now());
        Ok(beaten)
    }

    /// Condemns an incarnation, then walks through the people and releases its own, some at a time, so that no call
    /// keeps Redis busy for long.
    pub(super) async fn reap_all(
        &self,
        incarnation: &IncarnationId,
        heartbeat_seq: u64,
    ) -> Result<ReapOutcome, Unavailable> {
        if self.reap_some(incarnation, heartbeat_seq, vec![], false).await? == ReapOutcome::Alive {
            return Ok(ReapOutcome::Alive);
        }
        let mut cursor = "0".to_owned();
        loop {
            let (next, held) = self.scan_held(incarnation, cursor).await?;
            for some in held.chunks(CHANGES_AT_ONCE) {
                self.reap_some(incarnation, heartbeat_seq, some.to_vec(), false).await?;
            }
            if next == "0" {
                return self.reap_some(incarnation, heartbeat_seq, vec![], true).await;
            }
            cursor = next;
        }
    }

    async fn reap_some(
        &self,
        incarnation: &IncarnationId,
        heartbeat_seq: u64,
        names: Vec<NameKey>,
        last: bool,
    ) -> Result<ReapOutcome, Unavailable> {
        let keys = self.keys_and_names(&names);
        let mut args = vec![
            incarnation.as_str().to_owned(),
            heartbeat_seq.to_string(),
            u8::from(last).to_string(),
            self.name_hold_ms(),
        ];
        args.extend(names.iter().map(NameKey::to_string));
        answer::reaped(&self.scripts.run(Call::Reap, keys, args).await?)
    }

    /// One step through the people: the next cursor, and those held by `incarnation`.
    async fn scan_held(
        &self,
        incarnation: &IncarnationId,
        cursor: String,
    ) -> Result<(String, Vec<NameKey>), Unavailable> {
        let people = self.keys.people();
        let command = CustomCommand::new("HSCAN", people.as_str(), false);
        let args = vec![people, cursor, "COUNT".to_owned(), CHANGES_AT_ONCE.to_string()];
        let scanned: Value = self.scripts.client().custom(command, args).await.map_err(|_| Unavailable)?;
        let fields = answer::list(&scanned)?;
        let pairs = answer::texts(fields.get(1))?;
        let is_held = |held: &str| {
            held.split_once('\n').is_some_and(|(_, incs)| incs.split(' ').any(|other| other == incarnation.as_str()))
        };
        let held = pairs.chunks_exact(2).filter(|pair| is_held(&pair[1])).map(|pair| pair[0].as_str().into()).collect();
        Ok((answer::text(fields.first())?, held))
    }
}

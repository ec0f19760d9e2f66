//! One engine of the two: carries out calls, and writes replies and events down without what may differ between engines.

use std::{collections::BTreeMap, time::Duration};

use ruang::{
    automod::{AutoRulesChange, SharedChecks},
    backplane::{
        Audit, Backplane, Ban, Change, ChangeRequest, Claim, Cursor, Event, Heartbeat, IncarnationId, Member,
        ModerationAction, ModerationLog, ModerationRecord, ModerationRequest, NewState, Page, Person, Position, Post,
        Present, ReportEntry, ReportRequest, ReportedMessage, SessionTag, Snapshot, SnapshotPeople,
    },
    name::NameKey,
    protocol::{Id, Row, Rules, Text},
};

use super::call::{Call, Checks, INCARNATIONS, LeaseEpoch, NAMES, SANCTIONS_MS};

/// See the [module](self).
#[derive(Default)]
pub struct Side {
    /// Epochs in the order of their appearance.
    epochs: Vec<u64>,
    ids: Vec<Id>,
    /// The beginning of the sequence, in Unix milliseconds: other times are counted from it.
    began_ms: u64,
    now_ms: u64,
    records: Vec<Id>,
    positions: Vec<Position>,
    incarnations: [Incarnation; INCARNATIONS],
}

#[derive(Default)]
struct Incarnation {
    seq: u64,
    epoch: Option<u64>,
}

impl Side {
    /// The engine begins, at this time in Unix milliseconds.
    pub fn new(began_ms: u64) -> Self {
        Self { began_ms, now_ms: began_ms, ..Self::default() }
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) {
        self.now_ms += u64::try_from(time.as_millis()).unwrap();
    }

    /// Carries out a call. Returns its reply as text.
    pub async fn carry_out(&mut self, call: &Call, engine: &dyn Backplane) -> String {
        match call {
            Call::Heartbeat { .. } => self.heartbeat(call, engine).await,
            Call::Publish { .. } | Call::Change { .. } => self.send(call, engine).await,
            Call::Reap { incarnation, is_current } => {
                let seq = self.incarnations[*incarnation].seq.saturating_sub(u64::from(!is_current));
                format!("{:?}", engine.reap(&incarnation_id(*incarnation), seq).await)
            }
            Call::End { person } => format!("{:?}", engine.end(&session(*person), &name_key(*person)).await),
            Call::Claim { person } => claim(engine.claim(&self::person(*person)).await),
            Call::CheckClaim { person } => claim(engine.check_claim(&self::person(*person)).await),
            Call::Read { from } => {
                let from = from.and_then(|index| nth(&self.positions, index));
                match engine.read(from).await {
                    Ok(snapshot) => self.snapshot(snapshot),
                    Err(error) => error.to_string(),
                }
            }
            Call::Locate { message } => format!("{:?}", engine.locate(self.message(*message)).await),
            Call::Page { kind, message, limit } => {
                let id = self.message(*message);
                let cursor = [Cursor::Newest, Cursor::Before(id), Cursor::After(id), Cursor::Around(id)][*kind];
                match engine.page(cursor, *limit).await {
                    Ok(page) => self.page(page),
                    Err(error) => error.to_string(),
                }
            }
            Call::Moderate { .. } => {
                let audit = Audit { by: "Tono".to_owned(), from: String::new(), why: Some("x".to_owned()) };
                let request = ModerationRequest { action: self.action(call), audit };
                format!("{:?}", engine.moderate(request).await)
            }
            Call::ModerationLog => match engine.moderation_log().await {
                Ok(log) => self.moderation_log(log),
                Err(error) => error.to_string(),
            },
            Call::Neighbours { name } => format!("{:?}", engine.neighbours(&name_key(*name)).await),
            Call::People => match engine.people(None).await {
                Ok(portion) => format!("{:?} {:?}", people(&portion.people), portion.next),
                Err(error) => error.to_string(),
            },
            Call::Report { .. } | Call::Reports => self.report(call, engine).await,
            Call::Records { after, limit } => {
                let after = after.and_then(|index| nth(&self.records, index));
                match engine.records(after, *limit).await {
                    Ok(page) => {
                        let last = page.last.map(|id| self.record(id));
                        format!("{:?} {last:?} {}", self.records_of(page.records), page.more)
                    }
                    Err(error) => error.to_string(),
                }
            }
            Call::Failover | Call::Flush | Call::Wait { .. } => String::new(),
        }
    }

    async fn report(&mut self, call: &Call, engine: &dyn Backplane) -> String {
        if let Call::Report { person, message, reason } = call {
            let (name_key, name) = (name_key(*person), shown(*person));
            let reason = reason.then(|| "karena".to_owned());
            let request = ReportRequest { id: self.message(*message), name_key, name, reason };
            return format!("{:?}", engine.report(request).await);
        }
        match engine.reports(3).await {
            Ok(queue) => {
                let began = self.began_ms;
                let mut reported = |message: ReportedMessage| {
                    let entries = message.entries.into_iter();
                    let entries: Vec<_> = entries.map(|entry| ReportEntry { at: entry.at - began, ..entry }).collect();
                    (self.id(message.id), entries)
                };
                let messages: Vec<_> = queue.messages.into_iter().map(&mut reported).collect();
                format!("{} {messages:?}", queue.open)
            }
            Err(error) => error.to_string(),
        }
    }

    async fn heartbeat(&mut self, call: &Call, engine: &dyn Backplane) -> String {
        let Call::Heartbeat { incarnation, step, lease, draining, changes } = call else { return String::new() };
        let own = &mut self.incarnations[*incarnation];
        own.seq += step;
        let epoch = match lease {
            LeaseEpoch::Own => own.epoch,
            LeaseEpoch::None => None,
            LeaseEpoch::Other => own.epoch.map(|epoch| epoch - 1),
        };
        let [adds, renewals, dels] = changes.each_ref().map(|people| people.iter().copied().map(person).collect());
        let heartbeat = Heartbeat {
            epoch,
            draining: *draining,
            adds,
            renewals,
            dels,
            ..Heartbeat::new(incarnation_id(*incarnation), own.seq)
        };
        match engine.heartbeat(heartbeat).await {
            Ok(mut reply) => {
                self.incarnations[*incarnation].epoch = Some(reply.position.epoch);
                self.positions.push(reply.position);
                reply.leases.sort_by(|one, other| one.incarnation.cmp(&other.incarnation));
                let (position, leases) = (self.position(reply.position), reply.leases);
                format!("{position} refused {:?} {leases:?}", reply.refused)
            }
            Err(ruang::backplane::HeartbeatError::Gone { epoch }) => format!("gone, epoch {}", self.epoch(epoch)),
            Err(error) => error.to_string(),
        }
    }

    async fn send(&mut self, call: &Call, engine: &dyn Backplane) -> String {
        let text = |text: usize| Text::parse(&format!("teks {text}")).unwrap();
        let nonce = |nonce: usize| format!("n{nonce}").parse().unwrap();
        let result = match call {
            Call::Publish { incarnation, person: sender, nonce: number, text: words, reply_to, checks } => {
                let post = Post {
                    incarnation: incarnation_id(*incarnation),
                    person: person(*sender),
                    nonce: nonce(*number),
                    text: text(*words),
                    reply_to: reply_to.map(|index| self.message(index)),
                    alias: (sender / NAMES == 2).then(|| "alias".to_owned()),
                    checks: shared(*checks, *words),
                    trace: None,
                };
                engine.publish(post).await
            }
            Call::Change { incarnation, person: sender, nonce: number, message, text: words, checks } => {
                let request = ChangeRequest {
                    incarnation: incarnation_id(*incarnation),
                    person: person(*sender),
                    nonce: nonce(*number),
                    id: self.message(*message),
                    state: words.map_or(NewState::Deleted, |words| NewState::Edited(text(words))),
                    checks: shared(*checks, words.unwrap_or(0)),
                };
                engine.change(request).await
            }
            _ => return String::new(),
        };
        match result {
            Ok(id) => {
                if !self.ids.contains(&id) {
                    self.ids.push(id);
                }
                self.id(id)
            }
            Err(error) => format!("{error:?}"),
        }
    }

    fn action(&self, call: &Call) -> ModerationAction {
        let Call::Moderate { kind, name, messages, value } = call else { unreachable!() };
        let (name_key, name) = (name_key(*name), shown(*name));
        let for_ms = SANCTIONS_MS[*value];
        let door = [Some(0), Some(SANCTIONS_MS[1]), None][*value];
        let ids = || messages.iter().map(|index| self.message(*index)).collect();
        let text = (*value == 1).then(|| "sebentar".to_owned());
        match kind {
            0 => ModerationAction::Remove { ids: ids() },
            1 => ModerationAction::Ban { name_key, name, for_ms, address: messages.len() > 1 },
            2 => ModerationAction::Unban { name_key, name },
            3 => ModerationAction::Mute {
                name_key,
                name,
                for_ms: for_ms.max(SANCTIONS_MS[1]),
                address: messages.len() > 1,
            },
            4 => ModerationAction::Unmute { name_key, name },
            5 => ModerationAction::Slow { interval_ms: SANCTIONS_MS[*value] },
            6 => ModerationAction::ReadOnly { for_ms: door.filter(|_| *value > 0).or(Some(0)), text },
            7 => ModerationAction::Closed { for_ms: door, text },
            8 => ModerationAction::Announce { text },
            9 => ModerationAction::Dismiss { ids: ids() },
            _ => ModerationAction::Rules(AutoRulesChange {
                words: (*value == 0).then(|| vec!["kata".to_owned()]),
                quiet: (*value > 0).then_some(*value == 1),
                ..AutoRulesChange::default()
            }),
        }
    }

    /// An event as text.
    pub fn event(&mut self, event: Event) -> String {
        match event {
            Event::Message { prev, version, message, .. } => {
                format!("message after {} v{version}: {}", self.id(prev), self.row(&Row::Message(message)))
            }
            Event::Presence { position, delta } => {
                format!("presence {} {} {}", self.position(position), members(delta.joined), members(delta.left))
            }
            Event::Ended { position, session, delta } => {
                format!("ended {} {} {}", self.position(position), session.as_str(), members(delta.left))
            }
            Event::Moderated { position, removed, edited, rules, auto } => {
                let removed: Vec<String> = removed.into_iter().map(|id| self.id(id)).collect();
                let edited: Vec<String> = edited.into_iter().map(|message| self.row(&Row::Message(message))).collect();
                format!("moderated {} {removed:?} {edited:?} {} {auto:?}", self.position(position), self.rules(&rules))
            }
            Event::Heartbeat { position, incarnation, heartbeat_seq } => {
                format!("heartbeat {} {} {heartbeat_seq}", self.position(position), incarnation.as_str())
            }
            other => format!("{other:?}"),
        }
    }

    fn snapshot(&mut self, mut snapshot: Snapshot) -> String {
        self.positions.push(snapshot.position);
        // One action may delete several messages: these are in any order.
        snapshot.changes.sort_by_key(|change| (change.version, change.row.id()));
        let Snapshot {
            position, continues, missed, before, older, start, rows, changes, changes_after, people, ..
        } = &snapshot;
        let position = self.position(*position);
        // A snapshot that continues says nothing about what is before it.
        let (start, changes_after) =
            (start.filter(|_| !continues).map(|id| self.id(id)), changes_after.map(|id| self.id(id)));
        let rows: Vec<String> = rows.iter().map(|row| self.row(row)).collect();
        let changes: Vec<String> = changes.iter().map(|change| self.change(change)).collect();
        let people = match people {
            SnapshotPeople::All(all) => self::people(all),
            other => format!("{other:?}"),
        };
        let (rules, auto) = (self.rules(&snapshot.rules), &snapshot.auto);
        format!(
            "{position} {continues} {missed:?} {before} {older} {start:?} {rows:?} {changes:?} {changes_after:?} {people} {rules} {auto:?}",
        )
    }

    fn page(&mut self, Page { rows, more, more_after, trimmed }: Page) -> String {
        let rows: Vec<String> = rows.iter().map(|row| self.row(row)).collect();
        format!("{rows:?} {more} {more_after} {trimmed}")
    }

    fn moderation_log(&mut self, ModerationLog { bans, mutes, acts, auto }: ModerationLog) -> String {
        // An instance's clock may be behind: what has ended is left out.
        let (began, now) = (self.began_ms, self.now_ms);
        let in_force = |bans: Vec<Ban>| {
            let bans = bans.into_iter().filter(|ban| ban.until > now);
            bans.map(|ban| (ban.name, ban.until - began, ban.address)).collect::<Vec<_>>()
        };
        let acts = self.records_of(acts);
        format!("{:?} {:?} {acts:?} {auto:?}", in_force(bans), in_force(mutes))
    }

    fn records_of(&mut self, records: Vec<ModerationRecord>) -> Vec<String> {
        let text = |record: ModerationRecord| {
            let mut act = format!("{:?}", record.act);
            if let ModerationAction::Remove { ids } | ModerationAction::Dismiss { ids } = &record.act {
                let kind = act.split(' ').next().unwrap_or_default().to_owned();
                act = format!("{kind} {:?}", ids.iter().map(|id| self.id(*id)).collect::<Vec<_>>());
            }
            let (number, at) = (self.record(record.id), record.at - self.began_ms);
            format!("{number} {at} {act} {:?} {:?}", record.audit, record.whom)
        };
        records.into_iter().map(text).collect()
    }

    /// The number of a record in the order of appearance.
    fn record(&mut self, id: Id) -> usize {
        let known = self.records.iter().position(|known| *known == id);
        known.unwrap_or_else(|| {
            self.records.push(id);
            self.records.len() - 1
        })
    }

    fn rules(&self, rules: &Rules) -> String {
        let door = |door: &Option<ruang::protocol::Door>| {
            door.as_ref().map(|door| (door.until.map(|until| until - self.began_ms), door.text.clone()))
        };
        format!("{} {:?} {:?} {:?}", rules.slow_ms, rules.notice, door(&rules.read_only), door(&rules.closed))
    }

    fn change(&mut self, Change { version, head, row }: &Change) -> String {
        format!("v{version} at {}: {}", self.id(*head), self.row(row))
    }

    fn row(&mut self, row: &Row) -> String {
        match row {
            Row::Removed { id, from, at } => format!("{} at {} removed {from}", self.id(*id), self.time(*at)),
            Row::Message(message) => {
                let (id, reply_to) = (self.id(message.id), message.reply_to.map(|id| self.id(id)));
                let (nonce, from, text, bot) = (message.nonce.as_str(), &message.from, &message.text, message.bot);
                let (at, edited_at) = (self.time(message.at), message.edited_at.map(|at| self.time(at)));
                let alias = &message.alias;
                format!("{id} at {at} {nonce} {from} {text} {bot} {alias:?} {reply_to:?} {edited_at:?}")
            }
        }
    }

    fn position(&mut self, Position { epoch, head, version }: Position) -> String {
        format!("({} {} v{version})", self.epoch(epoch), self.id(head))
    }

    fn id(&mut self, id: Id) -> String {
        format!("{}-{}", self.epoch(id.epoch), id.n)
    }

    fn epoch(&mut self, epoch: u64) -> usize {
        let known = self.epochs.iter().position(|known| *known == epoch);
        known.unwrap_or_else(|| {
            self.epochs.push(epoch);
            self.epochs.len() - 1
        })
    }

    fn time(&self, at: u64) -> i64 {
        i64::try_from(at).unwrap() - i64::try_from(self.began_ms).unwrap()
    }

    fn message(&self, index: usize) -> Id {
        nth(&self.ids, index).unwrap_or(Id::new(1, 1))
    }
}

fn nth<T: Copy>(list: &[T], index: usize) -> Option<T> {
    // Counted from the newest, so that most are of the present epoch.
    list.iter().rev().nth(index % list.len().max(1)).copied()
}

fn claim(reply: Result<Claim, ruang::backplane::Unavailable>) -> String {
    match reply {
        Ok(Claim::Held { left }) => format!("held, for a time: {}", left.is_some()),
        other => format!("{other:?}"),
    }
}

fn people(people: &[Present]) -> String {
    format!("{:?}", people.iter().map(present).collect::<BTreeMap<_, _>>())
}

/// The rules that a sender meets.
fn shared(checks: Checks, text: usize) -> SharedChecks {
    let repeat = checks.counts_repeats.then(|| format!("text{text}"));
    SharedChecks { newcomer_ms: if checks.is_new { 20_000 } else { 0 }, repeat }
}

/// The name key of a person in the room, their name and the incarnations that hold them.
fn present(here: &Present) -> (&str, (&str, String)) {
    let mut held_by: Vec<&str> = here.held_by.iter().map(IncarnationId::as_str).collect();
    held_by.sort_unstable();
    (here.member.name_key.as_str(), (&here.member.name, held_by.join(" ")))
}

fn members(mut members: Vec<Member>) -> String {
    members.sort();
    format!("{:?}", members.iter().map(|member| &member.name).collect::<Vec<_>>())
}

fn incarnation_id(number: usize) -> IncarnationId {
    format!("inc{number}").as_str().into()
}

fn person(number: usize) -> Person {
    // Two names share an address, two sessions have none.
    let address = [Some("rumah"), Some("rumah"), Some("kantor"), None][number % NAMES].filter(|_| number / NAMES < 2);
    let person = Person::new(name_key(number), shown(number), session(number));
    Person { address: address.map(Into::into), moderates: number == NAMES - 1, ..person }
}

fn name_key(number: usize) -> NameKey {
    format!("orang{}", number % NAMES).as_str().into()
}

fn shown(number: usize) -> String {
    format!("Orang{}", number % NAMES)
}

fn session(number: usize) -> SessionTag {
    match number / NAMES {
        2 => SessionTag::of_bot(&name_key(number)),
        1 if number % NAMES == 1 => SessionTag::of_account("satu"),
        session => format!("session{session}-{}", number % NAMES).as_str().into(),
    }
}

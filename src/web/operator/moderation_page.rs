//! The moderation page: forms, messages, and the moderation log in sentences.

use std::time::Duration;

use askama::Template;

use super::{
    report_rows::ReportSection,
    rules_part::{self, RulesPart},
    select::SelectOption,
};
use crate::{
    backplane::{Audit, Ban, ModerationAction, ModerationLog, ModerationRecord, Page, is_for_good},
    protocol::{Door, Id, Rules},
    web::{
        assets, chat,
        locale::Locale,
        texts::{Texts, format_rounded_up},
    },
};

/// The choices of ban durations and slow mode intervals.
const BANS: [&str; 7] = ["0s", "10m", "1h", "1d", "7d", "30d", "forever"];
const MUTES: [&str; 4] = ["10m", "1h", "1d", "forever"];
const DOORS: [&str; 5] = ["0s", "10m", "1h", "1d", "forever"];
const INTERVALS: [&str; 6] = ["0s", "5s", "10s", "30s", "1m", "5m"];

#[derive(Template)]
#[template(path = "operator.html")]
pub(super) struct ModerationPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    result: Option<&'static str>,
    reports: ReportSection,
    notice: String,
    intervals: Vec<SelectOption>,
    rules: RulesPart,
    doors: [DoorForm; 2],
    ban_durations: Vec<SelectOption>,
    mute_durations: Vec<SelectOption>,
    /// Banned names, and until when.
    bans: Vec<(String, String)>,
    /// Muted names, and until when.
    mutes: Vec<(String, String)>,
    messages: Vec<ModerationRow>,
    /// The id before which there are more messages.
    earlier: Option<String>,
    /// Actions of the moderation log, newest first.
    acts: Vec<LogRow>,
}

/// The form of a door.
struct DoorForm {
    act: &'static str,
    title: &'static str,
    label: &'static str,
    /// Whether it is shut, and until when.
    state: Option<String>,
    text: String,
    durations: Vec<SelectOption>,
}

/// A message that can be deleted.
struct ModerationRow {
    id: String,
    clock: String,
    from: String,
    text: String,
}

/// An action of the moderation log.
struct LogRow {
    act: String,
    /// The moderator, their network and the reason.
    audit: String,
    clock: String,
}

impl ModerationPage {
    pub(super) fn new(
        locale: Locale,
        rules: Rules,
        now: u64,
        moderation_log: &ModerationLog,
        page: &Page,
        (reports, rules_part): (ReportSection, RulesPart),
        result: Option<&'static str>,
    ) -> Self {
        let texts = Texts::of(locale);
        let listed = |bans: &[Ban]| bans.iter().map(|ban| (ban.name.clone(), until(ban, now, texts))).collect();
        let messages = page.rows.iter().rev().filter_map(|row| row.message()).map(|message| ModerationRow {
            id: message.id.to_string(),
            clock: chat::format_clock(message.at),
            from: message.from.clone(),
            text: message.text.clone(),
        });
        Self {
            texts,
            locale,
            base: assets::base(),
            result,
            reports,
            rules: rules_part,
            notice: rules.notice.unwrap_or_default(),
            doors: [
                DoorForm::new("read_only", rules.read_only.as_ref(), now, texts),
                DoorForm::new("closed", rules.closed.as_ref(), now, texts),
            ],
            intervals: select_options(&INTERVALS, texts.operator.slow_off, rules.slow_ms, texts),
            ban_durations: select_options(&BANS, texts.operator.ban_not, 3_600_000, texts),
            mute_durations: select_options(&MUTES, "", 600_000, texts),
            bans: listed(&moderation_log.bans),
            mutes: listed(&moderation_log.mutes),
            messages: messages.collect(),
            earlier: page.rows.first().filter(|_| page.more).map(|first| first.id().to_string()),
            acts: moderation_log
                .acts
                .iter()
                .map(|record| LogRow {
                    act: describe(record, texts),
                    audit: describe_audit(record, texts),
                    clock: chat::format_clock(record.at),
                })
                .collect(),
        }
    }
}

impl DoorForm {
    fn new(act: &'static str, door: Option<&Door>, now: u64, texts: &Texts) -> Self {
        let operator = &texts.operator;
        let door = door.filter(|door| door.is_shut(now));
        let (title, label) = match act {
            "closed" => (operator.closed, operator.closed_label),
            _ => (operator.read_only, operator.read_only_label),
        };
        let until = |until: u64| operator.ban_until.replace("{until}", &chat::format_clock(until));
        let state = |door: &Door| door.until.map_or(operator.door_until_opened.to_owned(), until);
        Self {
            act,
            title,
            label,
            state: door.map(state),
            text: door.and_then(|door| door.text.clone()).unwrap_or_default(),
            durations: select_options(&DOORS, operator.door_open, 0, texts),
        }
    }
}

fn select_options(values: &[&'static str], none: &str, selected_ms: u64, texts: &Texts) -> Vec<SelectOption> {
    let option = |value: &&'static str| {
        let Ok(duration) = humantime::parse_duration(value) else {
            return SelectOption { value: (*value).into(), label: texts.operator.for_good.to_owned(), selected: false };
        };
        let label = if duration.is_zero() { none.to_owned() } else { format_rounded_up(duration, &texts.units) };
        SelectOption { value: (*value).into(), label, selected: duration == Duration::from_millis(selected_ms) }
    };
    values.iter().map(option).collect()
}

/// Describes when a ban or mute ends. `now` in Unix milliseconds.
fn until(ban: &Ban, now: u64, texts: &Texts) -> String {
    let until = if is_for_good(ban.until.saturating_sub(now)) {
        texts.operator.for_good.to_owned()
    } else {
        texts.operator.ban_until.replace("{until}", &chat::format_clock(ban.until))
    };
    with_address(until, ban.address, texts)
}

/// Adds that a ban or mute includes the address.
fn with_address(text: String, address: bool, texts: &Texts) -> String {
    if address { format!("{text}, {}", texts.operator.address_included) } else { text }
}

/// Describes an action of the moderation log in a sentence.
fn describe(record: &ModerationRecord, texts: &Texts) -> String {
    let operator = &texts.operator;
    let time = |ms: u64| format_rounded_up(Duration::from_millis(ms), &texts.units);
    let lasting = |ms: u64| {
        if is_for_good(ms) { operator.for_good.to_owned() } else { operator.lasting.replace("{time}", &time(ms)) }
    };
    let door = |did: &str, for_ms: Option<u64>, text: Option<&str>| {
        let lasting = for_ms.map(|ms| format!(" {}", lasting(ms))).unwrap_or_default();
        let text = text.map(|text| format!(": {text}")).unwrap_or_default();
        format!("{did}{lasting}{text}")
    };
    let fill = |text: &str, what: &str| text.replace("{what}", what);
    let messages = |ids: &[Id]| {
        let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
        let of = if record.whom.is_empty() { String::new() } else { format!(" ({})", record.whom.join(", ")) };
        ids.join(", ") + &of
    };
    match &record.act {
        ModerationAction::Remove { ids } => fill(operator.did_remove, &messages(ids)),
        ModerationAction::Dismiss { ids } => fill(operator.did_dismiss, &messages(ids)),
        ModerationAction::Ban { name, for_ms: 0, .. } => fill(operator.did_send_away, name),
        ModerationAction::Ban { name, for_ms, address, .. } => {
            with_address(fill(&operator.did_ban.replace("{time}", &lasting(*for_ms)), name), *address, texts)
        }
        ModerationAction::Mute { name, for_ms, address, .. } => {
            with_address(fill(&operator.did_mute.replace("{time}", &lasting(*for_ms)), name), *address, texts)
        }
        ModerationAction::Unmute { name, .. } => fill(operator.did_unmute, name),
        ModerationAction::Unban { name, .. } => fill(operator.did_pardon, name),
        ModerationAction::Slow { interval_ms: 0 } => operator.did_slow_off.to_owned(),
        ModerationAction::Slow { interval_ms } => operator.did_slow.replace("{time}", &time(*interval_ms)),
        ModerationAction::ReadOnly { for_ms: Some(0), .. } => operator.did_read_only_off.to_owned(),
        ModerationAction::ReadOnly { for_ms, text } => door(operator.did_read_only, *for_ms, text.as_deref()),
        ModerationAction::Closed { for_ms: Some(0), .. } => operator.did_closed_off.to_owned(),
        ModerationAction::Closed { for_ms, text } => door(operator.did_closed, *for_ms, text.as_deref()),
        ModerationAction::Rules(change) => rules_part::describe(change, texts),
        ModerationAction::Announce { text: Some(text) } => fill(operator.did_announce, text),
        ModerationAction::Announce { text: None } => operator.did_announce_nothing.to_owned(),
    }
}

/// Describes who acted, from where and why.
fn describe_audit(record: &ModerationRecord, texts: &Texts) -> String {
    let Audit { by, from, why } = &record.audit;
    let who = texts.operator.did_by.replace("{from}", from).replace("{by}", by);
    match why {
        _ if by.is_empty() => String::new(),
        Some(why) => format!("{who}: {why}"),
        None => who,
    }
}

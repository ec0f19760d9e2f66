//! The part of the moderation page with the rules that apply by themselves, and their descriptions in the log.

use std::time::Duration;

use super::select::SelectOption;
use crate::{
    automod::{AutoRules, AutoRulesChange, LinkRule},
    web::texts::{AutoRulesTexts, Texts, format_duration},
};

const MINUTE_MS: u64 = 60_000;
/// The choices of how long people are new, in milliseconds.
const TIMES: [u64; 5] = [5 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS, 24 * 60 * MINUTE_MS];
/// The choices of a newcomer's interval, in milliseconds.
const INTERVALS: [u64; 6] = [10_000, 30_000, MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS];
const DEFAULT_INTERVAL: u64 = 30_000;
/// The rules that one button sets against a wave of newcomers, and those that end them.
const CALM: [(&str, &str); 5] =
    [("quiet", "true"), ("repeats", "true"), ("links", "1h"), ("newcomers", "10m"), ("newcomer_interval", "10m")];
const NORMAL: [(&str, &str); 4] = [("quiet", "false"), ("repeats", "false"), ("links", "free"), ("newcomers", "0s")];

/// The forms of the rules, as they are filled in.
pub(super) struct RulesPart {
    /// Whether all the rules against a wave are in force.
    pub(super) is_calm: bool,
    /// The fields of the button that sets or ends them.
    pub(super) wave: &'static [(&'static str, &'static str)],
    pub(super) quiet: bool,
    pub(super) repeats: bool,
    pub(super) links: Vec<SelectOption>,
    pub(super) newcomers: Vec<SelectOption>,
    pub(super) newcomer_intervals: Vec<SelectOption>,
    /// On lines.
    pub(super) words: String,
    pub(super) reserved: String,
}

impl RulesPart {
    pub(super) fn new(rules: &AutoRules, texts: &Texts) -> Self {
        let own = &texts.auto_rules;
        let choice = |value: &str, label: &str, selected| SelectOption {
            value: value.to_owned().into(),
            label: label.to_owned(),
            selected,
        };
        let after = match rules.links {
            LinkRule::AfterMs(ms) => Some(ms),
            LinkRule::Free | LinkRule::None => None,
        };
        let mut links = vec![choice("free", own.links_free, rules.links == LinkRule::Free)];
        links.extend(times(&TIMES, after, |ms| own.links_after.replace("{time}", &time(ms, texts))));
        links.push(choice("none", own.links_none, rules.links == LinkRule::None));
        let mut newcomers = vec![choice("0s", own.newcomers_off, rules.newcomers.is_none())];
        newcomers.extend(times(&TIMES, rules.newcomers.map(|rule| rule.for_ms), |ms| time(ms, texts)));
        let interval = rules.newcomers.map_or(DEFAULT_INTERVAL, |rule| rule.interval_ms);
        let is_calm = rules.quiet && rules.repeats && rules.links != LinkRule::Free && rules.newcomers.is_some();
        Self {
            is_calm,
            wave: if is_calm { &NORMAL } else { &CALM },
            quiet: rules.quiet,
            repeats: rules.repeats,
            links,
            newcomers,
            newcomer_intervals: times(&INTERVALS, Some(interval), |ms| time(ms, texts)),
            words: rules.words.join("\n"),
            reserved: rules.reserved.join("\n"),
        }
    }
}

/// The options of times, one of them selected: it is listed even if it is no usual choice.
fn times(usual: &[u64], selected: Option<u64>, label: impl Fn(u64) -> String) -> Vec<SelectOption> {
    let mut listed: Vec<u64> = usual.iter().copied().chain(selected).collect();
    listed.sort_unstable();
    listed.dedup();
    let option =
        |ms: u64| SelectOption { value: format!("{ms}ms").into(), label: label(ms), selected: selected == Some(ms) };
    listed.into_iter().map(option).collect()
}

fn time(ms: u64, texts: &Texts) -> String {
    format_duration(Duration::from_millis(ms), &texts.units)
}

/// Describes a change of the rules in a sentence.
pub(super) fn describe(change: &AutoRulesChange, texts: &Texts) -> String {
    let own: &AutoRulesTexts = &texts.auto_rules;
    let count = |text: &str, count: usize| text.replace("{count}", &count.to_string());
    let links = |rule: LinkRule| match rule {
        LinkRule::Free => own.links_free.to_owned(),
        LinkRule::None => own.links_none.to_owned(),
        LinkRule::AfterMs(ms) => own.links_after.replace("{time}", &time(ms, texts)),
    };
    let newcomers = change.newcomers.map(|rule| match rule {
        None => own.did_newcomers_off.to_owned(),
        Some(rule) => {
            let text = own.did_newcomers.replace("{time}", &time(rule.for_ms, texts));
            text.replace("{interval}", &time(rule.interval_ms, texts))
        }
    });
    let switched = |name: &str, on: bool, yes: &str, no: &str| format!("{name}: {}", if on { yes } else { no });
    let parts = [
        change.quiet.map(|on| switched(own.quiet, on, own.quiet_is_on, own.quiet_is_off)),
        change.repeats.map(|on| switched(own.repeats, on, own.repeats_are_refused, own.repeats_are_free)),
        change.links.map(|rule| own.did_links.replace("{what}", &links(rule))),
        newcomers,
        change.word_count.map(|words| count(own.did_words, words)),
        change.reserved_count.map(|names| count(own.did_reserved, names)),
    ];
    own.did.replace("{what}", &parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

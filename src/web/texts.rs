//! The texts of the pages. One struct with a value per language: a missing text does not compile.

mod automod;
mod duration;
mod en;
mod id;

use serde::Serialize;

pub use self::{
    automod::AutoRulesTexts,
    duration::{format_duration, format_rounded_up},
};
use super::locale::Locale;

/// All texts of the pages in one language.
#[derive(Debug)]
pub struct Texts {
    /// The language's tag, for `<html lang>`.
    pub lang: &'static str,
    /// One line about the room.
    pub about: &'static str,
    /// The link that skips the header, for keyboard users.
    pub skip: &'static str,
    /// The sign-in form.
    pub sign_in: SignIn,
    /// The room.
    pub chat: Chat,
    /// The page about stored data.
    pub privacy: Privacy,
    /// The page with the rules of the room.
    pub rules: RulesTexts,
    /// The operator's page.
    pub operator: Operator,
    /// Its part about the rules that apply by themselves.
    pub auto_rules: AutoRulesTexts,
    /// Numbers and durations.
    pub units: Units,
    /// Error pages.
    pub errors: Errors,
    /// Texts of the script; it replaces the placeholders `{username}` and `{count}`.
    pub script: Script,
    /// Texts of the menus of moderators.
    pub moderation_menu: ModerationMenu,
}

/// Texts of the sign-in form.
#[derive(Debug)]
pub struct SignIn {
    pub title: &'static str,
    pub lead: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub submit: &'static str,
    pub empty: &'static str,
    pub too_long: &'static str,
    pub invisible: &'static str,
    pub unknown: &'static str,
    pub marks: &'static str,
    pub held: &'static str,
    pub reserved: &'static str,
    pub of_program: &'static str,
    pub no_cookies: &'static str,
    pub of_account: &'static str,
    pub of_moderator: &'static str,
    pub word: &'static str,
    pub elsewhere: &'static str,
    pub token_malformed: &'static str,
    pub token_signature: &'static str,
    pub token_algorithm: &'static str,
    pub token_audience: &'static str,
    pub token_expired: &'static str,
    pub token_early: &'static str,
    pub token_replayed: &'static str,
    pub was_banned: &'static str,
    pub has_expired: &'static str,
    pub name_lost: &'static str,
    pub has_ended: &'static str,
    pub banned: &'static str,
    pub banned_for_good: &'static str,
    pub closed: &'static str,
    pub too_many: &'static str,
    pub full: &'static str,
    pub unavailable: &'static str,
}

/// Texts of the room's page.
#[derive(Debug)]
pub struct Chat {
    pub title: &'static str,
    pub timeline: &'static str,
    pub new_messages: &'static str,
    pub people: &'static str,
    pub show_people: &'static str,
    pub sign_out: &'static str,
    pub signed_in_as: &'static str,
    pub text: &'static str,
    pub placeholder: &'static str,
    pub send: &'static str,
    pub keys: &'static str,
    pub newest: &'static str,
    pub earlier: &'static str,
    pub no_script: &'static str,
    pub too_old: &'static str,
    pub fault: &'static str,
    pub search: &'static str,
    pub no_match: &'static str,
    pub clear_search: &'static str,
    pub close: &'static str,
    pub cancel: &'static str,
    pub empty: &'static str,
    pub begin: &'static str,
    pub preferences: &'static str,
    pub prefer_notices: &'static str,
    pub prefer_sound: &'static str,
    pub prefer_notify: &'static str,
    pub notify_refused: &'static str,
}

/// Texts of the page about stored data, each with a title; placeholders `{…}` stand for settings.
#[derive(Debug)]
pub struct Privacy {
    pub title: &'static str,
    /// The link to it.
    pub link: &'static str,
    pub lead: &'static str,
    pub name_title: &'static str,
    pub name: &'static str,
    pub messages_title: &'static str,
    pub messages: &'static str,
    pub messages_with_age: &'static str,
    pub session_title: &'static str,
    pub session: &'static str,
    pub device_title: &'static str,
    pub device: &'static str,
    pub address_title: &'static str,
    pub address: &'static str,
    pub others_title: &'static str,
    pub others: &'static str,
    pub moderation_title: &'static str,
    /// With `{acts}`.
    pub moderation: &'static str,
    pub copies_title: &'static str,
    pub copies: &'static str,
    pub contact_title: &'static str,
    pub home: &'static str,
}

/// Texts of the page with the rules of the room.
#[derive(Debug)]
pub struct RulesTexts {
    pub title: &'static str,
}

/// Texts of the operator's page with placeholders `{…}`.
#[derive(Debug)]
pub struct Operator {
    pub title: &'static str,
    pub lead: &'static str,
    pub token: &'static str,
    pub enter: &'static str,
    pub wrong_token: &'static str,
    pub too_many: &'static str,
    pub leave: &'static str,
    pub done: &'static str,
    pub nothing: &'static str,
    pub no_address: &'static str,
    pub wrong: &'static str,
    pub unavailable: &'static str,
    pub reports: &'static str,
    pub reports_none: &'static str,
    /// With `{shown}` and `{count}`.
    pub reports_shown: &'static str,
    pub report_count: Counted,
    pub report_context: &'static str,
    pub report_dismiss: &'static str,
    pub report_remove: &'static str,
    /// With `{time}`, like the next.
    pub report_mute: &'static str,
    pub report_ban: &'static str,
    pub announce: &'static str,
    pub announce_label: &'static str,
    pub announce_hint: &'static str,
    pub announce_submit: &'static str,
    pub slow: &'static str,
    pub slow_label: &'static str,
    pub slow_off: &'static str,
    pub slow_submit: &'static str,
    pub read_only: &'static str,
    pub read_only_label: &'static str,
    pub closed: &'static str,
    pub closed_label: &'static str,
    pub door_open: &'static str,
    pub door_until_opened: &'static str,
    pub door_text: &'static str,
    pub mute: &'static str,
    pub mute_for: &'static str,
    pub mute_submit: &'static str,
    pub mutes: &'static str,
    pub unmute: &'static str,
    pub ban: &'static str,
    pub ban_name: &'static str,
    pub ban_for: &'static str,
    pub ban_not: &'static str,
    pub ban_messages: &'static str,
    pub address_label: &'static str,
    pub address_included: &'static str,
    pub ban_submit: &'static str,
    pub bans: &'static str,
    pub bans_none: &'static str,
    pub ban_until: &'static str,
    pub pardon: &'static str,
    pub messages: &'static str,
    pub messages_none: &'static str,
    pub remove: &'static str,
    pub earlier: &'static str,
    pub acts: &'static str,
    pub export: &'static str,
    pub acts_none: &'static str,
    /// With `{by}` and `{from}`.
    pub did_by: &'static str,
    pub did_remove: &'static str,
    pub did_dismiss: &'static str,
    pub did_ban: &'static str,
    pub did_mute: &'static str,
    pub did_read_only: &'static str,
    pub did_read_only_off: &'static str,
    pub did_closed: &'static str,
    pub did_closed_off: &'static str,
    pub did_unmute: &'static str,
    /// With `{time}`.
    pub lasting: &'static str,
    pub for_good: &'static str,
    pub did_send_away: &'static str,
    pub did_pardon: &'static str,
    pub did_slow: &'static str,
    pub did_slow_off: &'static str,
    pub did_announce: &'static str,
    pub did_announce_nothing: &'static str,
}

/// Numbers, and units of durations.
#[derive(Debug)]
pub struct Units {
    /// Separates groups of three digits.
    pub thousands: &'static str,
    pub days: Counted,
    pub hours: Counted,
    pub minutes: Counted,
    pub seconds: Counted,
}

/// Texts of error pages: title and advice.
#[derive(Debug)]
pub struct Errors {
    pub not_found: (&'static str, &'static str),
    pub foreign: (&'static str, &'static str),
    pub other_address: (&'static str, &'static str),
    pub unknown_address: (&'static str, &'static str),
    pub unavailable: (&'static str, &'static str),
    pub too_many: (&'static str, &'static str),
    pub failed: (&'static str, &'static str),
    pub home: &'static str,
}

/// A text with the number `{count}`, in the plural forms of the language.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Counted {
    pub one: &'static str,
    pub other: &'static str,
}

impl Counted {
    /// The forms of a language without plurals.
    const fn always(text: &'static str) -> Self {
        Self { one: text, other: text }
    }
}

/// Texts of the menus of moderators, which the page reads when it needs them: `{username}` and `{time}` are placeholders.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ModerationMenu {
    pub remove: &'static str,
    pub purge: &'static str,
    pub mute: &'static str,
    pub kick: &'static str,
    pub ban: &'static str,
    pub for_good: &'static str,
    pub address_alone: &'static str,
    pub address_shared: Counted,
    pub did_purge: &'static str,
    pub did_mute: &'static str,
    pub did_kick: &'static str,
    pub did_ban: &'static str,
    pub failed: &'static str,
    pub reports: Counted,
}

/// Texts of a report, with the placeholder `{username}`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Report {
    pub item: &'static str,
    pub title: &'static str,
    pub reason: &'static str,
    pub send: &'static str,
    pub cancel: &'static str,
    pub sent: &'static str,
    pub failed: &'static str,
}

/// Texts of the script, embedded in the page as JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Script {
    pub lang: &'static str,
    pub joined: &'static str,
    pub joined_counted: Counted,
    pub left: &'static str,
    pub left_counted: Counted,
    pub you: &'static str,
    pub menu: &'static str,
    pub menu_of: &'static str,
    pub bot: &'static str,
    pub mute: &'static str,
    pub unmute: &'static str,
    pub muted: &'static str,
    pub mention: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
    pub copy_failed: &'static str,
    pub undo: &'static str,
    pub report: Report,
    pub reply: &'static str,
    pub edit: &'static str,
    pub remove: &'static str,
    pub edited: &'static str,
    pub replying_to: &'static str,
    pub editing: &'static str,
    pub quote_removed: &'static str,
    pub quote_gone: &'static str,
    pub deleted: &'static str,
    pub not_yours: &'static str,
    pub refused_edit: &'static str,
    pub as_new: &'static str,
    pub unread: &'static str,
    pub unread_counted: Counted,
    pub show_more: &'static str,
    pub show_less: &'static str,
    pub gap: &'static str,
    pub gap_counted: Counted,
    pub gap_load: &'static str,
    pub loading: &'static str,
    pub load_failed: &'static str,
    pub removed: &'static str,
    pub sending: &'static str,
    pub waiting: &'static str,
    pub refused_too_long: &'static str,
    pub refused_unsure: &'static str,
    pub refused_stale: &'static str,
    pub refused_word: &'static str,
    pub refused_link: &'static str,
    pub refused_newcomer: &'static str,
    pub refused_repeat: &'static str,
    pub refused_muted: &'static str,
    pub refused_read_only: &'static str,
    pub refused: &'static str,
    pub again: &'static str,
    pub discard: &'static str,
    pub connecting: &'static str,
    pub offline: &'static str,
    pub offline_here: &'static str,
    pub offline_in: &'static str,
    pub retry: &'static str,
    pub unsubscribed: &'static str,
    pub gateway: &'static str,
    pub gateway_link: &'static str,
    pub sockets_blocked: &'static str,
    pub address_crowded: &'static str,
    pub stopped: &'static str,
    pub outdated: &'static str,
    pub reload: &'static str,
    pub signed_out: &'static str,
    pub typing_one: &'static str,
    pub typing_two: &'static str,
    pub typing_many: Counted,
    pub people_more: &'static str,
    pub is_muted: &'static str,
    pub left_over: Counted,
    pub too_many: Counted,
    pub newest: &'static str,
    pub newest_counted: Counted,
    pub mentions: Counted,
    pub text_only: &'static str,
    pub slow: Counted,
    pub slow_left: &'static str,
    pub read_only: &'static str,
}

impl Texts {
    /// Returns the texts of a language.
    pub fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::Indonesian => &id::TEXTS,
            Locale::English => &en::TEXTS,
        }
    }
}

impl Units {
    /// Writes a number with the language's separator of thousands.
    pub fn number(&self, number: u64) -> String {
        let digits = number.to_string();
        let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        groups.join(self.thousands)
    }
}

impl Script {
    /// Encodes the texts as JSON for a `<script>` element. It contains no `<`, which could end the element.
    pub fn json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indonesian_presence_texts_read_as_agreed() {
        let texts = Texts::of(Locale::Indonesian);
        assert_eq!(texts.script.joined, "{username} telah bergabung.");
        assert_eq!(texts.script.left, "{username} telah keluar.");
    }

    #[test]
    fn numbers_are_grouped_as_the_language_does() {
        for (number, indonesian, english) in
            [(0, "0", "0"), (999, "999", "999"), (10_000, "10.000", "10,000"), (1_234_567, "1.234.567", "1,234,567")]
        {
            assert_eq!(id::TEXTS.units.number(number), indonesian);
            assert_eq!(en::TEXTS.units.number(number), english);
        }
    }

    #[test]
    fn script_json_cannot_end_its_element() {
        let script = Script { again: "</script><!--", ..id::TEXTS.script };
        let json = script.json();
        assert!(!json.contains(['<', '>']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["again"], "</script><!--");
    }

    #[test]
    fn both_languages_have_the_same_placeholders() {
        let value = |texts: &Texts| serde_json::to_value(texts.script).unwrap();
        let (id, en) = (value(&id::TEXTS), value(&en::TEXTS));
        let id = id.as_object().unwrap().iter();
        let pairs =
            id.flat_map(|(key, text)| forms(text).into_iter().zip(forms(&en[key])).map(move |pair| (key, pair)));
        for (key, (id, en)) in pairs {
            for placeholder in ["{username}", "{count}", "{other}", "{seconds}", "{time}"] {
                assert_eq!(id.contains(placeholder), en.contains(placeholder), "{key}: {id:?} and {en:?}");
            }
        }
    }

    /// A text, or each of its forms.
    fn forms(text: &serde_json::Value) -> Vec<&str> {
        let forms = text.as_object().map(|forms| forms.values().collect()).unwrap_or_else(|| vec![text]);
        forms.into_iter().map(|form| form.as_str().unwrap()).collect()
    }
}

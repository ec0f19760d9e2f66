//! The texts of the pages. One struct with a value per language: a missing text does not compile.

mod automod;
mod duration;
mod en;
mod id;
mod moderation;
mod script;

use serde::Serialize;

pub use self::{
    automod::AutoRulesTexts,
    duration::{format_duration, format_rounded_up},
    moderation::{ModerationMenu, Operator},
    script::{Report, Script},
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
}

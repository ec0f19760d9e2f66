//! Decides whether the rules accept a text.

use std::{cell::LazyCell, time::Duration};

use sha2::{Digest, Sha256};

use super::{AutoRules, LinkRule, RuleKind, RuleViolation, has_link, words, words::WordSet};
use crate::{
    address::AddressHash,
    name::{Name, NameKey},
};

/// The rules, ready for use.
#[derive(Clone, Debug, Default)]
pub struct RuleChecker {
    rules: AutoRules,
    words: WordSet,
    reserved: Vec<NameKey>,
}

/// The sender of a text.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Whether this is a person, a program or a moderator.
    pub kind: SenderKind,
    /// When they signed in, in Unix milliseconds; 0: not known, and long ago.
    pub since_ms: u64,
}

/// The kinds of senders, to which different rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderKind {
    /// A person.
    Person,
    /// A program: never new, and free to repeat itself.
    Program,
    /// A signed-in moderator: free of all rules.
    Moderator,
}

/// The checks that need the state of all instances: the publish script makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedChecks {
    /// The least time between two messages of the person, in milliseconds, because they are new; 0: no more than of others.
    pub newcomer_ms: u64,
    /// Identifies texts that are the same, of one address; none: repeats are not counted.
    pub repeat: Option<String>,
}

impl RuleChecker {
    /// Prepares rules.
    pub fn new(rules: AutoRules) -> Self {
        let words = WordSet::new(&rules.words);
        let key = |name: &String| Name::parse(name).ok().map(|name| name.key().clone());
        let reserved = rules.reserved.iter().filter_map(key).collect();
        Self { rules, words, reserved }
    }

    /// The rules.
    pub fn rules(&self) -> &AutoRules {
        &self.rules
    }

    /// Checks a text. Linear in the text. `now_ms` in Unix milliseconds. `address` returns a keyed hash of the sender's address;
    /// without one repeats are not counted. Returns what else has to be checked.
    ///
    /// # Errors
    /// The rule that refuses the text.
    pub fn check(
        &self,
        text: &str,
        sender: Sender,
        address: impl FnOnce() -> Option<AddressHash>,
        now_ms: u64,
    ) -> Result<SharedChecks, RuleViolation> {
        if sender.kind == SenderKind::Moderator {
            return Ok(SharedChecks::default());
        }
        // Folding is what a check costs: once, and only if a rule needs it.
        let folded = LazyCell::new(|| words::fold(text));
        if !self.words.is_empty() && self.words.matches(&folded) {
            return Err(RuleViolation { rule: RuleKind::Word, retry_after: None });
        }
        self.check_links(text, sender, now_ms)?;
        self.check_first(sender, now_ms)?;
        let counts = self.rules.repeats && sender.kind == SenderKind::Person;
        let address = if counts { address() } else { None };
        let repeat = address.map(|address| repeat_id(text, &folded, &address));
        Ok(SharedChecks { repeat, ..self.check_pace(sender, now_ms) })
    }

    /// Returns what has to be checked of a deletion, which has no text.
    pub fn check_pace(&self, sender: Sender, now_ms: u64) -> SharedChecks {
        let rule = self.rules.newcomers.filter(|rule| is_new(sender, rule.for_ms, now_ms).is_some());
        SharedChecks { newcomer_ms: rule.map_or(0, |rule| rule.interval_ms), repeat: None }
    }

    /// Whether a name has a listed word.
    pub fn has_word(&self, name: &Name) -> bool {
        self.words.matches(&words::fold(name.shown()))
    }

    /// Whether only moderators may take a name.
    pub fn reserves(&self, name_key: &NameKey) -> bool {
        self.reserved.contains(name_key)
    }

    /// Newcomers read before they write: the first message of a person comes an interval after their sign-in, as each later one comes
    /// an interval after the one before.
    fn check_first(&self, sender: Sender, now_ms: u64) -> Result<(), RuleViolation> {
        let left = self.rules.newcomers.and_then(|rule| is_new(sender, rule.interval_ms.min(rule.for_ms), now_ms));
        let refuse = |left| Err(RuleViolation { rule: RuleKind::Newcomer, retry_after: Some(left) });
        left.map_or(Ok(()), refuse)
    }

    fn check_links(&self, text: &str, sender: Sender, now_ms: u64) -> Result<(), RuleViolation> {
        let retry_after = match self.rules.links {
            LinkRule::Free => return Ok(()),
            LinkRule::None => None,
            LinkRule::AfterMs(after) => match is_new(sender, after, now_ms) {
                Some(left) => Some(left),
                None => return Ok(()),
            },
        };
        if has_link(text) { Err(RuleViolation { rule: RuleKind::Link, retry_after }) } else { Ok(()) }
    }
}

/// Returns for how long a person is new, if they are.
fn is_new(sender: Sender, for_ms: u64, now_ms: u64) -> Option<Duration> {
    let since_ms = Some(sender.since_ms).filter(|ms| *ms > 0 && sender.kind == SenderKind::Person)?;
    // A clock that stepped back makes no one new for longer.
    let left = since_ms.saturating_add(for_ms).checked_sub(now_ms).filter(|left| *left > 0)?;
    Some(Duration::from_millis(left.min(for_ms)))
}

/// Identifies a text of an address by a digest: neither can be read from it.
fn repeat_id(text: &str, folded: &[String], address: &AddressHash) -> String {
    let mut digest = Sha256::new_with_prefix(address.as_str());
    digest.update(b"\0");
    if folded.is_empty() {
        // Emoji and signs alone.
        digest.update(text.split_whitespace().collect::<String>());
    } else {
        digest.update(folded.join(" "));
    }
    digest.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::automod::NewcomerRule;

    const NOW: u64 = 1_764_000_000_000;
    const MINUTE: u64 = 60_000;

    fn person(ago_ms: u64) -> Sender {
        Sender { kind: SenderKind::Person, since_ms: NOW - ago_ms }
    }

    fn check(checker: &RuleChecker, text: &str, sender: Sender) -> Result<SharedChecks, RuleViolation> {
        checker.check(text, sender, || Some("an address".into()), NOW)
    }

    fn all_rules() -> RuleChecker {
        RuleChecker::new(AutoRules {
            words: vec!["spam".into()],
            links: LinkRule::AfterMs(10 * MINUTE),
            newcomers: Some(NewcomerRule { for_ms: 5 * MINUTE, interval_ms: 30_000 }),
            repeats: true,
            reserved: vec!["Ibu Sari".into()],
            quiet: true,
        })
    }

    fn refused(rule: RuleKind, retry_after: Option<u64>) -> Result<SharedChecks, RuleViolation> {
        Err(RuleViolation { rule, retry_after: retry_after.map(Duration::from_millis) })
    }

    #[test]
    fn no_rule_refuses_nothing_and_counts_nothing() {
        let text = "spam https://a.id spam";
        assert_eq!(check(&RuleChecker::default(), text, person(0)), Ok(SharedChecks::default()));
    }

    #[test]
    fn listed_word_is_refused_however_long_the_person_is_here() {
        assert_eq!(check(&all_rules(), "beli SPAM!", person(100 * MINUTE)), refused(RuleKind::Word, None));
    }

    #[test]
    fn link_is_refused_until_the_person_was_here_long_enough() {
        let link = |ago| check(&all_rules(), "lihat https://a.id", person(ago));
        assert_eq!(link(MINUTE), refused(RuleKind::Link, Some(9 * MINUTE)));
        assert_eq!(link(10 * MINUTE - 1), refused(RuleKind::Link, Some(1)));
        assert!(link(10 * MINUTE).is_ok());
        let none = RuleChecker::new(AutoRules { links: LinkRule::None, ..AutoRules::default() });
        assert_eq!(check(&none, "https://a.id", person(100 * MINUTE)), refused(RuleKind::Link, None));
        assert!(check(&none, "a.id", person(0)).is_ok());
    }

    #[test]
    fn newcomer_has_a_slower_pace_for_a_while() {
        let pace = |ago| check(&all_rules(), "halo", person(ago)).map(|checks| checks.newcomer_ms);
        assert_eq!((pace(30_000), pace(5 * MINUTE - 1), pace(5 * MINUTE)), (Ok(30_000), Ok(30_000), Ok(0)));
        assert_eq!(all_rules().check_pace(person(0), NOW), SharedChecks { newcomer_ms: 30_000, repeat: None });
    }

    #[test]
    fn newcomer_reads_for_an_interval_before_the_first_message() {
        let first = |ago| check(&all_rules(), "halo", person(ago)).map(|_| ());
        let refused =
            |ms| Err(RuleViolation { rule: RuleKind::Newcomer, retry_after: Some(Duration::from_millis(ms)) });
        assert_eq!((first(0), first(29_999), first(30_000)), (refused(30_000), refused(1), Ok(())));
        let newcomers = Some(NewcomerRule { for_ms: 10 * MINUTE, interval_ms: 60 * MINUTE });
        let silent = RuleChecker::new(AutoRules { newcomers, ..AutoRules::default() });
        let first = |ago| check(&silent, "halo", person(ago)).map(|_| ());
        assert_eq!((first(0), first(10 * MINUTE)), (refused(10 * MINUTE), Ok(())), "no longer than people are new");
    }

    #[test]
    fn repeats_are_the_same_text_of_one_address() {
        let id = |text: &str, address: &str| {
            let checked = all_rules().check(text, person(100 * MINUTE), || Some(address.into()), NOW);
            checked.unwrap().repeat.unwrap()
        };
        assert_eq!(id("Halo, semua!", "a"), id("halo  SEMUA", "a"));
        assert_ne!(id("halo semua", "a"), id("halo semua", "b"));
        assert_ne!(id("halo semua", "a"), id("halo kamu", "a"));
        assert_eq!(id("😂 😂", "a"), id("😂😂", "a"));
        assert_ne!(id("😂", "a"), id("👍", "a"));
    }

    #[test]
    fn programs_are_neither_new_nor_counted_but_keep_the_rest() {
        let program = Sender { kind: SenderKind::Program, ..person(0) };
        assert_eq!(check(&all_rules(), "https://a.id", program), Ok(SharedChecks::default()));
        assert_eq!(check(&all_rules(), "spam", program), refused(RuleKind::Word, None));
        let none = RuleChecker::new(AutoRules { links: LinkRule::None, ..AutoRules::default() });
        assert_eq!(check(&none, "https://a.id", program), refused(RuleKind::Link, None));
    }

    #[test]
    fn moderators_are_free_of_all_rules() {
        let moderator = Sender { kind: SenderKind::Moderator, ..person(0) };
        assert_eq!(check(&all_rules(), "spam https://a.id", moderator), Ok(SharedChecks::default()));
    }

    #[test]
    fn names_are_checked_by_their_keys_and_words() {
        let parse = |name: &str| Name::parse(name).unwrap();
        assert!(all_rules().reserves(parse("IBU  sаri").key()));
        assert!(!all_rules().reserves(parse("Ibu").key()));
        assert!(all_rules().has_word(&parse("Raja Spam")));
        assert!(!all_rules().has_word(&parse("Spamela")));
    }

    proptest! {
        #[test]
        fn verdict_depends_on_the_folded_words_alone(words in proptest::collection::vec("[a-z]{1,8}", 1..8)) {
            let (plain, dressed) = (words.join(" "), words.join(", ").to_uppercase());
            prop_assert_eq!(check(&all_rules(), &plain, person(MINUTE)), check(&all_rules(), &dressed, person(MINUTE)));
        }

        #[test]
        fn wait_never_exceeds_the_rule(since in any::<u64>(), now in any::<u64>()) {
            let sender = Sender { since_ms: since, ..person(0) };
            if let Err(RuleViolation { retry_after, .. }) = all_rules().check("www.a.id", sender, || None, now) {
                prop_assert!(retry_after.is_some_and(|left| left <= Duration::from_millis(10 * MINUTE)));
            }
        }
    }
}

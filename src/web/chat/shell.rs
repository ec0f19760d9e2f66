//! The page around the messages. All of it but a few slots is the same for everyone, and compressed when the program starts.

use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use askama::Template;
use axum::body::Bytes;
use flate2::Compression;

use super::timeline::{self, Timeline};
use crate::{
    protocol::{Id, TEXT_CHARS},
    web::{
        assets,
        gzip::{Fragment, join_gzip, join_plain},
        locale::Locale,
        texts::Texts,
    },
};

/// The slots, in the order in which [`Shell::fill`] lists their contents.
const SLOTS: [&str; 6] = ["you", "since", "more", "moderates", "now", "rows"];
/// Encloses the name of a slot in the rendered page: a character that no template and no text contains.
const MARK: char = '\u{e000}';

static INDONESIAN: LazyLock<Shell> = LazyLock::new(|| Shell::new(Locale::Indonesian));
static ENGLISH: LazyLock<Shell> = LazyLock::new(|| Shell::new(Locale::English));

/// The person to whom a page is sent.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// The name as shown.
    pub name: &'a str,
    /// Whether the session is a moderator's, or the browser sent a moderator's cookie: whether that one is valid is found out
    /// when it is used. None without moderation.
    pub moderates: Option<bool>,
}

/// The page in one language, cut at its slots.
#[derive(Debug)]
pub struct Shell(Vec<Part>);

#[derive(Debug)]
enum Part {
    Fixed(Fragment),
    /// The index of a slot.
    Slot(usize),
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage<'a> {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    modules: Vec<&'static str>,
    you: &'a str,
    /// The position to join from; empty while the instance cannot know it.
    since: &'a str,
    more: &'a str,
    /// Whether the browser sent a moderator's cookie; empty without moderation: nothing can be reported then.
    moderates: &'a str,
    /// The server's clock, in milliseconds: that of a browser may be wrong.
    now: &'a str,
    rows: &'a str,
    template_row: String,
    text_chars: usize,
    script_texts: String,
}

#[derive(Template)]
#[template(source = "{{ text }}", ext = "html")]
struct Escaped<'a> {
    text: &'a str,
}

impl Shell {
    /// The page in a language.
    pub fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::Indonesian => &INDONESIAN,
            Locale::English => &ENGLISH,
        }
    }

    /// The whole page for a person.
    pub fn fill(&self, visitor: Visitor<'_>, head: Option<Id>, timeline: &Timeline, gzip: bool) -> Bytes {
        let you = Escaped { text: visitor.name }.render().unwrap_or_default();
        let since = timeline.last.or(head).map(|id| id.to_string()).unwrap_or_default();
        let moderates = visitor.moderates.map(|moderates| moderates.to_string()).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let own = [you, since, timeline.more.to_string(), moderates, now.to_string()].map(Fragment::store);
        let slots: Vec<&Fragment> = own.iter().chain([&timeline.rows]).collect();
        let fragments = self.0.iter().map(|part| match part {
            Part::Fixed(fragment) => fragment,
            Part::Slot(index) => slots[*index],
        });
        let fragments: Vec<&Fragment> = fragments.collect();
        if gzip { join_gzip(&fragments) } else { join_plain(&fragments) }
    }

    fn new(locale: Locale) -> Self {
        let texts = Texts::of(locale);
        let slot = |name| format!("{MARK}{name}{MARK}");
        let page = ChatPage {
            texts,
            locale,
            base: assets::base(),
            modules: assets::modules().collect(),
            you: &slot("you"),
            since: &slot("since"),
            more: &slot("more"),
            moderates: &slot("moderates"),
            now: &slot("now"),
            rows: &slot("rows"),
            template_row: timeline::template(),
            text_chars: TEXT_CHARS,
            script_texts: texts.script.json(),
        };
        // Writing to memory cannot fail.
        let page = page.render().unwrap_or_default();
        let part = |part: &str| match SLOTS.iter().position(|slot| *slot == part) {
            Some(index) => Part::Slot(index),
            None => Part::Fixed(Fragment::compress(part.to_owned(), Compression::best())),
        };
        Self(page.split(MARK).map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backplane::Page;

    fn filled(locale: Locale, you: &str, head: Option<Id>) -> String {
        let timeline = Timeline::new(Texts::of(locale), &Page::default(), None);
        let page = Shell::of(locale).fill(Visitor { name: you, moderates: None }, head, &timeline, false);
        String::from_utf8(page.to_vec()).unwrap()
    }

    #[test]
    fn every_slot_is_filled_in_both_languages() {
        for locale in [Locale::Indonesian, Locale::English] {
            let page = filled(locale, "sari", Some(Id::new(7, 0)));
            assert!(!page.contains(MARK), "{page}");
            assert!(page.contains(&format!(r#"<html lang="{}" "#, locale.tag())), "{page}");
            assert_eq!(page.matches(r#"data-you="sari""#).count(), 1);
            assert!(page.contains(r#"data-since="7-0""#) && page.contains(r#"data-more="false""#), "{page}");
        }
        assert!(filled(Locale::English, "sari", None).contains(r#"data-since="""#));
    }

    #[test]
    fn name_is_text_and_never_markup() {
        let page = filled(Locale::English, "<b>\"'&", None);
        assert!(!page.contains("<b>") && page.contains(r#"data-you="&#60;b&#62;&#34;&#39;&#38;""#), "{page}");
    }
}

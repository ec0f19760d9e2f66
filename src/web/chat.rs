//! The room's page.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use tower_sessions::cookie::time::OffsetDateTime;
use unicode_segmentation::UnicodeSegmentation;

use super::{Web, assets, error, locale::Locale, texts::Texts};
use crate::{
    backplane::{Cursor, Page},
    protocol::{self, Id, TEXT_CHARS},
    session::{Alive, NotSignedIn, SignedIn},
};

/// Messages that are in the page already.
const NEWEST: usize = 50;
/// Messages of one person that are closer than this (in milliseconds) are shown as one turn.
const TURN_MS: u64 = 5 * 60 * 1000;

/// `GET /chat`: the room with its newest messages.
pub async fn page(State(web): State<Web>, locale: Locale, signed_in: Result<SignedIn, NotSignedIn>) -> Response {
    let SignedIn { person, id } = match signed_in {
        Ok(signed_in) => signed_in,
        Err(NotSignedIn::Nobody) => return Redirect::to("/").into_response(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
    };
    match web.sessions.touch(&id).await {
        Ok(Alive::Yes) => {}
        Ok(Alive::No) => return Redirect::to("/").into_response(),
        Err(_) => return error::unavailable(locale),
    }
    // Read before the page: what is sent in between comes after it.
    let head = web.room.head();
    // Without the newest messages the page is still good: the socket brings them.
    let newest = web.room.page(Cursor::Newest, NEWEST).await.unwrap_or_default();
    error::html(StatusCode::OK, &ChatPage::new(locale, &person.name, &newest, head))
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
    since: String,
    more: bool,
    messages: Vec<Row<'a>>,
    text_chars: usize,
    script_texts: String,
}

/// A message as the page shows it. The script makes the same markup.
struct Row<'a> {
    id: String,
    at: u64,
    /// Empty where the message was deleted.
    from: &'a str,
    nonce: &'a str,
    text: &'a str,
    own: bool,
    removed: bool,
    /// It continues its person's turn: the name is not said again.
    follows: bool,
    /// How the person looks: an initial on one of the style sheet's hues.
    initial: String,
    hue: u32,
    /// For `<time datetime>`.
    iso: String,
    /// For readers without the script, in UTC.
    clock: String,
}

impl<'a> ChatPage<'a> {
    fn new(locale: Locale, you: &'a str, newest: &'a Page, head: Option<Id>) -> Self {
        let texts = Texts::of(locale);
        let before = std::iter::once(None).chain(newest.rows.iter().map(Some));
        let messages: Vec<_> =
            newest.rows.iter().zip(before).map(|(row, before)| Row::new(texts, you, row, before)).collect();
        Self {
            texts,
            locale,
            base: assets::base(),
            modules: assets::modules().collect(),
            you,
            since: newest.rows.last().map(protocol::Row::id).or(head).map(|id| id.to_string()).unwrap_or_default(),
            more: newest.more,
            messages,
            text_chars: TEXT_CHARS,
            script_texts: texts.script.json(),
        }
    }
}

impl<'a> Row<'a> {
    fn new(texts: &'static Texts, you: &str, row: &'a protocol::Row, before: Option<&protocol::Row>) -> Self {
        let (from, nonce, text) = match row.message() {
            Some(message) => (message.from.as_str(), message.nonce.as_str(), message.text.as_str()),
            None => ("", "", texts.script.removed),
        };
        let author = |row: &protocol::Row| row.message().map(|message| message.from.clone()).unwrap_or_default();
        let follows =
            before.is_some_and(|before| author(before) == from && row.at().saturating_sub(before.at()) < TURN_MS);
        let (iso, clock) = times(row.at());
        Self {
            id: row.id().to_string(),
            at: row.at(),
            from,
            nonce,
            text,
            own: from == you,
            removed: row.message().is_none(),
            follows,
            initial: initial(from),
            hue: hue(from),
            iso,
            clock,
        }
    }
}

/// As static/person.js has it.
fn initial(name: &str) -> String {
    name.graphemes(true).next().unwrap_or_default().to_uppercase()
}

/// As static/person.js has it.
fn hue(name: &str) -> u32 {
    name.chars().fold(0, |sum, character| (sum * 131 + u32::from(character)) % 9973) % 8
}

/// A moment in Unix milliseconds, for people, in UTC.
pub fn clock(at: u64) -> String {
    times(at).1
}

/// A moment in Unix milliseconds, for machines and for people.
fn times(at: u64) -> (String, String) {
    let moment =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    let (hour, minute, second, milli) = (moment.hour(), moment.minute(), moment.second(), moment.millisecond());
    (
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"),
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Id, Message};

    fn message(n: u64, from: &str, text: &str) -> protocol::Row {
        let at = 1_764_000_000_000 + n * 1000;
        Message { id: Id::new(7, n), nonce: "n".parse().unwrap(), from: from.into(), text: text.into(), at }.into()
    }

    fn rendered(rows: Vec<protocol::Row>) -> String {
        let page = Page { rows, more: false, trimmed: false };
        ChatPage::new(Locale::Indonesian, "sari", &page, None).render().unwrap()
    }

    #[test]
    fn the_page_names_the_id_to_join_from() {
        assert!(rendered(vec![message(1, "a", "x"), message(2, "b", "y")]).contains(r#"data-since="7-2""#));
        assert!(rendered(vec![]).contains(r#"data-since="""#));
    }

    #[test]
    fn what_people_wrote_is_text_and_never_markup() {
        let page = rendered(vec![message(1, "<b>", "</li><script>alert(1)</script>\"'")]);
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
    }

    #[test]
    fn ones_own_messages_are_marked_and_turns_are_joined() {
        let page = rendered(vec![message(1, "sari", "x"), message(2, "sari", "y"), message(3, "adi", "z")]);
        assert_eq!(page.matches(r#"class="message own""#).count(), 1);
        assert_eq!(page.matches(r#"class="message own follows""#).count(), 1);
        assert_eq!(page.matches(r#"class="message""#).count(), 1);
    }

    #[test]
    fn where_a_message_was_deleted_the_page_says_so_and_nothing_else() {
        let page = rendered(vec![message(1, "sari", "rahasia").removed(), message(2, "adi", "y")]);
        assert!(page.contains("Pesan ini dihapus.") && page.contains(r#"data-id="7-1""#), "{page}");
        assert!(!page.contains("rahasia"), "{page}");
        assert_eq!(page.matches(r#"class="message removed""#).count(), 1);
    }

    #[test]
    fn a_moment_is_written_for_machines_and_for_people() {
        let (iso, clock) = times(1_764_000_000_042);
        assert_eq!(iso, "2025-11-24T16:00:00.042Z");
        assert_eq!(clock, "2025-11-24 16:00 UTC");
    }
}

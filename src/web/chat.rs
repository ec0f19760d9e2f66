//! `GET /chat`: the page of the room.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use tower_sessions::cookie::time::OffsetDateTime;

use super::{
    Web, assets,
    avatar::{Hues, initial},
    error,
    locale::Locale,
    texts::Texts,
};
use crate::{
    backplane::{Cursor, Page},
    protocol::{self, Id, TEXT_CHARS},
    session::{Alive, NotSignedIn, SignedIn},
};

/// Messages in the page as it is served.
const NEWEST: usize = 50;
/// Messages of one person that are closer than this (in milliseconds) form a group.
const GROUP_MS: u64 = 5 * 60 * 1000;
/// Messages of a group in the same minute show one time, in milliseconds.
const MINUTE_MS: u64 = 60 * 1000;

/// `GET /chat`: the room with its newest messages.
pub async fn show(State(web): State<Web>, locale: Locale, signed_in: Result<SignedIn, NotSignedIn>) -> Response {
    let SignedIn { person, id, .. } = match signed_in {
        Ok(signed_in) => signed_in,
        Err(NotSignedIn::Nobody) => return Redirect::to("/").into_response(),
        Err(NotSignedIn::Unreadable) => return error::unavailable(locale),
    };
    match web.sessions.touch(&id).await {
        Ok(Alive::Yes) => {}
        Ok(Alive::No) => return Redirect::to("/").into_response(),
        Err(_) => return error::unavailable(locale),
    }
    // Read before the page: a message sent in between comes after it.
    let head = web.room.head();
    // The page works without messages, too: the socket brings them.
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
    messages: Vec<MessageRow<'a>>,
    template_row: MessageRow<'a>,
    text_chars: usize,
    script_texts: String,
}

/// A message as the page shows it. An empty one is the template that the script clones.
#[derive(Default)]
struct MessageRow<'a> {
    id: String,
    at: u64,
    /// Also of a deleted message.
    from: &'a str,
    nonce: &'a str,
    text: &'a str,
    own: bool,
    removed: bool,
    /// It continues a group: the name is not repeated.
    grouped: bool,
    /// The next message shows the time of this one, too.
    shares_time: bool,
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
        let hues = Hues::of_speakers(newest.rows.iter().map(protocol::Row::sender).filter(|from| *from != you));
        let mut messages: Vec<MessageRow<'a>> = Vec::with_capacity(newest.rows.len());
        let mut before: Option<&protocol::Row> = None;
        for row in &newest.rows {
            let grouped = before.is_some_and(|before| continues_group(before, row));
            if let (Some(last), Some(before)) = (messages.last_mut(), before) {
                last.shares_time = grouped && shares_time(before, row);
            }
            let hue = hues.of(row.sender());
            messages.push(MessageRow { grouped, hue, ..MessageRow::new(texts, you, row) });
            before = Some(row);
        }
        Self {
            texts,
            locale,
            base: assets::base(),
            modules: assets::modules().collect(),
            you,
            since: newest.rows.last().map(protocol::Row::id).or(head).map(|id| id.to_string()).unwrap_or_default(),
            more: newest.more,
            messages,
            template_row: MessageRow::default(),
            text_chars: TEXT_CHARS,
            script_texts: texts.script.json(),
        }
    }
}

impl<'a> MessageRow<'a> {
    fn new(texts: &'static Texts, you: &str, row: &'a protocol::Row) -> Self {
        let (nonce, text) = match row.message() {
            Some(message) => (message.nonce.as_str(), message.text.as_str()),
            None => ("", texts.script.removed),
        };
        let from = row.sender();
        let (iso, clock) = format_time(row.at());
        Self {
            id: row.id().to_string(),
            at: row.at(),
            from,
            nonce,
            text,
            own: from == you,
            removed: row.message().is_none(),
            initial: initial(from),
            iso,
            clock,
            ..Self::default()
        }
    }
}

/// Returns whether a message continues the group of the one before it. static/message_grouping.js applies the same rule;
/// tests/page/message_grouping.json holds the cases that both are tested with.
fn continues_group(before: &protocol::Row, row: &protocol::Row) -> bool {
    !row.sender().is_empty() && before.sender() == row.sender() && row.at().saturating_sub(before.at()) < GROUP_MS
}

/// Returns whether a message shows its time only with the next one of its group: both are of the same minute.
fn shares_time(message: &protocol::Row, next: &protocol::Row) -> bool {
    message.at() / MINUTE_MS == next.at() / MINUTE_MS
}

/// Formats a Unix time in milliseconds for people, in UTC.
pub fn format_clock(at: u64) -> String {
    format_time(at).1
}

/// Formats a Unix time in milliseconds: as ISO 8601, and for people.
fn format_time(at: u64) -> (String, String) {
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
    fn page_names_the_id_to_join_from() {
        assert!(rendered(vec![message(1, "a", "x"), message(2, "b", "y")]).contains(r#"data-since="7-2""#));
        assert!(rendered(vec![]).contains(r#"data-since="""#));
    }

    #[test]
    fn message_text_is_never_markup() {
        let page = rendered(vec![message(1, "<b>", "</li><script>alert(1)</script>\"'")]);
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
    }

    #[test]
    fn own_messages_are_marked_and_groups_are_joined() {
        let page = rendered(vec![message(1, "sari", "x"), message(2, "sari", "y"), message(3, "adi", "z")]);
        assert_eq!(page.matches(r#"class="message own shares-time""#).count(), 1);
        assert_eq!(page.matches(r#"class="message own grouped""#).count(), 1);
        assert_eq!(page.matches(r#"class="message""#).count(), 2, "adi's message and the template");
    }

    /// The page's rule is tested with the same cases: tests/page/message_grouping.test.js.
    #[test]
    fn group_continues_exactly_in_the_shared_cases() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/page/message_grouping.json")).unwrap();
        let row = |case: &serde_json::Value| {
            let from = case["from"].as_str().unwrap_or("sari").to_owned();
            let at = case["at"].as_u64().unwrap();
            let message = Message { id: Id::new(7, 1), nonce: "n".parse().unwrap(), from, text: "x".into(), at };
            let row = protocol::Row::from(message);
            if case["removed"] == true { row.removed() } else { row }
        };
        for case in cases.as_array().unwrap() {
            let before = Some(&case["before"]).filter(|before| !before.is_null()).map(row);
            let continues = before.as_ref().is_some_and(|before| continues_group(before, &row(&case["after"])));
            assert_eq!(case["continues"], continues, "{case}");
            let shares = before.is_some_and(|before| continues && shares_time(&before, &row(&case["after"])));
            assert_eq!(case["shares_time"].as_bool().unwrap_or(false), shares, "{case}");
        }
    }

    #[test]
    fn deleted_message_shows_a_notice_only() {
        let page = rendered(vec![message(1, "sari", "rahasia").removed(), message(2, "adi", "y")]);
        assert!(page.contains("Pesan ini dihapus.") && page.contains(r#"data-id="7-1""#), "{page}");
        assert!(!page.contains("rahasia"), "{page}");
        assert_eq!(page.matches(r#"class="message own removed""#).count(), 1);
    }

    #[test]
    fn time_is_formatted_as_iso_and_for_people() {
        let (iso, clock) = format_time(1_764_000_000_042);
        assert_eq!(iso, "2025-11-24T16:00:00.042Z");
        assert_eq!(clock, "2025-11-24 16:00 UTC");
    }
}

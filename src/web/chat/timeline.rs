//! The newest messages as markup: the part of the page that is the same for all people who wrote none of them.

use std::collections::HashSet;

use askama::Template;
use tower_sessions::cookie::time::OffsetDateTime;

use crate::{
    backplane::Page,
    protocol::{Id, Row},
    web::{
        avatar::{Hues, initial},
        compression::FAST,
        gzip::Fragment,
        reads::PAGE_BYTES,
        texts::Texts,
    },
};

/// Messages of one person that are closer than this (in milliseconds) form a group.
const GROUP_MS: u64 = 5 * 60 * 1000;
/// Messages of a group in the same minute show one time, in milliseconds.
const MINUTE_MS: u64 = 60 * 1000;

/// The newest messages as one person sees them.
#[derive(Debug)]
pub struct Timeline {
    /// The markup.
    pub rows: Fragment,
    /// The newest message.
    pub last: Option<Id>,
    /// Whether there are earlier messages.
    pub more: bool,
    /// The names of those who wrote the messages, and so see them differently.
    pub authors: HashSet<String>,
}

/// A message as the page shows it.
#[derive(Default)]
struct MessageRow<'a> {
    id: String,
    at: u64,
    /// Also of a deleted message.
    from: &'a str,
    nonce: &'a str,
    text: &'a str,
    own: bool,
    /// The mark of a program; empty for a person.
    bot: &'a str,
    /// The name that a program shows after its own.
    alias: &'a str,
    removed: bool,
    /// The message that it answers.
    reply_to: Option<Id>,
    /// When it was corrected, in Unix milliseconds.
    edited_at: Option<u64>,
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

#[derive(Template)]
#[template(path = "message.html")]
struct MessageTemplate<'a> {
    row: MessageRow<'a>,
}

impl Timeline {
    /// Renders a page of history for a person; with `None`, no message counts as the reader's own.
    pub fn new(texts: &Texts, page: &Page, you: Option<&str>) -> Self {
        let (rows, is_cut) = render_rows(texts, &page.rows, you);
        let authors = page.rows.iter().map(Row::sender).filter(|from| !from.is_empty()).map(str::to_owned);
        Self {
            rows: Fragment::compress(rows, FAST),
            last: page.rows.last().map(Row::id),
            more: page.more || is_cut,
            authors: authors.collect(),
        }
    }
}

/// Renders an empty message, which the script clones.
pub fn template() -> String {
    MessageTemplate { row: MessageRow::default() }.render().unwrap_or_default()
}

/// Renders the newest rows that fit into a page, at least one. Returns whether some do not.
fn render_rows(texts: &Texts, rows: &[Row], you: Option<&str>) -> (String, bool) {
    let hues = Hues::of_speakers(rows.iter().map(Row::sender).filter(|from| Some(*from) != you));
    let render = |index: usize, before: Option<&Row>| {
        let (row, next) = (&rows[index], rows.get(index + 1));
        let row = MessageRow {
            grouped: before.is_some_and(|before| continues_group(before, row)),
            shares_time: next.is_some_and(|next| continues_group(row, next) && shares_time(row, next)),
            hue: hues.of(row.sender()),
            ..MessageRow::new(texts, you, row)
        };
        // Writing to memory cannot fail.
        MessageTemplate { row }.render().unwrap_or_default()
    };
    let (mut rendered, mut bytes) = (Vec::with_capacity(rows.len()), 0);
    for index in (0..rows.len()).rev() {
        let row = render(index, index.checked_sub(1).map(|before| &rows[before]));
        bytes += row.len();
        if bytes > PAGE_BYTES && !rendered.is_empty() {
            break;
        }
        rendered.push(row);
    }
    let first = rows.len() - rendered.len();
    if first > 0
        && let Some(row) = rendered.last_mut()
    {
        // The message that it continues is not shown.
        *row = render(first, None);
    }
    rendered.reverse();
    (rendered.concat(), first > 0)
}

impl<'a> MessageRow<'a> {
    /// A message on its own.
    fn new(texts: &'a Texts, you: Option<&str>, row: &'a Row) -> Self {
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
            own: you == Some(from),
            bot: if row.message().is_some_and(|message| message.bot) { texts.script.bot } else { "" },
            alias: row.alias().unwrap_or_default(),
            removed: row.message().is_none(),
            reply_to: row.message().and_then(|message| message.reply_to),
            edited_at: row.message().and_then(|message| message.edited_at),
            initial: initial(from),
            iso,
            clock,
            ..Self::default()
        }
    }
}

/// Returns whether a message continues the group of the one before it. static/message_grouping.js applies the same rule;
/// tests/page/message_grouping.json holds the cases that both are tested with.
fn continues_group(before: &Row, row: &Row) -> bool {
    let has_same_sender = before.sender() == row.sender() && before.alias() == row.alias();
    !row.sender().is_empty() && has_same_sender && row.at().saturating_sub(before.at()) < GROUP_MS
}

/// Returns whether a message shows its time only with the next one of its group: both are of the same minute.
fn shares_time(message: &Row, next: &Row) -> bool {
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
    use crate::{protocol::Message, web::locale::Locale};

    fn message(n: u64, from: &str, text: &str) -> Row {
        let at = 1_764_000_000_000 + n * 1000;
        Message {
            id: Id::new(7, n),
            nonce: "n".parse().unwrap(),
            from: from.into(),
            text: text.into(),
            at,
            bot: false,
            alias: None,
            reply_to: None,
            edited_at: None,
        }
        .into()
    }

    fn rendered(rows: Vec<Row>) -> String {
        render_rows(Texts::of(Locale::Indonesian), &rows, Some("sari")).0
    }

    #[test]
    fn timeline_names_the_newest_message_and_the_authors() {
        let page = Page { rows: vec![message(1, "a", "x"), message(2, "b", "y")], ..Page::default() };
        let timeline = Timeline::new(Texts::of(Locale::English), &page, None);
        assert_eq!((timeline.last, timeline.more), (Some(Id::new(7, 2)), false));
        assert_eq!(timeline.authors, ["a", "b"].map(str::to_owned).into());
    }

    #[test]
    fn large_timeline_is_cut_and_begins_with_a_name() {
        let rows = (1..=50).map(|n| message(n, "sari", &"&".repeat(2000))).collect::<Vec<_>>();
        let (markup, is_cut) = render_rows(Texts::of(Locale::English), &rows, None);
        assert!(is_cut && markup.len() <= PAGE_BYTES, "{}", markup.len());
        assert!(markup.contains(r#"data-id="7-50""#) && !markup.contains(r#"data-id="7-1""#));
        assert_eq!(markup.matches(r#"class="message shares-time""#).count(), 1);
        assert!(markup.starts_with(r#"<li class="message shares-time""#), "{}", &markup[..100]);
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
        assert_eq!(page.matches(r#"class="message""#).count(), 1, "adi's");
    }

    /// The page's rule is tested with the same cases: tests/page/message_grouping.test.js.
    #[test]
    fn group_continues_exactly_in_the_shared_cases() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/page/message_grouping.json")).unwrap();
        let row = |case: &serde_json::Value| {
            let from = case["from"].as_str().unwrap_or("sari").to_owned();
            let at = case["at"].as_u64().unwrap();
            let alias = case["as"].as_str().map(str::to_owned);
            let message = Message {
                id: Id::new(7, 1),
                nonce: "n".parse().unwrap(),
                from,
                text: "x".into(),
                at,
                reply_to: None,
                edited_at: None,
                bot: alias.is_some(),
                alias,
            };
            let row = Row::from(message);
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

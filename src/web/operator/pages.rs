//! The operator's page: forms that need no script.

use std::time::Duration;

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{carry_out, command::Fields};
use crate::{
    backplane::{Cursor, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord, Page},
    protocol::{Id, Rules},
    web::{
        Web, assets, chat, error,
        locale::Locale,
        peer::PeerIp,
        texts::{Texts, about},
    },
};

/// Messages on one page.
const MESSAGES: usize = 50;
/// What a ban or slow mode may last at a click.
const BANS: [&str; 6] = ["0s", "10m", "1h", "1d", "7d", "30d"];
const INTERVALS: [&str; 6] = ["0s", "5s", "10s", "30s", "1m", "5m"];

/// What the page's address says.
#[derive(Default, Deserialize)]
pub struct Asked {
    before: Option<Id>,
    said: Option<String>,
}

/// What the door is knocked on with.
#[derive(Default, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    token: String,
}

/// `GET /operator`: the desk, or the door to it.
pub async fn show(
    State(web): State<Web>,
    locale: Locale,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    if !is_in(&web, &headers) {
        return door(locale, StatusCode::OK, None);
    }
    let Query(asked) = asked.unwrap_or_default();
    let texts = &Texts::of(locale).operator;
    let said = match asked.said.as_deref() {
        Some("done") => Some(texts.done),
        Some("nothing") => Some(texts.nothing),
        _ => None,
    };
    pages(&web, locale, StatusCode::OK, asked.before, said).await
}

/// `POST /operator`: does something, and shows the desk again.
pub async fn moderate(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    fields: Result<Form<Fields>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    if !is_in(&web, &headers) {
        return Redirect::to("/operator").into_response();
    }
    let texts = &Texts::of(locale).operator;
    let command = fields.ok().and_then(|Form(fields)| fields.command().ok());
    let Some(command) = command else {
        return pages(&web, locale, StatusCode::UNPROCESSABLE_ENTITY, None, Some(texts.wrong)).await;
    };
    match carry_out(&web.room, command).await {
        Ok(ModerationOutcome::Done) => Redirect::to("/operator?said=done").into_response(),
        Ok(ModerationOutcome::Nothing) => Redirect::to("/operator?said=nothing").into_response(),
        Err(_) => {
            let pages = pages(&web, locale, StatusCode::SERVICE_UNAVAILABLE, None, Some(texts.unavailable)).await;
            error::with_retry_after(pages, error::RETRY_SECONDS)
        }
    }
}

/// `POST /operator/enter`: through the door, with the token.
pub async fn enter(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    login: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    let texts = &Texts::of(locale).operator;
    if let Err(wait) = web.count_sign_in(peer, &headers) {
        let door = door(locale, StatusCode::TOO_MANY_REQUESTS, Some(texts.too_many));
        return error::with_retry_after(door, &(wait.as_secs() + 1).to_string());
    }
    let Form(login) = login.unwrap_or_default();
    match web.operator.as_ref().filter(|operator| operator.knows(login.token.trim())) {
        Some(operator) => ([(SET_COOKIE, operator.cookie())], Redirect::to("/operator")).into_response(),
        None => door(locale, StatusCode::FORBIDDEN, Some(texts.wrong_token)),
    }
}

/// `POST /operator/leave`: out again.
pub async fn leave(State(web): State<Web>, locale: Locale, PeerIp(peer): PeerIp, headers: HeaderMap) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    let cookie = web.operator.as_ref().map(|operator| [(SET_COOKIE, operator.removal_cookie())]);
    (cookie, Redirect::to("/operator")).into_response()
}

fn is_in(web: &Web, headers: &HeaderMap) -> bool {
    web.operator.as_ref().is_some_and(|operator| operator.is_in(headers))
}

fn door(locale: Locale, status: StatusCode, reason: Option<&'static str>) -> Response {
    error::html(status, &LoginPage { texts: Texts::of(locale), locale, base: assets::base(), reason })
}

async fn pages(
    web: &Web,
    locale: Locale,
    status: StatusCode,
    before: Option<Id>,
    said: Option<&'static str>,
) -> Response {
    let cursor = before.map_or(Cursor::Newest, Cursor::Before);
    let looked = tokio::join!(web.room.moderation_log(), web.room.page(cursor, MESSAGES));
    let (Ok(moderation_log), Ok(page)) = looked else { return error::unavailable(locale) };
    error::html(status, &ModerationPage::new(locale, web.room.rules(), &moderation_log, &page, said))
}

#[derive(Template)]
#[template(path = "operator_login.html")]
struct LoginPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    reason: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "operator.html")]
struct ModerationPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    said: Option<&'static str>,
    notice: String,
    intervals: Vec<Choice>,
    lasting: Vec<Choice>,
    /// Names, and until when they are kept out.
    bans: Vec<(String, String)>,
    messages: Vec<Said>,
    /// The id before which there are more messages.
    earlier: Option<String>,
    /// What was done, and when.
    acts: Vec<(String, String)>,
}

/// Something to choose: its value, what it is called, whether it is chosen.
struct Choice {
    value: &'static str,
    label: String,
    chosen: bool,
}

/// A message that can be deleted.
struct Said {
    id: String,
    clock: String,
    from: String,
    text: String,
}

impl ModerationPage {
    fn new(
        locale: Locale,
        rules: Rules,
        moderation_log: &ModerationLog,
        page: &Page,
        said: Option<&'static str>,
    ) -> Self {
        let texts = Texts::of(locale);
        let until = |until| texts.operator.ban_until.replace("{until}", &chat::clock(until));
        let messages = page.rows.iter().rev().filter_map(|row| row.message()).map(|message| Said {
            id: message.id.to_string(),
            clock: chat::clock(message.at),
            from: message.from.clone(),
            text: message.text.clone(),
        });
        Self {
            texts,
            locale,
            base: assets::base(),
            said,
            notice: rules.notice.unwrap_or_default(),
            intervals: choices(&INTERVALS, texts.operator.slow_off, rules.slow_ms, texts),
            lasting: choices(&BANS, texts.operator.ban_not, 3_600_000, texts),
            bans: moderation_log.bans.iter().map(|ban| (ban.name.clone(), until(ban.until))).collect(),
            messages: messages.collect(),
            earlier: page.rows.first().filter(|_| page.more).map(|first| first.id().to_string()),
            acts: moderation_log.acts.iter().map(|record| (told(record, texts), chat::clock(record.at))).collect(),
        }
    }
}

fn choices(values: &[&'static str], none: &str, chosen_ms: u64, texts: &Texts) -> Vec<Choice> {
    let choice = |value: &&'static str| {
        let lasting = humantime::parse_duration(value).unwrap_or_default();
        let label = if lasting.is_zero() { none.to_owned() } else { about(lasting, &texts.units) };
        Choice { value, label, chosen: lasting == Duration::from_millis(chosen_ms) }
    };
    values.iter().map(choice).collect()
}

/// An act, as a sentence.
fn told(record: &ModerationRecord, texts: &Texts) -> String {
    let operator = &texts.operator;
    let time = |ms: u64| about(Duration::from_millis(ms), &texts.units);
    let about = |text: &str, what: &str| text.replace("{what}", what);
    match &record.act {
        ModerationAction::Remove { ids } => {
            let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
            about(operator.did_remove, &ids.join(", "))
        }
        ModerationAction::Ban { name, for_ms: 0, .. } => about(operator.did_send_away, name),
        ModerationAction::Ban { name, for_ms, .. } => {
            operator.did_ban.replace("{time}", &time(*for_ms)).replace("{what}", name)
        }
        ModerationAction::Unban { name, .. } => about(operator.did_pardon, name),
        ModerationAction::Slow { interval_ms: 0 } => operator.did_slow_off.to_owned(),
        ModerationAction::Slow { interval_ms } => operator.did_slow.replace("{time}", &time(*interval_ms)),
        ModerationAction::Announce { text: Some(text) } => about(operator.did_announce, text),
        ModerationAction::Announce { text: None } => operator.did_announce_nothing.to_owned(),
    }
}

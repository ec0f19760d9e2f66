//! `/operator`: the operator's pages, forms without a script.

use std::{net::IpAddr, time::Duration};

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{AttemptError, Door, command::ModerationForm, execute};
use crate::{
    backplane::{Cursor, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord, Page},
    protocol::{Id, Rules},
    web::{
        Web, assets, chat, error,
        locale::Locale,
        peer::PeerIp,
        texts::{Texts, format_rounded_up},
    },
};

/// Messages per page.
const MESSAGES: usize = 50;
/// The choices of ban durations and slow mode intervals.
const BANS: [&str; 6] = ["0s", "10m", "1h", "1d", "7d", "30d"];
const INTERVALS: [&str; 6] = ["0s", "5s", "10s", "30s", "1m", "5m"];

/// The query parameters.
#[derive(Default, Deserialize)]
pub struct ModerationQuery {
    before: Option<Id>,
    #[serde(rename = "said")]
    result: Option<String>,
}

/// The fields of the sign-in form.
#[derive(Default, Deserialize)]
pub struct LoginForm {
    #[serde(default)]
    token: String,
}

/// `GET /operator`: the moderation page, or the sign-in form.
pub async fn show(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    query: Result<Query<ModerationQuery>, QueryRejection>,
) -> Response {
    match check_cookie(&web, peer, &headers).await {
        Ok(true) => {}
        Ok(false) => return login_page(locale, StatusCode::OK, None),
        // The cookie is removed: a browser would present it again with each request.
        Err(AttemptError::Wrong) => return (removal(&web), login_page(locale, StatusCode::OK, None)).into_response(),
        Err(error) => return refused(locale, error),
    }
    let Query(query) = query.unwrap_or_default();
    let texts = &Texts::of(locale).operator;
    let result = match query.result.as_deref() {
        Some("done") => Some(texts.done),
        Some("nothing") => Some(texts.nothing),
        _ => None,
    };
    moderation_page(&web, locale, StatusCode::OK, query.before, result).await
}

/// `POST /operator`: executes a moderation command and shows the page again.
pub async fn moderate(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    form: Result<Form<ModerationForm>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    match check_cookie(&web, peer, &headers).await {
        Ok(true) => {}
        Ok(false) | Err(AttemptError::Wrong) => return (removal(&web), Redirect::to("/operator")).into_response(),
        Err(error) => return refused(locale, error),
    }
    let texts = &Texts::of(locale).operator;
    let command = form.ok().and_then(|Form(form)| form.command().ok());
    let Some(command) = command else {
        return moderation_page(&web, locale, StatusCode::UNPROCESSABLE_ENTITY, None, Some(texts.wrong)).await;
    };
    match execute(&web.room, command).await {
        Ok(ModerationOutcome::Done) => Redirect::to("/operator?said=done").into_response(),
        Ok(ModerationOutcome::Nothing) => Redirect::to("/operator?said=nothing").into_response(),
        Err(_) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let page = moderation_page(&web, locale, status, None, Some(texts.unavailable)).await;
            error::with_retry_after(page, error::RETRY_SECONDS)
        }
    }
}

/// `POST /operator/enter`: signs the operator in.
pub async fn sign_in(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    login: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    let Form(login) = login.unwrap_or_default();
    match web.attempt(Door::Form, peer, &headers, |operator| operator.is_token(login.token.trim())).await {
        Ok(()) => {
            let cookie = web.operator.as_ref().map(|operator| [(SET_COOKIE, operator.cookie())]);
            (cookie, Redirect::to("/operator")).into_response()
        }
        Err(error) => refused(locale, error),
    }
}

/// `POST /operator/leave`: signs the operator out.
pub async fn sign_out(State(web): State<Web>, locale: Locale, PeerIp(peer): PeerIp, headers: HeaderMap) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    (removal(&web), Redirect::to("/operator")).into_response()
}

/// Checks the cookie of a request. Returns false if it has none.
async fn check_cookie(web: &Web, peer: IpAddr, headers: &HeaderMap) -> Result<bool, AttemptError> {
    let sent = web.operator.as_ref().and_then(|operator| operator.sent_cookie(headers));
    let Some(cookie) = sent else { return Ok(false) };
    web.attempt(Door::Cookie, peer, headers, |operator| operator.is_cookie(&cookie)).await.map(|()| true)
}

/// Removes the cookie.
fn removal(web: &Web) -> Option<[(HeaderName, HeaderValue); 1]> {
    web.operator.as_ref().map(|operator| [(SET_COOKIE, operator.removal_cookie())])
}

/// The form again, with the reason.
fn refused(locale: Locale, error: AttemptError) -> Response {
    let texts = &Texts::of(locale).operator;
    match error {
        AttemptError::Wrong => login_page(locale, StatusCode::FORBIDDEN, Some(texts.wrong_token)),
        AttemptError::TooMany(wait) => {
            let page = login_page(locale, StatusCode::TOO_MANY_REQUESTS, Some(texts.too_many));
            error::with_retry_after(page, &error::seconds(wait))
        }
        AttemptError::Unavailable => error::unavailable(locale),
    }
}

fn login_page(locale: Locale, status: StatusCode, reason: Option<&'static str>) -> Response {
    error::html(status, &LoginPage { texts: Texts::of(locale), locale, base: assets::base(), reason })
}

async fn moderation_page(
    web: &Web,
    locale: Locale,
    status: StatusCode,
    before: Option<Id>,
    result: Option<&'static str>,
) -> Response {
    let cursor = before.map_or(Cursor::Newest, Cursor::Before);
    let read = tokio::join!(web.room.moderation_log(), web.room.page(cursor, MESSAGES));
    let (Ok(moderation_log), Ok(page)) = read else { return error::unavailable(locale) };
    error::html(status, &ModerationPage::new(locale, web.room.rules(), &moderation_log, &page, result))
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
    result: Option<&'static str>,
    notice: String,
    intervals: Vec<SelectOption>,
    ban_durations: Vec<SelectOption>,
    /// Banned names, and until when.
    bans: Vec<(String, String)>,
    messages: Vec<ModerationRow>,
    /// The id before which there are more messages.
    earlier: Option<String>,
    /// Actions of the moderation log, and when.
    acts: Vec<(String, String)>,
}

/// An `<option>`.
struct SelectOption {
    value: &'static str,
    label: String,
    selected: bool,
}

/// A message that can be deleted.
struct ModerationRow {
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
        result: Option<&'static str>,
    ) -> Self {
        let texts = Texts::of(locale);
        let until = |until| texts.operator.ban_until.replace("{until}", &chat::format_clock(until));
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
            notice: rules.notice.unwrap_or_default(),
            intervals: select_options(&INTERVALS, texts.operator.slow_off, rules.slow_ms, texts),
            ban_durations: select_options(&BANS, texts.operator.ban_not, 3_600_000, texts),
            bans: moderation_log.bans.iter().map(|ban| (ban.name.clone(), until(ban.until))).collect(),
            messages: messages.collect(),
            earlier: page.rows.first().filter(|_| page.more).map(|first| first.id().to_string()),
            acts: moderation_log
                .acts
                .iter()
                .map(|record| (describe(record, texts), chat::format_clock(record.at)))
                .collect(),
        }
    }
}

fn select_options(values: &[&'static str], none: &str, selected_ms: u64, texts: &Texts) -> Vec<SelectOption> {
    let option = |value: &&'static str| {
        let duration = humantime::parse_duration(value).unwrap_or_default();
        let label = if duration.is_zero() { none.to_owned() } else { format_rounded_up(duration, &texts.units) };
        SelectOption { value, label, selected: duration == Duration::from_millis(selected_ms) }
    };
    values.iter().map(option).collect()
}

/// Describes an action of the moderation log in a sentence.
fn describe(record: &ModerationRecord, texts: &Texts) -> String {
    let operator = &texts.operator;
    let time = |ms: u64| format_rounded_up(Duration::from_millis(ms), &texts.units);
    let fill = |text: &str, what: &str| text.replace("{what}", what);
    match &record.act {
        ModerationAction::Remove { ids } => {
            let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
            fill(operator.did_remove, &ids.join(", "))
        }
        ModerationAction::Ban { name, for_ms: 0, .. } => fill(operator.did_send_away, name),
        ModerationAction::Ban { name, for_ms, .. } => {
            operator.did_ban.replace("{time}", &time(*for_ms)).replace("{what}", name)
        }
        ModerationAction::Unban { name, .. } => fill(operator.did_pardon, name),
        ModerationAction::Slow { interval_ms: 0 } => operator.did_slow_off.to_owned(),
        ModerationAction::Slow { interval_ms } => operator.did_slow.replace("{time}", &time(*interval_ms)),
        ModerationAction::Announce { text: Some(text) } => fill(operator.did_announce, text),
        ModerationAction::Announce { text: None } => operator.did_announce_nothing.to_owned(),
    }
}

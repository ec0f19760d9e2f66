//! `/operator`: the operator's pages, forms without a script.

use std::time::Duration;

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

use super::{
    AttemptError, Credential, FormError,
    command::ModerationForm,
    execute, parse,
    report_rows::ReportSection,
    reports,
    rules_part::{self, RulesPart},
    select::SelectOption,
};
use crate::{
    backplane::{
        Audit, Ban, Cursor, ModerationAction, ModerationLog, ModerationOutcome, ModerationRecord, Page, Unavailable,
        is_for_good,
    },
    protocol::{Door, Id, Rules},
    session::{NotSignedIn, SignedIn},
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
const BANS: [&str; 7] = ["0s", "10m", "1h", "1d", "7d", "30d", "forever"];
const MUTES: [&str; 4] = ["10m", "1h", "1d", "forever"];
const DOORS: [&str; 5] = ["0s", "10m", "1h", "1d", "forever"];
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
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    match web.present_moderator(peer, &headers, signed_in).await {
        Ok(Some(_)) => {}
        Ok(None) => return login_page(locale, StatusCode::OK, None),
        // The cookie is removed: a browser would present it again with each request.
        Err(AttemptError::Wrong) => return (removal(&web), login_page(locale, StatusCode::OK, None)).into_response(),
        Err(error) => return refused(locale, error),
    }
    let Query(query) = query.unwrap_or_default();
    let texts = &Texts::of(locale).operator;
    let result = match query.result.as_deref() {
        Some("done") => Some(texts.done),
        Some("nothing") => Some(texts.nothing),
        Some("no_address") => Some(texts.no_address),
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
    signed_in: Result<SignedIn, NotSignedIn>,
    form: Result<Form<ModerationForm>, FormRejection>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    let moderator = match web.present_moderator(peer, &headers, signed_in).await {
        Ok(Some(moderator)) => moderator,
        Ok(None) | Err(AttemptError::Wrong) => return (removal(&web), Redirect::to("/operator")).into_response(),
        Err(error) => return refused(locale, error),
    };
    let texts = &Texts::of(locale).operator;
    let Form(form) = form.unwrap_or_default();
    let executed = match parse(&web.room, form).await {
        Ok(command) => {
            let audit = web.audit(moderator, peer, &headers, command.why.clone());
            execute(&web.room, command, audit).await
        }
        Err(FormError::Invalid(_)) => {
            return moderation_page(&web, locale, StatusCode::UNPROCESSABLE_ENTITY, None, Some(texts.wrong)).await;
        }
        Err(FormError::Gone) => Ok(ModerationOutcome::Nothing),
        Err(FormError::Unavailable) => Err(Unavailable),
    };
    match executed {
        Ok(ModerationOutcome::Done) => Redirect::to("/operator?said=done").into_response(),
        Ok(ModerationOutcome::Nothing) => Redirect::to("/operator?said=nothing").into_response(),
        Ok(ModerationOutcome::NoAddress) => Redirect::to("/operator?said=no_address").into_response(),
        Err(Unavailable) => {
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
    let moderator = match web.present_token(Credential::Form, peer, &headers, login.token.trim()).await {
        Ok(moderator) => moderator,
        Err(error) => return refused(locale, error),
    };
    let Some(operator) = &web.operator else { return error::unavailable(locale) };
    match operator.begin(&moderator).await {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/operator")).into_response(),
        Err(_) => error::unavailable(locale),
    }
}

/// `POST /operator/leave`: signs the operator out.
/// A session that a site has handed in ends in the room.
pub async fn sign_out(
    State(web): State<Web>,
    locale: Locale,
    PeerIp(peer): PeerIp,
    headers: HeaderMap,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    if !web.site.allows_post(&headers, peer) {
        return error::foreign(locale);
    }
    if let Some((operator, id)) = web.operator.as_ref().and_then(|one| one.sent_cookie(&headers).map(|id| (one, id)))
        && operator.end(&id).await.is_err()
    {
        return error::unavailable(locale);
    }
    let is_handed_in = signed_in.is_ok_and(|signed_in| web.is_handed_in_moderator(&signed_in));
    (removal(&web), Redirect::to(if is_handed_in { "/" } else { "/operator" })).into_response()
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
    let read = tokio::join!(
        web.room.moderation_log(),
        web.room.page(cursor, MESSAGES),
        reports::read(&web.room, reports::LISTED)
    );
    let (Ok(moderation_log), Ok(page), Ok(queue)) = read else { return error::unavailable(locale) };
    let now = u64::try_from(web.room.now().as_millis()).unwrap_or(u64::MAX);
    let texts = Texts::of(locale);
    let parts = (ReportSection::new(&queue, texts), RulesPart::new(&moderation_log.auto, texts));
    error::html(status, &ModerationPage::new(locale, web.room.rules(), now, &moderation_log, &page, parts, result))
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
    reports: ReportSection,
    notice: String,
    intervals: Vec<SelectOption>,
    rules: RulesPart,
    doors: [DoorForm; 2],
    ban_durations: Vec<SelectOption>,
    mute_durations: Vec<SelectOption>,
    /// Banned names, and until when.
    bans: Vec<(String, String)>,
    /// Muted names, and until when.
    mutes: Vec<(String, String)>,
    messages: Vec<ModerationRow>,
    /// The id before which there are more messages.
    earlier: Option<String>,
    /// Actions of the moderation log, newest first.
    acts: Vec<LogRow>,
}

/// The form of a door.
struct DoorForm {
    act: &'static str,
    title: &'static str,
    label: &'static str,
    /// Whether it is shut, and until when.
    state: Option<String>,
    text: String,
    durations: Vec<SelectOption>,
}

/// A message that can be deleted.
struct ModerationRow {
    id: String,
    clock: String,
    from: String,
    text: String,
}

/// An action of the moderation log.
struct LogRow {
    act: String,
    /// The moderator, their network and the reason.
    audit: String,
    clock: String,
}

impl ModerationPage {
    fn new(
        locale: Locale,
        rules: Rules,
        now: u64,
        moderation_log: &ModerationLog,
        page: &Page,
        (reports, rules_part): (ReportSection, RulesPart),
        result: Option<&'static str>,
    ) -> Self {
        let texts = Texts::of(locale);
        let listed = |bans: &[Ban]| bans.iter().map(|ban| (ban.name.clone(), until(ban, now, texts))).collect();
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
            reports,
            rules: rules_part,
            notice: rules.notice.unwrap_or_default(),
            doors: [
                DoorForm::new("read_only", rules.read_only.as_ref(), now, texts),
                DoorForm::new("closed", rules.closed.as_ref(), now, texts),
            ],
            intervals: select_options(&INTERVALS, texts.operator.slow_off, rules.slow_ms, texts),
            ban_durations: select_options(&BANS, texts.operator.ban_not, 3_600_000, texts),
            mute_durations: select_options(&MUTES, "", 600_000, texts),
            bans: listed(&moderation_log.bans),
            mutes: listed(&moderation_log.mutes),
            messages: messages.collect(),
            earlier: page.rows.first().filter(|_| page.more).map(|first| first.id().to_string()),
            acts: moderation_log
                .acts
                .iter()
                .map(|record| LogRow {
                    act: describe(record, texts),
                    audit: describe_audit(record, texts),
                    clock: chat::format_clock(record.at),
                })
                .collect(),
        }
    }
}

impl DoorForm {
    fn new(act: &'static str, door: Option<&Door>, now: u64, texts: &Texts) -> Self {
        let operator = &texts.operator;
        let door = door.filter(|door| door.is_shut(now));
        let (title, label) = match act {
            "closed" => (operator.closed, operator.closed_label),
            _ => (operator.read_only, operator.read_only_label),
        };
        let until = |until: u64| operator.ban_until.replace("{until}", &chat::format_clock(until));
        let state = |door: &Door| door.until.map_or(operator.door_until_opened.to_owned(), until);
        Self {
            act,
            title,
            label,
            state: door.map(state),
            text: door.and_then(|door| door.text.clone()).unwrap_or_default(),
            durations: select_options(&DOORS, operator.door_open, 0, texts),
        }
    }
}

fn select_options(values: &[&'static str], none: &str, selected_ms: u64, texts: &Texts) -> Vec<SelectOption> {
    let option = |value: &&'static str| {
        let Ok(duration) = humantime::parse_duration(value) else {
            return SelectOption { value: (*value).into(), label: texts.operator.for_good.to_owned(), selected: false };
        };
        let label = if duration.is_zero() { none.to_owned() } else { format_rounded_up(duration, &texts.units) };
        SelectOption { value: (*value).into(), label, selected: duration == Duration::from_millis(selected_ms) }
    };
    values.iter().map(option).collect()
}

/// Describes when a ban or mute ends. `now` in Unix milliseconds.
fn until(ban: &Ban, now: u64, texts: &Texts) -> String {
    let until = if is_for_good(ban.until.saturating_sub(now)) {
        texts.operator.for_good.to_owned()
    } else {
        texts.operator.ban_until.replace("{until}", &chat::format_clock(ban.until))
    };
    with_address(until, ban.address, texts)
}

/// Adds that a ban or mute includes the address.
fn with_address(text: String, address: bool, texts: &Texts) -> String {
    if address { format!("{text}, {}", texts.operator.address_included) } else { text }
}

/// Describes an action of the moderation log in a sentence.
fn describe(record: &ModerationRecord, texts: &Texts) -> String {
    let operator = &texts.operator;
    let time = |ms: u64| format_rounded_up(Duration::from_millis(ms), &texts.units);
    let lasting = |ms: u64| {
        if is_for_good(ms) { operator.for_good.to_owned() } else { operator.lasting.replace("{time}", &time(ms)) }
    };
    let door = |did: &str, for_ms: Option<u64>, text: Option<&str>| {
        let lasting = for_ms.map(|ms| format!(" {}", lasting(ms))).unwrap_or_default();
        let text = text.map(|text| format!(": {text}")).unwrap_or_default();
        format!("{did}{lasting}{text}")
    };
    let fill = |text: &str, what: &str| text.replace("{what}", what);
    let messages = |ids: &[Id]| {
        let ids: Vec<String> = ids.iter().map(Id::to_string).collect();
        let of = if record.whom.is_empty() { String::new() } else { format!(" ({})", record.whom.join(", ")) };
        ids.join(", ") + &of
    };
    match &record.act {
        ModerationAction::Remove { ids } => fill(operator.did_remove, &messages(ids)),
        ModerationAction::Dismiss { ids } => fill(operator.did_dismiss, &messages(ids)),
        ModerationAction::Ban { name, for_ms: 0, .. } => fill(operator.did_send_away, name),
        ModerationAction::Ban { name, for_ms, address, .. } => {
            with_address(fill(&operator.did_ban.replace("{time}", &lasting(*for_ms)), name), *address, texts)
        }
        ModerationAction::Mute { name, for_ms, address, .. } => {
            with_address(fill(&operator.did_mute.replace("{time}", &lasting(*for_ms)), name), *address, texts)
        }
        ModerationAction::Unmute { name, .. } => fill(operator.did_unmute, name),
        ModerationAction::Unban { name, .. } => fill(operator.did_pardon, name),
        ModerationAction::Slow { interval_ms: 0 } => operator.did_slow_off.to_owned(),
        ModerationAction::Slow { interval_ms } => operator.did_slow.replace("{time}", &time(*interval_ms)),
        ModerationAction::ReadOnly { for_ms: Some(0), .. } => operator.did_read_only_off.to_owned(),
        ModerationAction::ReadOnly { for_ms, text } => door(operator.did_read_only, *for_ms, text.as_deref()),
        ModerationAction::Closed { for_ms: Some(0), .. } => operator.did_closed_off.to_owned(),
        ModerationAction::Closed { for_ms, text } => door(operator.did_closed, *for_ms, text.as_deref()),
        ModerationAction::Rules(change) => rules_part::describe(change, texts),
        ModerationAction::Announce { text: Some(text) } => fill(operator.did_announce, text),
        ModerationAction::Announce { text: None } => operator.did_announce_nothing.to_owned(),
    }
}

/// Describes who acted, from where and why.
fn describe_audit(record: &ModerationRecord, texts: &Texts) -> String {
    let Audit { by, from, why } = &record.audit;
    let who = texts.operator.did_by.replace("{from}", from).replace("{by}", by);
    match why {
        _ if by.is_empty() => String::new(),
        Some(why) => format!("{who}: {why}"),
        None => who,
    }
}

//! `/operator`: the operator's pages, forms without a script.

use askama::Template;
use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    AttemptError, Credential, FormError, command::ModerationForm, execute, moderation_page::ModerationPage, parse,
    report_rows::ReportSection, reports, rules_part::RulesPart,
};
use crate::{
    backplane::{Cursor, ModerationOutcome, Unavailable},
    protocol::Id,
    session::{NotSignedIn, SignedIn},
    web::{Web, assets, client::Client, error, locale::Locale, texts::Texts},
};

/// Messages per page.
const MESSAGES: usize = 50;

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
    client: Client,
    query: Result<Query<ModerationQuery>, QueryRejection>,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    match web.present_moderator(&client, signed_in).await {
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
    client: Client,
    signed_in: Result<SignedIn, NotSignedIn>,
    form: Result<Form<ModerationForm>, FormRejection>,
) -> Response {
    if !web.allows_post(&client) {
        return error::foreign(locale);
    }
    let moderator = match web.present_moderator(&client, signed_in).await {
        Ok(Some(moderator)) => moderator,
        Ok(None) | Err(AttemptError::Wrong) => return (removal(&web), Redirect::to("/operator")).into_response(),
        Err(error) => return refused(locale, error),
    };
    let texts = &Texts::of(locale).operator;
    let Form(form) = form.unwrap_or_default();
    let executed = match parse(&web.room, form).await {
        Ok(command) => {
            let audit = web.audit(moderator, &client, command.why.clone());
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
    client: Client,
    login: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    if !web.allows_post(&client) {
        return error::foreign(locale);
    }
    let Form(login) = login.unwrap_or_default();
    let moderator = match web.present_token(Credential::Form, &client, login.token.trim()).await {
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
    client: Client,
    signed_in: Result<SignedIn, NotSignedIn>,
) -> Response {
    if !web.allows_post(&client) {
        return error::foreign(locale);
    }
    if let Some((operator, id)) =
        web.operator.as_ref().and_then(|one| one.sent_cookie(&client.headers).map(|id| (one, id)))
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
    let now = web.room.now_ms();
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

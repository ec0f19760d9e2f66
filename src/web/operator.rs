//! Moderation by the operator: a page, and an HTTP API.

mod access;
mod api;
mod attempt;
mod auth;
mod command;
mod export;
mod lines;
mod log;
mod moderation_page;
mod pages;
mod recognition;
mod report_rows;
mod reports;
mod rules_part;
mod select;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header::CONTENT_SECURITY_POLICY},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{get, post},
};

use self::{
    attempt::{AttemptError, Credential},
    command::{CommandError, ModerationCommand, ModerationForm},
};
pub use self::{
    auth::{Moderator, OperatorAuth},
    recognition::recognise,
};
use super::{Web, client::Client};
use crate::{
    address::prefix,
    backplane::{Audit, Cursor, ModerationAction, ModerationOutcome, ModerationRequest, REMOVED_AT_ONCE, Unavailable},
    name::{Name, NameKey},
    protocol::{Id, Message, Row},
    room::Room,
    session::{NotSignedIn, SignedIn},
};

/// Messages that are looked at, and deleted, at a time.
const PAGE: usize = REMOVED_AT_ONCE;

/// The routes of an installation with an operator.
pub fn router(web: &Web) -> Router<Web> {
    let api = Router::new()
        .route("/api/operator", get(api::report).post(api::moderate))
        .route("/api/operator/me", get(api::me))
        .route("/api/operator/person", get(api::person))
        .route("/api/operator/log", get(log::show))
        .route("/api/operator/export", get(export::show))
        .route("/api/operator/reports", get(reports::list).post(api::moderate))
        .route("/api/reports", post(reports::submit))
        .method_not_allowed_fallback(api::other_method);
    Router::new()
        .route("/operator", get(pages::show).post(pages::moderate))
        .route("/operator/enter", post(pages::sign_in))
        .route("/operator/leave", post(pages::sign_out))
        .merge(api)
        .layer(from_fn_with_state(web.clone(), forbid_frames))
}

/// Adds a policy to the site's: a site that shows the room in a frame could make a moderator press a button. One whom the site
/// has handed in moderates in its frame: such a site needs no trick.
async fn forbid_frames(
    State(web): State<Web>,
    signed_in: Result<SignedIn, NotSignedIn>,
    request: Request,
    next: Next,
) -> Response {
    let is_handed_in = signed_in.is_ok_and(|signed_in| web.is_handed_in_moderator(&signed_in));
    let mut response = next.run(request).await;
    if !is_handed_in {
        response.headers_mut().append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'"));
    }
    response
}

impl Web {
    /// Returns who acts, from where and why, as it is put on record.
    fn audit(&self, moderator: Moderator, client: &Client, why: Option<String>) -> Audit {
        Audit { by: moderator.name, from: prefix(client.address), why }
    }
}

/// Why a form is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormError {
    /// A field is not valid.
    Invalid(CommandError),
    /// The message whose sender is meant is deleted or no longer stored.
    Gone,
    /// The room cannot be reached.
    Unavailable,
}

/// Parses a form. A command that names a message in place of a person is about its sender, and deletes the message too.
async fn parse(room: &Room, form: ModerationForm) -> Result<ModerationCommand, FormError> {
    let Some(id) = form.message_of_person().map_err(FormError::Invalid)? else {
        return form.command().map_err(FormError::Invalid);
    };
    let page = room.page(Cursor::Around(id), 1).await.map_err(|Unavailable| FormError::Unavailable)?;
    let message = page.rows.iter().filter_map(Row::message).find(|message| message.id == id);
    let form = form.about(&message.ok_or(FormError::Gone)?.from);
    let command = form.command().map_err(FormError::Invalid)?;
    Ok(ModerationCommand { message: Some(id), ..command })
}

/// Executes a command. The log line has the kind of the action and nothing a person wrote.
async fn execute(room: &Room, command: ModerationCommand, audit: Audit) -> Result<ModerationOutcome, Unavailable> {
    let ModerationCommand { act, messages_of, message, .. } = command;
    let kind = act.as_ref().map_or("purge", kind);
    let mut done = false;
    if let Some(action) = act {
        match apply(room, action, &audit).await? {
            ModerationOutcome::NoAddress => return Ok(ModerationOutcome::NoAddress),
            outcome => done = outcome == ModerationOutcome::Done,
        }
    }
    if let Some(id) = message {
        done |= apply(room, ModerationAction::Remove { ids: vec![id] }, &audit).await? == ModerationOutcome::Done;
    }
    if let Some(name_key) = messages_of {
        done |= purge(room, &name_key, &audit).await?;
    }
    tracing::info!(kind, done, "moderation action");
    Ok(if done { ModerationOutcome::Done } else { ModerationOutcome::Nothing })
}

async fn apply(room: &Room, action: ModerationAction, audit: &Audit) -> Result<ModerationOutcome, Unavailable> {
    let request = ModerationRequest { action, audit: audit.clone() };
    room.moderate(request).await
}

/// Deletes all messages of a name that are stored, however it was written. Repeating it does no harm.
async fn purge(room: &Room, name_key: &NameKey, audit: &Audit) -> Result<bool, Unavailable> {
    let mut done = false;
    let mut cursor = Cursor::Newest;
    loop {
        let page = room.stored_page(cursor, PAGE).await?;
        let is_theirs = |message: &&Message| Name::parse(&message.from).is_ok_and(|name| name.key() == name_key);
        let theirs = page.rows.iter().filter_map(Row::message).filter(is_theirs);
        let ids: Vec<Id> = theirs.map(|message| message.id).collect();
        if !ids.is_empty() {
            done |= apply(room, ModerationAction::Remove { ids }, audit).await? == ModerationOutcome::Done;
        }
        match page.rows.first() {
            Some(oldest) if page.more => cursor = Cursor::Before(oldest.id()),
            _ => return Ok(done),
        }
    }
}

fn kind(act: &ModerationAction) -> &'static str {
    match act {
        ModerationAction::Remove { .. } => "remove",
        ModerationAction::Dismiss { .. } => "dismiss",
        ModerationAction::Ban { .. } => "ban",
        ModerationAction::Unban { .. } => "pardon",
        ModerationAction::Mute { .. } => "mute",
        ModerationAction::Unmute { .. } => "unmute",
        ModerationAction::Slow { .. } => "slow",
        ModerationAction::ReadOnly { .. } => "read_only",
        ModerationAction::Closed { .. } => "closed",
        ModerationAction::Rules(_) => "rules",
        ModerationAction::Announce { .. } => "announce",
    }
}

//! Why a sign-in is refused: status, sentence and code.

use std::{borrow::Cow, time::Duration};

use axum::{http::StatusCode, response::Response};

use super::SignInPage;
use crate::{
    backplane::is_for_good,
    name::NameError,
    session::{SignInDenied, TokenError},
    telemetry::instruments,
    web::{
        Web, error,
        locale::Locale,
        texts::{Texts, format_rounded_up},
    },
};

/// When to try again if Redis is nearly full: sessions that never join have expired by then.
const FULL_RETRY_SECONDS: &str = "120";

/// Why a sign-in is refused.
#[derive(Clone, Copy)]
pub enum SignInRefusal {
    Name(NameError),
    Held {
        left: Option<Duration>,
    },
    NoCookies,
    /// The name belongs to a program.
    Reserved,
    /// The name belongs to an account of the site.
    OfAccount,
    /// Only a moderator may take the name.
    OfModerator,
    /// The name has a listed word.
    Word,
    /// The token is not accepted.
    Token(TokenError),
    /// The installation does not offer this way to sign in.
    NotOffered,
    /// Moderators have closed the room to newcomers.
    Closed,
    Banned {
        left: Duration,
    },
    TooMany {
        seconds: u64,
    },
    Full,
    Unavailable,
}

impl From<SignInDenied> for SignInRefusal {
    fn from(denied: SignInDenied) -> Self {
        match denied {
            SignInDenied::TooMany(wait) => Self::too_many(wait),
            SignInDenied::Full => Self::Full,
            SignInDenied::Unavailable => Self::Unavailable,
        }
    }
}

impl SignInRefusal {
    /// Too many sign-ins; the next is allowed after this time.
    pub fn too_many(wait: Duration) -> Self {
        Self::TooMany { seconds: wait.as_secs() + 1 }
    }

    /// The form again, with the typed name and the reason.
    pub fn respond(self, web: &Web, locale: Locale, typed: &str) -> Response {
        instruments().signed_in(self.code());
        let texts = Texts::of(locale);
        let reason = self.reason(texts);
        if let Self::Closed = self {
            // No other name would help: it is no error of the field.
            let notice = web.closed_notice(texts).unwrap_or_else(|| reason.into_owned());
            let page = SignInPage { notice: Some(&notice), ..SignInPage::new(web, locale, typed, None) };
            return page.respond(self.status());
        }
        self.with_retry_after(SignInPage::new(web, locale, typed, Some(&reason)).respond(self.status()))
    }

    /// The reason as JSON, with its code.
    pub fn respond_json(self, locale: Locale) -> Response {
        instruments().signed_in(self.code());
        self.with_retry_after(error::json_code(self.status(), self.code(), &self.reason(Texts::of(locale))))
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Name(_) | Self::Word | Self::Token(TokenError::Name(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Held { .. } | Self::Reserved | Self::OfAccount | Self::OfModerator => StatusCode::CONFLICT,
            Self::NoCookies => StatusCode::BAD_REQUEST,
            Self::Banned { .. } | Self::Token(_) | Self::NotOffered | Self::Closed => StatusCode::FORBIDDEN,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Full | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn with_retry_after(self, response: Response) -> Response {
        match self {
            Self::TooMany { seconds } => error::with_retry_after(response, &seconds.to_string()),
            Self::Full => error::with_retry_after(response, FULL_RETRY_SECONDS),
            Self::Unavailable => error::with_retry_after(response, error::RETRY_SECONDS),
            _ => response,
        }
    }

    /// The code for programs and in metrics.
    fn code(self) -> &'static str {
        match self {
            Self::Name(_) => "bad_name",
            Self::Held { .. } => "held",
            Self::NoCookies => "no_cookies",
            Self::Reserved => "reserved",
            Self::OfAccount => "of_account",
            Self::OfModerator => "of_moderator",
            Self::Word => "word",
            Self::Token(error) => error.code(),
            Self::NotOffered => "not_offered",
            Self::Closed => "closed",
            Self::Banned { .. } => "banned",
            Self::TooMany { .. } => "too_many",
            Self::Full => "full",
            Self::Unavailable => "unavailable",
        }
    }

    fn reason(self, texts: &Texts) -> Cow<'_, str> {
        let Texts { sign_in, units, .. } = texts;
        let reason = match self {
            Self::Banned { left } if is_for_good(u64::try_from(left.as_millis()).unwrap_or(u64::MAX)) => {
                sign_in.banned_for_good
            }
            Self::Banned { left } => return sign_in.banned.replace("{left}", &format_rounded_up(left, units)).into(),
            Self::Held { left: Some(left) } => {
                return sign_in.reserved.replace("{left}", &format_rounded_up(left, units)).into();
            }
            Self::Name(error) | Self::Token(TokenError::Name(error)) => match error {
                NameError::Empty => sign_in.empty,
                NameError::TooLong => sign_in.too_long,
                NameError::Invisible => sign_in.invisible,
                NameError::Unknown => sign_in.unknown,
                NameError::Marks => sign_in.marks,
            },
            Self::Token(error) => match error {
                TokenError::Signature => sign_in.token_signature,
                TokenError::Algorithm => sign_in.token_algorithm,
                TokenError::Audience => sign_in.token_audience,
                TokenError::Expired => sign_in.token_expired,
                TokenError::Early => sign_in.token_early,
                TokenError::Replayed => sign_in.token_replayed,
                TokenError::Malformed | TokenError::Name(_) => sign_in.token_malformed,
            },
            Self::Held { left: None } => sign_in.held,
            Self::NoCookies => sign_in.no_cookies,
            Self::Reserved => sign_in.of_program,
            Self::OfAccount => sign_in.of_account,
            Self::OfModerator => sign_in.of_moderator,
            Self::Word => sign_in.word,
            Self::NotOffered => sign_in.elsewhere,
            Self::Closed => sign_in.closed,
            Self::TooMany { .. } => sign_in.too_many,
            Self::Full => sign_in.full,
            Self::Unavailable => sign_in.unavailable,
        };
        reason.into()
    }
}

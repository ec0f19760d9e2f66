//! The page about stored data and its lifetimes.

use std::time::Duration;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    Web, assets,
    branding::branding,
    error,
    locale::Locale,
    texts::{Texts, format_duration},
};
use crate::backplane::ACTS_KEPT;

/// The retention settings, as shown to people.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Number of messages in the history.
    pub history: usize,
    /// The largest age of a message, if limited.
    pub history_age: Option<Duration>,
    /// How long a name stays reserved after its person left.
    pub name_hold: Duration,
    /// How long a session lives without use.
    pub session_idle: Duration,
    /// How long a session lives at most.
    pub session_max: Duration,
}

/// `GET /privacy`.
pub async fn show(State(web): State<Web>, locale: Locale) -> Response {
    let texts = Texts::of(locale);
    let lead = texts.privacy.lead.replace("{title}", branding().title());
    let items = web.retention.describe(texts, web.operator.is_some());
    error::html(StatusCode::OK, &PrivacyPage { texts, locale, base: assets::base(), lead, items })
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct PrivacyPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    lead: String,
    /// Stored data: title and description.
    items: Vec<(&'static str, String)>,
}

impl Retention {
    fn describe(self, texts: &Texts, is_moderated: bool) -> Vec<(&'static str, String)> {
        let (privacy, units) = (&texts.privacy, &texts.units);
        let time = |duration| format_duration(duration, units);
        let messages = match self.history_age {
            Some(age) => privacy.messages_with_age.replace("{age}", &time(age)),
            None => privacy.messages.to_owned(),
        };
        let session = privacy.session.replace("{idle}", &time(self.session_idle));
        let acts = units.number(u64::try_from(ACTS_KEPT).unwrap_or(u64::MAX));
        let moderation = (privacy.moderation_title, privacy.moderation.replace("{acts}", &acts));
        let mut items = vec![
            (privacy.name_title, privacy.name.replace("{hold}", &time(self.name_hold))),
            (
                privacy.messages_title,
                messages.replace("{count}", &units.number(u64::try_from(self.history).unwrap_or(u64::MAX))),
            ),
            (privacy.session_title, session.replace("{max}", &time(self.session_max))),
            (privacy.device_title, privacy.device.to_owned()),
            (privacy.address_title, privacy.address.to_owned()),
            (privacy.copies_title, privacy.copies.to_owned()),
            (privacy.others_title, privacy.others.to_owned()),
        ];
        if is_moderated {
            items.insert(items.len() - 2, moderation);
        }
        items
    }
}

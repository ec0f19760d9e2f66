//! What is kept about people, and for how long.

use std::time::Duration;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    Web, assets, error,
    locale::Locale,
    texts::{Texts, spoken},
};

/// How long things are kept, as far as the operator chose it.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Messages kept.
    pub history: usize,
    /// How old a kept message gets.
    pub history_age: Option<Duration>,
    /// How long a name is held for who left.
    pub name_hold: Duration,
    /// How long a session lives that nobody uses.
    pub session_idle: Duration,
    /// How long a session lives at most.
    pub session_max: Duration,
}

/// `GET /privacy`: the page that says so.
pub async fn page(State(web): State<Web>, locale: Locale) -> Response {
    let texts = Texts::of(locale);
    let told = web.retention.tell(texts);
    error::html(StatusCode::OK, &Page { texts, locale, base: assets::base(), told })
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Page {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    /// Each thing that is kept: what, and why and how long.
    told: Vec<(&'static str, String)>,
}

impl Retention {
    fn tell(self, texts: &Texts) -> Vec<(&'static str, String)> {
        let (privacy, units) = (&texts.privacy, &texts.units);
        let time = |duration| spoken(duration, units);
        let messages = match self.history_age {
            Some(age) => privacy.messages_with_age.replace("{age}", &time(age)),
            None => privacy.messages.to_owned(),
        };
        let session = privacy.session.replace("{idle}", &time(self.session_idle));
        vec![
            (privacy.name_title, privacy.name.replace("{hold}", &time(self.name_hold))),
            (
                privacy.messages_title,
                messages.replace("{count}", &units.number(u64::try_from(self.history).unwrap_or(u64::MAX))),
            ),
            (privacy.session_title, session.replace("{max}", &time(self.session_max))),
            (privacy.device_title, privacy.device.to_owned()),
            (privacy.address_title, privacy.address.to_owned()),
            (privacy.others_title, privacy.others.to_owned()),
        ]
    }
}

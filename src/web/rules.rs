//! `GET /rules`: the rules of the room, as its host wrote them.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{assets, branding::branding, error, locale::Locale, texts::Texts};

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    texts: &'static Texts,
    locale: Locale,
    base: String,
    /// The lines of each paragraph.
    paragraphs: Vec<Vec<&'static str>>,
}

/// `GET /rules`; without rules there is no such page.
pub async fn show(locale: Locale) -> Response {
    let Some(rules) = branding().rules() else { return error::not_found(locale).await };
    let page = RulesPage { texts: Texts::of(locale), locale, base: assets::base(), paragraphs: paragraphs(rules) };
    error::html(StatusCode::OK, &page)
}

/// Divides a text at its empty lines.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty()).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_divide_paragraphs() {
        assert_eq!(
            paragraphs("\n1. Sopan\n2. Jujur  \r\n\n\n Salam\n"),
            [vec!["1. Sopan", "2. Jujur"], vec![" Salam"]]
        );
    }
}

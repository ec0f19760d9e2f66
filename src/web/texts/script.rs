//! Texts of the page's script.

use serde::Serialize;

use super::Counted;

/// Texts of a report, with the placeholder `{username}`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Report {
    pub item: &'static str,
    pub title: &'static str,
    pub reason: &'static str,
    pub send: &'static str,
    pub cancel: &'static str,
    pub sent: &'static str,
    pub failed: &'static str,
}

/// Texts of the script, embedded in the page as JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Script {
    pub lang: &'static str,
    pub joined: &'static str,
    pub joined_counted: Counted,
    pub left: &'static str,
    pub left_counted: Counted,
    pub you: &'static str,
    pub menu: &'static str,
    pub menu_of: &'static str,
    pub bot: &'static str,
    pub mute: &'static str,
    pub unmute: &'static str,
    pub muted: &'static str,
    pub mention: &'static str,
    pub copy: &'static str,
    pub copied: &'static str,
    pub copy_failed: &'static str,
    pub undo: &'static str,
    pub report: Report,
    pub reply: &'static str,
    pub edit: &'static str,
    pub remove: &'static str,
    pub edited: &'static str,
    pub replying_to: &'static str,
    pub editing: &'static str,
    pub quote_removed: &'static str,
    pub quote_gone: &'static str,
    pub deleted: &'static str,
    pub not_yours: &'static str,
    pub refused_edit: &'static str,
    pub as_new: &'static str,
    pub unread: &'static str,
    pub unread_counted: Counted,
    pub show_more: &'static str,
    pub show_less: &'static str,
    pub gap: &'static str,
    pub gap_counted: Counted,
    pub gap_load: &'static str,
    pub loading: &'static str,
    pub load_failed: &'static str,
    pub removed: &'static str,
    pub sending: &'static str,
    pub waiting: &'static str,
    pub refused_too_long: &'static str,
    pub refused_unsure: &'static str,
    pub refused_stale: &'static str,
    pub refused_word: &'static str,
    pub refused_link: &'static str,
    pub refused_newcomer: &'static str,
    pub refused_repeat: &'static str,
    pub refused_muted: &'static str,
    pub refused_read_only: &'static str,
    pub refused: &'static str,
    pub again: &'static str,
    pub discard: &'static str,
    pub connecting: &'static str,
    pub offline: &'static str,
    pub offline_here: &'static str,
    pub offline_in: &'static str,
    pub retry: &'static str,
    pub unsubscribed: &'static str,
    pub gateway: &'static str,
    pub gateway_link: &'static str,
    pub sockets_blocked: &'static str,
    pub address_crowded: &'static str,
    pub stopped: &'static str,
    pub outdated: &'static str,
    pub reload: &'static str,
    pub signed_out: &'static str,
    pub typing_one: &'static str,
    pub typing_two: &'static str,
    pub typing_many: Counted,
    pub people_more: &'static str,
    pub is_muted: &'static str,
    pub left_over: Counted,
    pub too_many: Counted,
    pub newest: &'static str,
    pub newest_counted: Counted,
    pub mentions: Counted,
    pub text_only: &'static str,
    pub slow: Counted,
    pub slow_left: &'static str,
    pub read_only: &'static str,
}

impl Script {
    /// Encodes the texts as JSON for a `<script>` element. It contains no `<`, which could end the element.
    pub fn json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Texts, en, id},
        *,
    };

    #[test]
    fn script_json_cannot_end_its_element() {
        let script = Script { again: "</script><!--", ..id::TEXTS.script };
        let json = script.json();
        assert!(!json.contains(['<', '>']), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["again"], "</script><!--");
    }

    #[test]
    fn both_languages_have_the_same_placeholders() {
        let value = |texts: &Texts| serde_json::to_value(texts.script).unwrap();
        let (id, en) = (value(&id::TEXTS), value(&en::TEXTS));
        let id = id.as_object().unwrap().iter();
        let pairs =
            id.flat_map(|(key, text)| forms(text).into_iter().zip(forms(&en[key])).map(move |pair| (key, pair)));
        for (key, (id, en)) in pairs {
            for placeholder in ["{username}", "{count}", "{other}", "{seconds}", "{time}"] {
                assert_eq!(id.contains(placeholder), en.contains(placeholder), "{key}: {id:?} and {en:?}");
            }
        }
    }

    /// A text, or each of its forms.
    fn forms(text: &serde_json::Value) -> Vec<&str> {
        let forms = text.as_object().map(|forms| forms.values().collect()).unwrap_or_else(|| vec![text]);
        forms.into_iter().map(|form| form.as_str().unwrap()).collect()
    }
}

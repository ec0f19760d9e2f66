//! Rules that apply by themselves: set on the moderators' page, explained where they refuse a text.

use serde_json::json;

use super::{picture, signs_in};
use crate::kit::{
    Browser, Cluster, Engine,
    operator::{TOKEN, token_file},
};

const RULES: &str = "return fetch('/api/operator').then(response => response.json()).then(report => report.auto)";
const OVERFLOW: &str = "return document.documentElement.scrollWidth - innerWidth";
const OUTBOX: &str = "#outbox .delivery";

#[tokio::test]
async fn moderator_sets_rules_by_keyboard_and_on_a_phone() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let moderator = Browser::start("id").await;
    moderator.open(&format!("{}/operator", cluster.base(0))).await;
    moderator.enter("#token", TOKEN).await;
    moderator.shows("#rules", "Aturan otomatis").await;
    // Tab comes from one field to the next, and Enter sends the form.
    moderator.click("#rules-words").await;
    moderator.types("#rules-words", "spam\njual obat").await;
    moderator.presses("\u{e004}").await;
    moderator.presses("\u{e007}").await;
    moderator.shows(".result", "Berhasil.").await;
    moderator.screen(390, 844, true).await;
    assert_eq!(moderator.script(OVERFLOW, vec![]).await, 0);
    for next in ["Akhiri keempat aturan ini", "Redakan gelombang"] {
        moderator.click("#rules form:nth-of-type(1) button").await;
        moderator.shows("#rules form:nth-of-type(1)", next).await;
    }
    moderator.click("#rules form:nth-of-type(2) button").await;
    moderator.shows("#rules form:nth-of-type(2)", "Tampilkan semua lagi").await;
    moderator.click("#rules form:nth-of-type(3) button").await;
    moderator.shows("#rules form:nth-of-type(3)", "Izinkan pengulangan").await;
    for (select, value) in [("#rules-links", "600000ms"), ("#rules-newcomers", "300000ms")] {
        let choose = "const select = document.querySelector(arguments[0]); select.value = arguments[1]; select.form.requestSubmit()";
        moderator.script(choose, vec![select.into(), value.into()]).await;
        moderator.comes_to(&format!("return document.querySelector('{select} [selected]')?.value"), value).await;
    }
    let rules = json!({"words": ["spam", "jual obat"], "links": {"after_ms": 600_000},
        "newcomers": {"for_ms": 300_000, "interval_ms": 30_000}, "repeats": true, "reserved": [], "quiet": true});
    moderator.comes_to(RULES, rules).await;
    let small = "return Array.from(document.querySelectorAll('#rules button, #rules select'), part => part.getBoundingClientRect()) \
        .filter(({ height }) => height < 44).length";
    assert_eq!(moderator.script(small, vec![]).await, 0);
    moderator.shows("#acts", "Aturan: kata: 2").await;
    for colours in ["light", "dark"] {
        moderator.prefers("prefers-color-scheme", colours).await;
        moderator.is_accessible(&format!("{colours}: the rules on a phone")).await;
    }
    moderator.script("document.querySelector('#rules').scrollIntoView()", vec![]).await;
    picture(&moderator, "rules-phone").await;
    moderator.screen(1280, 1400, false).await;
    moderator.prefers("prefers-color-scheme", "light").await;
    moderator.script("document.querySelector('#rules').scrollIntoView()", vec![]).await;
    moderator.is_accessible("the rules on a desktop").await;
    picture(&moderator, "rules").await;
}

#[tokio::test]
async fn text_refused_stays_with_the_kind_of_rule() {
    let token = token_file();
    let cluster = Cluster::builder(Engine::Memory).with_operator(&token).start().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    let rules = json!({"act": "rules", "words": ["spam"], "links": "none"});
    crate::kit::operator::act(cluster.base(0), rules).await.is(200);
    sari.enter("#text", "ini spam").await;
    sari.shows(OUTBOX, "ada kata yang tidak diizinkan di sini").await;
    sari.shows("#outbox", "ini spam").await;
    sari.is_accessible("a refused text").await;
    sari.enter("#text", "lihat https://contoh.id").await;
    sari.shows("#outbox", "tautan tidak, atau belum, diizinkan di sini").await;
    picture(&sari, "rules-refused").await;
    crate::kit::operator::act(cluster.base(0), json!({"act": "rules", "words": []})).await.is(200);
    sari.click("#outbox li:first-child .delivery button").await;
    sari.shows("#timeline .message .text", "ini spam").await;
}

//! How the page looks, as far as it can be measured: positions, sizes, contrast.

use fantoccini::key::Key;
use serde_json::json;

use super::{CONNECTION, TEXT, alone, chooses, sari_alone, signs_in};
use crate::kit::{
    Browser, Cluster, Engine,
    operator::{act, token_file},
};

/// Returns the contrast of two CSS colours.
const CONTRAST: &str = "const channel = value => { const part = value / 255; \
        return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4 }; \
    const luminance = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(channel); \
        return 0.2126 * r + 0.7152 * g + 0.0722 * b }; \
    const contrast = (a, b) => { const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y); \
        return (high + 0.05) / (low + 0.05) };";
const FILL: &str = "const box = document.querySelector('#text'); box.value = arguments[0]; \
    box.dispatchEvent(new Event('input')); ";
const NOTICE: &str = "Server dipindahkan Sabtu malam pukul 22.00 sampai kira-kira 22.30. Selama itu pesan mungkin \
    terlambat; apa yang ditulis tidak hilang. Rinciannya di https://contoh.id/pindah, dan kalau ada yang aneh sesudahnya, \
    tulis saja di sini supaya kami lihat bersama. Terima kasih atas pengertiannya, dan selamat berakhir pekan.";

#[tokio::test]
async fn time_follows_the_last_word_and_owns_no_column() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    let mut citra = cluster.join(0, "citra").await;
    sari.screen(390, 844, true).await;
    citra.send_acked(&"kata ".repeat(60)).await;
    for length in 10..36 {
        let client = if length % 2 == 0 { &mut budi } else { &mut citra };
        client.send_acked(&"x".repeat(length)).await;
    }
    sari.shows(TEXT, &"x".repeat(35)).await;
    // Of each message: does the time stand on the last line, does it overlap the text, how much of the bubble is text.
    let layout = "return Array.from(document.querySelectorAll('#timeline .message'), message => { \
        const text = message.querySelector('.text'), range = document.createRange(); range.selectNodeContents(text); \
        const lines = [...range.getClientRects()], last = lines.at(-1), time = message.querySelector('time').getBoundingClientRect(); \
        const bubble = message.querySelector('.bubble').getBoundingClientRect(), widest = Math.max(...lines.map(line => line.width)); \
        const isBeside = time.top < last.bottom && time.bottom > last.top; \
        return [isBeside, !isBeside || time.left > last.right, widest / bubble.width > 0.75] })";
    let found = sari.script(layout, vec![]).await;
    assert_eq!(found[0][2], true, "a long text fills its bubble: {found}");
    assert_eq!(found[1][0], true, "beside a short text: {found}");
    let all = found.as_array().expect("a list");
    assert!(all.iter().any(|each| each[0] == false), "below a text that fills the line: {found}");
    assert!(all.iter().all(|each| each[1] == true), "no overlap: {found}");
}

#[tokio::test]
async fn messages_of_one_minute_share_one_time() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for text in ["satu", "dua", "tiga"] {
        budi.send_acked(text).await;
    }
    sari.shows(TEXT, "tiga").await;
    let times = "return [...document.querySelectorAll('#timeline time')].map(time => time.offsetWidth > 1)";
    let minutes =
        "return new Set(Array.from(document.querySelectorAll('#timeline time'), time => time.textContent)).size";
    for when in ["live", "reloaded"] {
        let shown = sari.script(times, vec![]).await;
        let count = shown.as_array().map_or(0, |shown| shown.iter().filter(|each| **each == true).count());
        assert_eq!(sari.script(minutes, vec![]).await, count, "{when}: {shown}");
        assert_eq!(shown[2], true, "{when}: the last one shows it");
        sari.reload().await;
        sari.comes_to(CONNECTION, "online").await;
    }
}

#[tokio::test]
async fn composer_takes_a_phones_width_and_send_stays() {
    let (_cluster, sari) = sari_alone().await;
    sari.screen(390, 844, true).await;
    let layout = "const rect = id => document.getElementById(id).getBoundingClientRect(), send = rect('send'); \
        return [rect('text').width / innerWidth > 0.75, send.width, send.left, send.bottom]";
    let empty = sari.script(layout, vec![]).await;
    assert_eq!(empty[0], true, "the box is narrow: {empty}");
    assert!(empty[1].as_f64().is_some_and(|width| (44.0..=48.0).contains(&width)), "Send is an icon: {empty}");
    for width in [390, 1100] {
        sari.screen(width, 844, width == 390).await;
        sari.script(FILL, vec![json!("")]).await;
        let empty = sari.script(layout, vec![]).await;
        for text in ["x".repeat(1950), "x".repeat(2100)] {
            sari.script(FILL, vec![json!(text)]).await;
            assert_ne!(sari.script("return document.querySelector('#counter').textContent", vec![]).await, "");
            assert_eq!(sari.script(layout, vec![]).await, empty, "{width} pixels");
        }
    }
    let fades = "const style = getComputedStyle(document.querySelector('#text')); \
        return [style.maskImage, style.webkitMaskImage].some(mask => mask?.includes('gradient'))";
    assert_eq!(sari.script(fades, vec![]).await, true, "lines at the edges fade");
}

#[tokio::test]
async fn slow_mode_counts_down_also_after_a_reload() {
    let (_token, cluster, sari) = moderated().await;
    act(cluster.base(0), json!({"act": "slow", "interval": "1m"})).await.is(200);
    sari.shows("#slow", "60 detik").await;
    sari.enter("#text", "halo").await;
    let counts =
        "return /^Pesan berikutnya dalam (0:[0-5]\\d|1:00)$/.test(document.querySelector('#slow-left').textContent)";
    sari.comes_to(counts, true).await;
    sari.reload().await;
    sari.comes_to(counts, true).await;
    act(cluster.base(0), json!({"act": "slow", "interval": "0s"})).await.is(200);
    sari.comes_to("return document.querySelector('#slow-left').textContent", "").await;
}

#[tokio::test]
async fn slow_mode_that_changes_keeps_what_is_typed() {
    let (_token, cluster, sari) = moderated().await;
    let slow = async |interval: &str, seconds: &str| {
        act(cluster.base(0), json!({"act": "slow", "interval": interval})).await.is(200);
        sari.shows("#slow", seconds).await;
    };
    let counts = "return /\\d:\\d\\d$/.test(document.querySelector('#slow-left').textContent)";
    let state = "return [document.querySelector('#text').value, document.activeElement.id, document.querySelector('#send').disabled]";
    slow("1m", "60 detik").await;
    sari.enter("#text", "satu").await;
    sari.shows(TEXT, "satu").await;
    sari.enter("#text", "dua").await;
    sari.types("#text", "tiga").await;
    sari.comes_to(counts, true).await;
    // Raised: the message goes on waiting.
    slow("1h", "3.600 detik").await;
    sari.comes_to(counts, true).await;
    sari.comes_to(state, json!(["tiga", "text", false])).await;
    assert_eq!(sari.texts("#outbox .text").await, ["dua"]);
    // Lowered: what waits is sent at the new pace.
    slow("2s", "2 detik").await;
    sari.shows(TEXT, "dua").await;
    sari.comes_to(state, json!(["tiga", "text", false])).await;
    sari.presses(&char::from(Key::Enter).to_string()).await;
    sari.shows(TEXT, "tiga").await;
    slow("1h", "3.600 detik").await;
    sari.enter("#text", "empat").await;
    sari.enter("#text", "lima").await;
    sari.types("#text", "enam").await;
    // Lifted: everything is sent at once.
    slow("0s", "").await;
    sari.shows(TEXT, "lima").await;
    sari.comes_to(counts, false).await;
    sari.comes_to(state, json!(["enam", "text", false])).await;
    assert_eq!(sari.texts(TEXT).await, ["satu", "dua", "tiga", "empat", "lima"]);
}

#[tokio::test]
async fn neighbours_have_avatars_that_differ_and_are_legible() {
    let (cluster, sari) = sari_alone().await;
    for n in 0..14 {
        cluster.join(0, &format!("{}rang", char::from(b'a' + n))).await.send_acked("halo").await;
    }
    let many = "return document.querySelectorAll('#timeline .message').length";
    sari.comes_to(many, 14).await;
    let neighbours = "const colours = Array.from(document.querySelectorAll('#timeline .avatar'), e => getComputedStyle(e).backgroundColor); \
        return colours.slice(1).filter((colour, n) => colour === colours[n]).length";
    let legible = format!(
        "{CONTRAST} return Array.from({{ length: 12 }}, (_, hue) => {{ const avatar = document.querySelector('#timeline .avatar'); \
            avatar.dataset.hue = hue; const style = getComputedStyle(avatar); return contrast(style.color, style.backgroundColor) }}) \
            .filter(found => found < 4.5)"
    );
    for when in ["live", "reloaded"] {
        assert_eq!(sari.script(neighbours, vec![]).await, 0, "{when}");
        sari.reload().await;
        sari.comes_to(many, 14).await;
    }
    for colours in ["light", "dark"] {
        sari.prefers("prefers-color-scheme", colours).await;
        assert_eq!(sari.script(&legible, vec![]).await, json!([]), "{colours}");
    }
}

#[tokio::test]
async fn deleted_message_keeps_its_name_and_avatar() {
    let (_token, cluster, sari) = moderated().await;
    let mut budi = cluster.join(0, "budi").await;
    let id = budi.send_acked("kata kasar").await;
    sari.shows(TEXT, "kata kasar").await;
    act(cluster.base(0), json!({"act": "remove", "id": id})).await.is(200);
    let shown = "const message = document.querySelector('#timeline .removed'); \
        return ['.avatar', '.from'].map(part => { const e = message?.querySelector(part); \
            return [e?.textContent, e?.checkVisibility({ visibilityProperty: true })] })";
    for _ in ["live", "reloaded"] {
        sari.shows(TEXT, "Pesan ini dihapus.").await;
        assert_eq!(sari.script(shown, vec![]).await, json!([["B", true], ["budi", true]]));
        sari.reload().await;
        sari.comes_to(CONNECTION, "online").await;
    }
}

#[tokio::test]
async fn people_end_on_one_edge_and_actions_show_when_asked_for() {
    let (cluster, sari) = sari_alone().await;
    let _budi = cluster.join(0, "budi").await;
    sari.shows("#members", "budi").await;
    let edges = "return new Set(Array.from(document.querySelectorAll('#members .quiet, #members .more'), part => \
        Math.round(part.getBoundingClientRect().right))).size";
    assert_eq!(sari.script(edges, vec![]).await, 1);
    let opacity = "return getComputedStyle(document.querySelector('#members .more')).opacity";
    assert_eq!(sari.script(opacity, vec![]).await, "0", "it cannot be seen");
    sari.script("document.querySelector('#members .more').focus()", vec![]).await;
    assert_eq!(sari.script(opacity, vec![]).await, "1", "focus shows it");
    sari.script("document.querySelector('#text').focus()", vec![]).await;
    sari.screen(390, 844, true).await;
    sari.click("#people-toggle").await;
    sari.comes_to("return document.activeElement.id", "people-close").await;
    sari.is_accessible("the people as a sheet").await;
    sari.click("#members [data-name=budi] bdi").await;
    sari.shows(".menu .item", "Bisukan untuk saya").await;
    sari.is_accessible("a person's menu").await;
    let size = "return Array.from(document.querySelectorAll('.menu .item'), item => item.getBoundingClientRect()) \
        .every(({ width, height }) => Math.min(width, height) >= 44)";
    assert_eq!(sari.script(size, vec![]).await, true);
    chooses(&sari, "Bisukan untuk saya").await;
    sari.shows("#members .mute-mark", "Dibisukan").await;
    let covers = "const at = (x, y) => document.elementFromPoint(x, y)?.id; return at(20, 20)";
    assert_eq!(sari.script(covers, vec![]).await, "scrim");
    sari.click("#people-close").await;
    sari.comes_to("return document.querySelector('#people').checkVisibility()", false).await;
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "people-toggle");
    sari.click("#people-toggle").await;
    sari.script("document.querySelector('#scrim').click()", vec![]).await;
    sari.comes_to("return document.querySelector('#people').checkVisibility()", false).await;
}

#[tokio::test]
async fn preferences_are_a_menu_of_the_header() {
    let (_cluster, sari) = sari_alone().await;
    let open = "return document.querySelector('.bar .preferences .panel').checkVisibility()";
    for (width, phone) in [(1100, false), (390, true), (320, true)] {
        sari.screen(width, 700, phone).await;
        assert_eq!(sari.script(open, vec![]).await, false);
        sari.click(".preferences summary").await;
        assert_eq!(sari.script(open, vec![]).await, true);
        let inside = "const { left, right, bottom } = document.querySelector('.panel').getBoundingClientRect(); \
            return left >= 0 && right <= innerWidth && bottom <= innerHeight";
        assert_eq!(sari.script(inside, vec![]).await, true, "{width}");
        sari.script(
            "document.querySelector('#scroll').dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }))",
            vec![],
        )
        .await;
        assert_eq!(sari.script(open, vec![]).await, false, "a click elsewhere closes it");
    }
}

#[tokio::test]
async fn announcement_folds_and_says_that_there_is_more() {
    let (_token, cluster, sari) = moderated().await;
    act(cluster.base(0), json!({"act": "announce", "text": NOTICE})).await.is(200);
    sari.shows("#announcement", "Server dipindahkan").await;
    let lines = "const text = document.querySelector('#announcement-text'); \
        return Math.round(text.clientHeight / parseFloat(getComputedStyle(text).lineHeight))";
    let more = "return !document.querySelector('#announcement-more').hidden";
    for (width, height, most) in [(1100, 760, 3), (390, 844, 3), (844, 390, 2), (667, 375, 2), (568, 320, 2)] {
        sari.screen(width, height, width < 1000).await;
        sari.comes_to(more, true).await;
        let found = sari.script(lines, vec![]).await.as_u64().expect("a number");
        assert!(found <= most, "{width}×{height}: {found} lines");
        let share = "const width = css => document.querySelector(css).clientWidth; return width('#announcement-text') / width('.talk')";
        assert!(sari.script(share, vec![]).await.as_f64() > Some(0.75), "{width}×{height}: the text has the width");
        sari.click("#announcement-more").await;
        assert!(sari.script(lines, vec![]).await.as_u64() > Some(most), "{width}×{height}: it opens");
        sari.click("#announcement-more").await;
    }
    sari.screen(1900, 900, false).await;
    let column = "const left = css => document.querySelector(css).getBoundingClientRect().left; \
        return Math.abs(left('#announcement-text') - left('#composer .box')) < 16";
    sari.comes_to(column, true).await;
    act(cluster.base(0), json!({"act": "announce", "text": "Jam 9 mati sebentar"})).await.is(200);
    sari.shows("#announcement", "Jam 9").await;
    sari.comes_to(more, false).await;
}

#[tokio::test]
async fn conversation_keeps_half_the_height_at_400_percent() {
    let (_token, cluster, sari) = moderated().await;
    cluster.join(0, "budi").await.send_acked("halo").await;
    sari.shows(TEXT, "halo").await;
    let share = "return document.querySelector('#scroll').clientHeight / innerHeight";
    let scrolls = "return document.documentElement.scrollWidth - innerWidth";
    let half = async |state: &str| {
        for (width, height) in [(320, 200), (320, 256), (480, 270)] {
            sari.screen(width, height, false).await;
            let found = sari.script(share, vec![]).await.as_f64().expect("a share");
            assert!(found >= 0.5, "{state}, {width}×{height}: {found}");
            assert_eq!(sari.script(scrolls, vec![]).await, 0);
        }
    };
    half("nothing set").await;
    act(cluster.base(0), json!({"act": "announce", "text": NOTICE})).await.is(200);
    act(cluster.base(0), json!({"act": "slow", "interval": "30s"})).await.is(200);
    sari.shows("#announcement", "Server").await;
    half("an announcement and slow mode").await;
    sari.script(FILL, vec![json!("baris\n".repeat(9))]).await;
    half("a tall text").await;
}

#[tokio::test]
async fn pills_can_be_seen_on_light_ground() {
    let (cluster, sari) = sari_alone().await;
    let mut budi = cluster.join(0, "budi").await;
    for n in 1..=60 {
        budi.send_text(&format!("pesan {n}")).await;
    }
    budi.catch_up().await;
    sari.shows(TEXT, "pesan 60").await;
    sari.script("document.querySelector('#scroll').scrollTop = 200", vec![]).await;
    sari.comes_to("return document.querySelector('#jump').checkVisibility()", true).await;
    let faint = format!(
        "{CONTRAST} const ground = getComputedStyle(document.body).backgroundColor; \
        return Array.from(document.querySelectorAll('.jump, .row-button, .plain, .language, .composer .box, .composer .primary:not(:disabled)')) \
            .filter(pill => pill.checkVisibility()).map(pill => [pill.id || pill.className, getComputedStyle(pill)]) \
            .filter(([, style]) => Math.max(contrast(style.borderTopColor, ground), contrast(style.backgroundColor, ground)) < 3) \
            .map(([name]) => name)"
    );
    for colours in ["light", "dark"] {
        sari.prefers("prefers-color-scheme", colours).await;
        assert_eq!(sari.script(&faint, vec![]).await, json!([]), "{colours}");
    }
}

#[tokio::test]
async fn sign_in_error_is_one_signal_on_one_edge() {
    let cluster = alone().await;
    let _held = cluster.join(0, "citra").await;
    let page = Browser::start("id").await;
    page.open(cluster.base(0)).await;
    page.enter("#username", "citra").await;
    page.shows("#username-error", "").await;
    let colours = "const style = getComputedStyle(document.querySelector('#username')); \
        const error = getComputedStyle(document.querySelector('#username-error')).color; \
        return [style.borderTopColor === error, style.outlineColor === error, document.querySelectorAll('#username-hint').length]";
    assert_eq!(page.script(colours, vec![]).await, json!([true, true, 0]));
    let edges = "return new Set(Array.from(document.querySelectorAll('.card > *, .card form > *'), \
        part => Math.round(part.getBoundingClientRect().left) + getComputedStyle(part).textAlign.replace('center', '')) \
        .map(edge => parseInt(edge, 10))).size";
    assert_eq!(page.script(edges, vec![]).await, 1);
    assert_eq!(
        page.script("return getComputedStyle(document.querySelector('.foot')).textAlign", vec![]).await,
        "start"
    );
}

#[tokio::test]
async fn empty_states_have_a_sentence_and_an_action() {
    let (cluster, sari) = sari_alone().await;
    sari.shows(".empty", "Belum ada pesan.").await;
    sari.is_accessible("an empty room").await;
    sari.script("document.activeElement.blur()", vec![]).await;
    sari.click("#begin").await;
    assert_eq!(sari.script("return document.activeElement.id", vec![]).await, "text");
    let mut clients = vec![];
    for name in ["adi", "budi", "citra", "dewi", "eka", "fajar", "gita", "hadi"] {
        clients.push(cluster.join(0, name).await);
    }
    sari.comes_to("return document.querySelector('#people-search').checkVisibility()", true).await;
    sari.types("#people-search", "zzz").await;
    sari.click("#clear-search").await;
    sari.comes_to("return document.querySelectorAll('#members li').length", 9).await;
    clients[0].send_acked("halo").await;
    sari.comes_to("return document.querySelector('.empty').checkVisibility()", false).await;
}

#[tokio::test]
async fn status_line_stands_on_one_baseline() {
    let (_cluster, sari) = sari_alone().await;
    let baselines = "const line = document.querySelector('#status'); line.hidden = false; \
        for (const part of line.children) { part.hidden = false; part.textContent = 'x' } \
        const bottoms = Array.from(line.children, part => { const mark = document.createElement('span'); \
            mark.style.display = 'inline-block'; part.append(mark); return Math.round(mark.getBoundingClientRect().bottom) }); \
        return new Set(bottoms).size";
    assert_eq!(sari.script(baselines, vec![]).await, 1);
}

/// Starts an instance with an operator, and sari in its room.
async fn moderated() -> (tempfile::NamedTempFile, Cluster, Browser) {
    let token = token_file();
    let builder = Cluster::builder(Engine::Memory).set("RUANG_MESSAGES_PER_SECOND", "0");
    let cluster = builder.with_operator(&token).start().await;
    let sari = Browser::start("id").await;
    signs_in(&sari, cluster.base(0), "sari").await;
    (token, cluster, sari)
}

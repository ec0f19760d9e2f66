//! Texts that harm the screens or lines of their readers: refused, cleaned or limited by their bytes.

use std::time::{Duration, Instant};

use ruang::{
    automod::{AutoRules, LinkRule, RuleChecker, Sender, SenderKind, links},
    name::{Name, folded, look_alike_form, search_form},
    protocol::{ClientFrame, Text},
};
use rustix::time::{ClockId, clock_gettime};

use crate::kit::{Cluster, Engine, engines::on_both_engines};

/// How long sessions send as fast as they can.
const FLOOD: Duration = Duration::from_secs(6);
/// Bytes of text that the sessions of one address may send in that time: 800 KiB at once and 100 KiB per second.
const BYTES_OF_AN_ADDRESS: usize = 1024 * (800 + 100 * 7);

on_both_engines! {
    text_without_a_visible_character_is_refused,
    control_characters_and_stacked_marks_reach_no_client,
    sessions_of_one_address_are_limited_in_bytes,
}

async fn text_without_a_visible_character_is_refused(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let mut sari = cluster.join(0, "sari").await;
    let invisible = ["\u{2800}", "\u{3164}", "\u{115f}", "\u{2064}", "\u{200b}\n\u{feff}", "\u{1}\u{2}"];
    for text in invisible {
        sari.send_text(text).await;
    }
    let transcript = sari.expect("the errors", |transcript| transcript.errors.len() == invisible.len()).await;
    assert_eq!(transcript.error_codes(), ["empty"; 6]);
    sari.send_acked("terlihat").await;
    assert_eq!(sari.wait_for_text("sari", "terlihat").await.texts(), ["terlihat"]);
}

async fn control_characters_and_stacked_marks_reach_no_client(engine: Engine) {
    let cluster = Cluster::with_defaults(engine).await;
    let (mut sari, mut budi) = (cluster.join(0, "sari").await, cluster.join(0, "budi").await);
    sari.send_text(&format!("bel\u{7}\u{1b}[31m\tz{}\n\tindentasi", "\u{336}".repeat(100))).await;
    let shown = format!("bel[31m\tz{}\n\tindentasi", "\u{336}".repeat(4));
    budi.wait_for_text("sari", &shown).await;
}

async fn sessions_of_one_address_are_limited_in_bytes(engine: Engine) {
    let cluster = Cluster::builder(engine).start().await;
    let mut reader = cluster.join(0, "budi").await;
    let mut senders = vec![];
    for n in 0..10 {
        senders.push(cluster.join(0, &format!("penulis{n}")).await);
    }
    let text = "\u{1f642}".repeat(2000);
    let start = Instant::now();
    let mut turns = tokio::time::interval(Duration::from_millis(200));
    while start.elapsed() < FLOOD {
        turns.tick().await;
        for sender in &mut senders {
            sender.send_text(&text).await;
        }
    }
    let received: usize = reader.catch_up().await.texts().iter().map(|text| text.len()).sum();
    assert!(received <= BYTES_OF_AN_ADDRESS, "{received} bytes of text");
    for sender in &mut senders {
        let transcript = sender.catch_up().await;
        assert!(transcript.error_codes().iter().all(|code| *code == "rate_limited"), "{:?}", transcript.error_codes());
    }
}

/// Pieces of links, listed words, marks and their limits.
const PIECES: [&str; 34] = [
    "https://",
    "www.",
    "a",
    ".",
    "/",
    ":",
    "(",
    ")",
    "]",
    "{",
    "@",
    "\u{202e}",
    "“",
    "」",
    "。",
    "界",
    "а",
    "👩\u{200d}👧",
    "\u{301}",
    "\u{335}",
    " ",
    "\n",
    "%",
    "?",
    "-",
    "_",
    ".)",
    "https://a.id ",
    "www.a.id ",
    "ﷺ",
    "한",
    "\u{1100}",
    "spam ",
    "ǅ",
];
/// The longest text, in characters.
const LENGTH: usize = 2000;
/// A function of a text, by reference.
type Reader<'a> = &'a dyn Fn(&str);
/// CPU time, with a wide margin: a test is built without optimisation.
const READ_WITHIN: Duration = Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 5 });

/// Each piece and some pairs of pieces repeated, and pieces in an order that looks random but is the same in each run.
fn hostile_texts() -> Vec<String> {
    let fill = |piece: &str, length: usize| piece.chars().cycle().take(length).collect::<String>();
    let mut texts = vec![];
    for (n, first) in PIECES.into_iter().enumerate() {
        texts.push(fill(first, LENGTH));
        let seconds = [1, 5, 13].map(|step| PIECES[(n + step) % PIECES.len()]);
        texts.extend(seconds.map(|second| format!("https://a/{}x{}", fill(first, 990), fill(second, 999))));
    }
    let mut state: u32 = 7;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        PIECES[(state >> 16) as usize % PIECES.len()]
    };
    texts.extend((0..50).map(|_| (0..LENGTH).flat_map(|_| next().chars()).take(LENGTH).collect()));
    texts
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Rules that look at every word: entries of each length that begin with each piece.
fn busy_rules() -> RuleChecker {
    let entries = PIECES.iter().flat_map(|piece| (1..=16).map(move |words| format!("{piece} ").repeat(words) + "zzz"));
    RuleChecker::new(AutoRules {
        words: entries.collect(),
        links: LinkRule::None,
        repeats: true,
        ..AutoRules::default()
    })
}

#[test]
fn any_text_of_2000_characters_is_checked_within_5_ms() {
    let rules = busy_rules();
    let sender = Sender { kind: SenderKind::Person, since_ms: 0 };
    let readers: [(&str, Reader<'_>); 8] = [
        ("frame", &|text| drop(ClientFrame::parse(text))),
        ("text", &|text| drop(Text::parse(text))),
        ("links", &|text| drop(links(text))),
        ("rules", &|text| drop(rules.check(text, sender, || Some("an address".into()), 0))),
        ("name", &|text| drop(Name::parse(text))),
        ("key", &|text| drop(look_alike_form(text))),
        ("sort key", &|text| drop(folded(text))),
        ("search", &|text| drop(search_form(text))),
    ];
    for text in hostile_texts() {
        for (what, read) in &readers {
            let measure = |_| {
                let start = cpu_time();
                read(&text);
                cpu_time() - start
            };
            let is_quick = (0..3).map(measure).any(|took| took <= READ_WITHIN);
            assert!(is_quick, "{what}: {:?}", text.chars().take(60).collect::<String>());
        }
    }
}

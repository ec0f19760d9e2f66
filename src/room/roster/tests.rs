use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::name::Name;

fn person(name_key: &str) -> Member {
    Member { name_key: name_key.into(), name: name_key.into() }
}

fn joined(name_key: &str) -> Delta {
    Delta { joined: vec![person(name_key)], left: vec![] }
}

fn left(name_key: &str) -> Delta {
    Delta { joined: vec![], left: vec![person(name_key)] }
}

fn changes(joined: &[&str], left: &[&str], count: usize) -> Option<Changes> {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Some(Changes { joined: names(joined), left: names(left), count, unnamed: false })
}

#[test]
fn changes_merge_until_they_are_sent() {
    let mut roster = Roster::default();
    assert_eq!(roster.apply(&joined("a")), None);
    assert_eq!(roster.apply(&joined("b")), None);
    assert_eq!(roster.changes(), changes(&["a", "b"], &[], 2));
    assert_eq!(roster.changes(), None);
}

#[test]
fn reversal_of_an_unsent_change_sends_it_first() {
    let mut roster = Roster::default();
    roster.apply(&joined("a"));
    assert_eq!(roster.apply(&left("a")), changes(&["a"], &[], 1));
    assert_eq!(roster.changes(), changes(&[], &["a"], 0));
}

#[test]
fn repeated_joins_and_leaves_change_nothing() {
    let mut roster = Roster::default();
    roster.apply(&joined("a"));
    roster.changes();
    roster.apply(&joined("a"));
    roster.apply(&left("b"));
    assert_eq!(roster.changes(), None);
}

#[test]
fn names_are_sorted_by_their_folded_form() {
    let mut roster = Roster::default();
    for name in ["mila", "Budi", "zaki", "ani", "nana"] {
        roster.apply(&joined(name));
    }
    assert_eq!(roster.names(None, 10), ["ani", "Budi", "mila", "nana", "zaki"]);
    assert_eq!(roster.names(Some("Budi"), 2), ["mila", "nana"]);
    assert_eq!(roster.names(Some("c"), 1), ["mila"]);
    assert_eq!(roster.names(Some("zaki"), 10), Vec::<String>::new());
}

/// All beginnings of such a text would be 200 MB.
#[test]
fn search_after_a_long_text_costs_little() {
    let mut roster = Roster::default();
    roster.apply(&joined("lena"));
    let after = "le ".repeat(10_000);
    let start = Instant::now();
    assert_eq!(roster.search("le", Some(&after), 9), ["lena"]);
    assert!(start.elapsed() < Duration::from_millis(20), "{:?}", start.elapsed());
}

#[test]
fn search_finds_words_that_begin_so_page_by_page() {
    let mut roster = Roster::default();
    for name in ["Dewi Lestari", "Lestari", "lena", "Budi Lesmana Lestiono", "citra", "Élena"] {
        let person = Member { name_key: Name::parse(name).unwrap().key().clone(), name: name.to_owned() };
        roster.apply(&Delta { joined: vec![person], left: vec![] });
    }
    let all = ["lena", "Budi Lesmana Lestiono", "Dewi Lestari", "Lestari"];
    let found = roster.search("LE", None, 9);
    assert_eq!(found.len(), 4, "each once: {found:?}");
    assert!(all.iter().all(|name| found.contains(&(*name).to_owned())), "{found:?}");
    let mut paged = roster.search("le", None, 1);
    while let Some(last) = paged.last().cloned() {
        let next = roster.search("le", Some(&last), 1);
        if next.is_empty() {
            break;
        }
        paged.extend(next);
    }
    assert_eq!(paged, found);
    assert_eq!(roster.search("elena", None, 9), ["Élena"]);
    assert_eq!(roster.search("stari", None, 9), Vec::<String>::new());
    roster.apply(&Delta {
        joined: vec![],
        left: vec![Member { name_key: Name::parse("lena").unwrap().key().clone(), name: "lena".into() }],
    });
    assert!(!roster.search("le", None, 9).contains(&"lena".to_owned()));
}

#[test]
fn person_missing_after_a_lost_branch_leaves_late() {
    let (mut roster, now) = (Roster::default(), Instant::now());
    let until = now + Duration::from_secs(5);
    roster.apply(&Delta { joined: vec![person("a"), person("b")], left: vec![] });
    roster.changes();
    roster.adopt([].iter(), Some(until));
    assert_eq!((roster.changes(), roster.count()), (None, 2));
    // A second snapshot, of the new branch, changes nothing for them.
    roster.adopt([].iter(), None);
    assert_eq!((roster.changes(), roster.count()), (None, 2));
    roster.apply(&joined("a"));
    assert_eq!(roster.expire(now), None);
    roster.expire(until);
    assert_eq!(roster.changes(), changes(&[], &["b"], 1));
    assert_eq!(roster.names(None, 9), ["a"]);
}

#[test]
fn events_during_a_read_are_newer_than_its_portions() {
    let mut roster = Roster::default();
    roster.adopt([person("a"), person("b"), person("c")].iter(), None);
    roster.changes();
    // Meanwhile, unnoticed, b left and d and e joined.
    roster.begin_read(4);
    roster.apply(&left("d"));
    roster.apply(&joined("f"));
    assert_eq!((roster.count(), roster.contains(&"b".into())), (4, true));
    roster.adopt_portion([person("d"), person("a")].iter());
    roster.adopt_portion([person("c"), person("e"), person("a")].iter());
    assert_eq!(roster.finish_read(None), None);
    assert_eq!((roster.names(None, 9), roster.count()), (["a", "c", "e", "f"].map(str::to_owned).to_vec(), 4));
}

#[test]
fn names_of_changes_in_a_large_room_are_not_kept() {
    let mut roster = Roster::default();
    let names: Vec<String> = (0..=CHANGES_NAMED_AT_MOST).map(|n| format!("p{n}")).collect();
    let people: Vec<Member> = names.iter().map(|name| person(name)).collect();
    roster.adopt(people.iter(), None);
    let count = people.len();
    let unnamed = |count| Some(Changes { count, unnamed: true, ..Changes::default() });
    assert_eq!(roster.changes(), unnamed(count));
    roster.apply(&joined("a"));
    assert_eq!(roster.changes(), unnamed(count + 1));
    assert_eq!(roster.changes(), None);
}

proptest! {
    /// Each person's joins and leaves are sent strictly in turn, and the last one sent is the truth.
    #[test]
    fn joins_and_leaves_are_sent_in_turn(steps in prop::collection::vec((0..4_usize, 0..4_u8), 0..100)) {
        let names = ["a", "b", "c", "d"];
        let (mut roster, now) = (Roster::default(), Instant::now());
        let mut shown = BTreeSet::new();
        let mut truth = BTreeSet::new();
        for (index, step) in steps {
            let name = names[index];
            let first = match step {
                0 => { truth.insert(name); roster.apply(&joined(name)) }
                1 => { truth.remove(name); roster.apply(&left(name)) }
                2 => {
                    let people: Vec<_> = names[..index].iter().map(|name| person(name)).collect();
                    truth = names[..index].iter().copied().collect();
                    roster.adopt(people.iter(), None)
                }
                _ => roster.changes(),
            };
            show(&mut shown, first)?;
            roster.expire(now);
        }
        show(&mut shown, roster.changes())?;
        prop_assert_eq!(shown, truth.into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
        prop_assert_eq!(roster.count(), roster.names(None, 9).len());
    }
}

fn show(shown: &mut BTreeSet<String>, changes: Option<Changes>) -> Result<(), TestCaseError> {
    let changes = changes.unwrap_or_default();
    for name in changes.joined {
        prop_assert!(shown.insert(name), "joined twice");
    }
    for name in changes.left {
        prop_assert!(shown.remove(&name), "left twice");
    }
    Ok(())
}

/// A quiet room with `a`, who has spoken, and `b`, who has not.
fn quiet() -> Roster {
    let mut roster = Roster::default();
    roster.apply(&joined("a"));
    roster.apply(&joined("b"));
    roster.note_sender("a");
    roster.changes();
    roster.set_quiet(true);
    roster
}

/// Changes that name no one.
fn unnamed(count: usize) -> Option<Changes> {
    Some(Changes { count, unnamed: true, ..Changes::default() })
}

#[test]
fn quiet_room_announces_no_one_who_never_spoke() {
    let mut roster = quiet();
    roster.apply(&joined("c"));
    assert_eq!(roster.changes(), unnamed(3));
    roster.apply(&left("c"));
    assert_eq!(roster.changes(), unnamed(2));
    roster.apply(&left("b"));
    assert_eq!(roster.changes(), unnamed(1));
    roster.apply(&left("a"));
    assert_eq!(roster.changes(), changes(&[], &["a"], 0));
    roster.apply(&joined("a"));
    assert_eq!(roster.changes(), changes(&["a"], &[], 1), "a spoke before");
}

#[test]
fn first_message_announces_a_person_in_a_quiet_room() {
    let mut roster = quiet();
    roster.apply(&joined("c"));
    roster.changes();
    roster.note_sender("c");
    assert_eq!(roster.changes(), changes(&["c"], &[], 3));
    roster.note_sender("c");
    assert_eq!(roster.changes(), None);
    roster.apply(&left("c"));
    assert_eq!(roster.changes(), changes(&[], &["c"], 2));
}

#[test]
fn person_unannounced_leaves_unannounced_in_a_loud_room_too() {
    let mut roster = quiet();
    roster.apply(&joined("c"));
    roster.changes();
    roster.set_quiet(false);
    assert_eq!(roster.changes(), None);
    roster.apply(&left("c"));
    assert_eq!(roster.changes(), unnamed(2));
    roster.apply(&joined("c"));
    assert_eq!(roster.changes(), changes(&["c"], &[], 3));
}

#[test]
fn senders_who_left_are_forgotten_in_the_end() {
    let mut roster = quiet();
    for n in 0..3 * SENDERS_AT_LEAST {
        roster.note_sender(&n.to_string());
    }
    assert!(roster.senders.len() <= SENDERS_AT_LEAST && roster.senders.contains("a"));
}

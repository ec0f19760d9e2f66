use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_secs(1_000_000);

fn hold(who: &str) -> Hold {
    Hold { who: who.into(), name: who.into(), session: who.into() }
}

/// What is to be told, as "+who" and "-who", taken as told.
fn tell(attendance: &mut Attendance, now: Instant) -> Vec<String> {
    let has_changes = attendance.has_changes(now, NEVER);
    let sent = attendance.changes(now, NEVER);
    assert_eq!(has_changes, sent.is_some());
    let sent = sent.unwrap_or_default();
    attendance.confirm(&sent, now);
    let adds = sent.adds.iter().map(|hold| format!("+{}", hold.who));
    adds.chain(sent.dels.iter().map(|hold| format!("-{}", hold.who))).collect()
}

#[test]
fn somebody_is_here_while_any_of_their_tabs_is() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    attendance.enter(&hold("a"), 1);
    attendance.enter(&hold("a"), 2);
    assert_eq!(tell(&mut attendance, now), ["+a"]);
    attendance.leave("a", 1, now);
    assert_eq!(tell(&mut attendance, now + NEVER / 2), Vec::<String>::new());
    attendance.leave("a", 2, now);
    assert_eq!(tell(&mut attendance, now + GRACE), ["-a"]);
}

#[test]
fn a_refresh_within_the_grace_goes_unnoticed() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    attendance.enter(&hold("a"), 1);
    tell(&mut attendance, now);
    attendance.leave("a", 1, now);
    attendance.enter(&hold("a"), 2);
    assert_eq!(tell(&mut attendance, now + NEVER / 2), Vec::<String>::new());
}

#[test]
fn whoever_comes_back_while_their_departure_is_on_its_way_is_told_of_again() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    attendance.enter(&hold("a"), 1);
    tell(&mut attendance, now);
    attendance.leave("a", 1, now);
    let sent = attendance.changes(now + GRACE, NEVER).unwrap();
    attendance.enter(&hold("a"), 2);
    attendance.confirm(&sent, now + GRACE);
    assert_eq!(tell(&mut attendance, now + GRACE), ["+a"]);
}

#[test]
fn an_ended_session_leaves_without_grace() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    attendance.enter(&hold("a"), 1);
    tell(&mut attendance, now);
    assert_eq!(attendance.end(&"a".into(), now), [1]);
    assert_eq!(tell(&mut attendance, now), ["-a"]);
    assert!(attendance.people.is_empty());
}

#[test]
fn a_name_taken_over_by_another_session_displaces_the_first() {
    let mut attendance = Attendance::new(GRACE);
    attendance.enter(&hold("a"), 1);
    let other = Hold { session: "other".into(), ..hold("a") };
    assert_eq!(attendance.enter(&other, 2), [1]);
    assert_eq!(attendance.connections("a"), [2]);
}

#[test]
fn claims_are_renewed_now_and_then() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    attendance.enter(&hold("a"), 1);
    tell(&mut attendance, now);
    assert!(attendance.changes(now + GRACE, GRACE * 2).is_none());
    assert_eq!(attendance.changes(now + GRACE * 2, GRACE * 2).unwrap().adds, [hold("a")]);
}

#[test]
fn changes_go_in_portions() {
    let (mut attendance, now) = (Attendance::new(GRACE), Instant::now());
    for n in 0..CHANGES_AT_ONCE as u64 + 1 {
        attendance.enter(&hold(&format!("p{n}")), n);
    }
    assert_eq!(tell(&mut attendance, now).len(), CHANGES_AT_ONCE);
    assert_eq!(tell(&mut attendance, now).len(), 1);
    assert_eq!(tell(&mut attendance, now).len(), 0);
}

proptest! {
    /// However connections come and go and answers are lost, in the end the backplane knows exactly who is here.
    #[test]
    fn the_backplane_ends_up_knowing_the_truth(steps in prop::collection::vec((0..5_u64, 0..4_u8), 0..80)) {
        let names = ["a", "b", "c"];
        let (mut attendance, mut now) = (Attendance::new(GRACE), Instant::now());
        let mut here = BTreeSet::new();
        let mut known = BTreeSet::new();
        for (connection, step) in steps {
            let who = names[connection as usize % names.len()];
            now += GRACE / 3;
            match step {
                0 => { attendance.enter(&hold(who), connection); here.insert((who, connection)); }
                1 => { attendance.leave(who, connection, now); here.remove(&(who, connection)); }
                _ => {
                    let sent = attendance.changes(now, GRACE * 4).unwrap_or_default();
                    known.extend(sent.adds.iter().map(|hold| hold.who.clone()));
                    known.retain(|who| !sent.dels.iter().any(|hold| hold.who == *who));
                    // Step 3: the backplane took it, but the answer was lost.
                    if step == 2 {
                        attendance.confirm(&sent, now);
                    }
                }
            }
        }
        now += GRACE;
        while let Some(sent) = attendance.changes(now, NEVER) {
            known.extend(sent.adds.iter().map(|hold| hold.who.clone()));
            known.retain(|who| !sent.dels.iter().any(|hold| hold.who == *who));
            attendance.confirm(&sent, now);
        }
        let truth: BTreeSet<String> = here.iter().map(|(who, _)| (*who).to_owned()).collect();
        prop_assert_eq!(known, truth);
    }
}

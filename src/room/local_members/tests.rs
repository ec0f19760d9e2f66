use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_secs(1_000_000);

fn hold(name_key: &str) -> Person {
    Person { name_key: name_key.into(), name: name_key.into(), session: name_key.into() }
}

/// What is to be told, as "+who" and "-who", taken as told.
fn tell(local_members: &mut LocalMembers, now: Instant) -> Vec<String> {
    let has_changes = local_members.has_changes(now, NEVER);
    let sent = local_members.changes(now, NEVER);
    assert_eq!(has_changes, sent.is_some());
    let sent = sent.unwrap_or_default();
    local_members.confirm(&sent, now);
    let adds = sent.adds.iter().map(|hold| format!("+{}", hold.name_key));
    adds.chain(sent.dels.iter().map(|hold| format!("-{}", hold.name_key))).collect()
}

#[test]
fn somebody_is_here_while_any_of_their_tabs_is() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    local_members.enter(&hold("a"), 1);
    local_members.enter(&hold("a"), 2);
    assert_eq!(tell(&mut local_members, now), ["+a"]);
    local_members.leave(&"a".into(), 1, now);
    assert_eq!(tell(&mut local_members, now + NEVER / 2), Vec::<String>::new());
    local_members.leave(&"a".into(), 2, now);
    assert_eq!(tell(&mut local_members, now + GRACE), ["-a"]);
}

#[test]
fn a_refresh_within_the_grace_goes_unnoticed() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    local_members.enter(&hold("a"), 1);
    tell(&mut local_members, now);
    local_members.leave(&"a".into(), 1, now);
    local_members.enter(&hold("a"), 2);
    assert_eq!(tell(&mut local_members, now + NEVER / 2), Vec::<String>::new());
}

#[test]
fn whoever_comes_back_while_their_departure_is_on_its_way_is_told_of_again() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    local_members.enter(&hold("a"), 1);
    tell(&mut local_members, now);
    local_members.leave(&"a".into(), 1, now);
    let sent = local_members.changes(now + GRACE, NEVER).unwrap();
    local_members.enter(&hold("a"), 2);
    local_members.confirm(&sent, now + GRACE);
    assert_eq!(tell(&mut local_members, now + GRACE), ["+a"]);
}

#[test]
fn an_ended_session_leaves_without_grace() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    local_members.enter(&hold("a"), 1);
    tell(&mut local_members, now);
    assert_eq!(local_members.end(&"a".into(), now), [1]);
    assert_eq!(tell(&mut local_members, now), ["-a"]);
    assert!(local_members.people.is_empty());
}

#[test]
fn a_name_taken_over_by_another_session_displaces_the_first() {
    let mut local_members = LocalMembers::new(GRACE);
    local_members.enter(&hold("a"), 1);
    let other = Person { session: "other".into(), ..hold("a") };
    assert_eq!(local_members.enter(&other, 2), [1]);
    assert_eq!(local_members.connections(&"a".into()), [2]);
}

#[test]
fn claims_are_renewed_now_and_then() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    local_members.enter(&hold("a"), 1);
    tell(&mut local_members, now);
    assert!(local_members.changes(now + GRACE, GRACE * 2).is_none());
    assert_eq!(local_members.changes(now + GRACE * 2, GRACE * 2).unwrap().renewals, [hold("a")]);
}

#[test]
fn changes_go_in_portions() {
    let (mut local_members, now) = (LocalMembers::new(GRACE), Instant::now());
    for n in 0..CHANGES_AT_ONCE as u64 + 1 {
        local_members.enter(&hold(&format!("p{n}")), n);
    }
    assert_eq!(tell(&mut local_members, now).len(), CHANGES_AT_ONCE);
    assert_eq!(tell(&mut local_members, now).len(), 1);
    assert_eq!(tell(&mut local_members, now).len(), 0);
}

proptest! {
    /// However connections come and go and answers are lost, in the end the backplane knows exactly who is here.
    #[test]
    fn the_backplane_ends_up_knowing_the_truth(steps in prop::collection::vec((0..5_u64, 0..4_u8), 0..80)) {
        let names = ["a", "b", "c"];
        let (mut local_members, mut now) = (LocalMembers::new(GRACE), Instant::now());
        let mut here = BTreeSet::new();
        let mut known = BTreeSet::new();
        for (connection, step) in steps {
            let name_key = names[connection as usize % names.len()];
            now += GRACE / 3;
            match step {
                0 => { local_members.enter(&hold(name_key), connection); here.insert((name_key, connection)); }
                1 => { local_members.leave(&name_key.into(), connection, now); here.remove(&(name_key, connection)); }
                _ => {
                    let sent = local_members.changes(now, GRACE * 4).unwrap_or_default();
                    known.extend(sent.adds.iter().map(|hold| hold.name_key.clone()));
                    known.retain(|name_key| !sent.dels.iter().any(|hold| hold.name_key == *name_key));
                    // Step 3: the backplane took it, but the answer was lost.
                    if step == 2 {
                        local_members.confirm(&sent, now);
                    }
                }
            }
        }
        now += GRACE;
        while let Some(sent) = local_members.changes(now, NEVER) {
            known.extend(sent.adds.iter().map(|hold| hold.name_key.clone()));
            known.retain(|name_key| !sent.dels.iter().any(|hold| hold.name_key == *name_key));
            local_members.confirm(&sent, now);
        }
        let truth: BTreeSet<_> = here.iter().map(|(name_key, _)| (*name_key).into()).collect();
        prop_assert_eq!(known, truth);
    }
}

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const GRACE: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_secs(1_000_000);

fn person(name_key: &str) -> Person {
    Person::new(name_key.into(), name_key, name_key.into())
}

fn members() -> LocalMembers {
    LocalMembers::new(GRACE, NEVER)
}

/// The next changes as "+name" and "-name", which are then confirmed.
fn send(members: &mut LocalMembers, now: Instant) -> Vec<String> {
    let has_changes = members.has_changes(now);
    let changes = members.changes(now);
    assert_eq!(has_changes, changes.len() > 0);
    members.confirm(&changes, now);
    let adds = changes.adds.iter().map(|person| format!("+{}", person.name_key));
    adds.chain(changes.dels.iter().map(|person| format!("-{}", person.name_key))).collect()
}

#[test]
fn person_stays_while_any_connection_does() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    members.enter(&person("a"), 2);
    assert_eq!(send(&mut members, now), ["+a"]);
    members.leave(&"a".into(), 1, now);
    assert_eq!(send(&mut members, now + NEVER / 2), Vec::<String>::new());
    members.leave(&"a".into(), 2, now);
    assert_eq!(send(&mut members, now + GRACE), ["-a"]);
}

#[test]
fn reconnect_within_the_grace_changes_nothing() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    send(&mut members, now);
    members.leave(&"a".into(), 1, now);
    members.enter(&person("a"), 2);
    assert_eq!(send(&mut members, now + NEVER / 2), Vec::<String>::new());
}

#[test]
fn release_held_back_waits_and_is_not_announced() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    members.enter(&person("b"), 2);
    send(&mut members, now);
    members.leave(&"a".into(), 1, now);
    members.forget_confirmations();
    members.hold_releases(now + GRACE * 2);
    assert_eq!(send(&mut members, now + GRACE), ["+b"], "the grace of a is over");
    assert_eq!(send(&mut members, now + GRACE * 2), ["-a"]);
}

#[test]
fn return_during_a_departure_in_flight_is_announced() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    send(&mut members, now);
    members.leave(&"a".into(), 1, now);
    let sent = members.changes(now + GRACE);
    members.enter(&person("a"), 2);
    members.confirm(&sent, now + GRACE);
    assert_eq!(send(&mut members, now + GRACE), ["+a"]);
}

#[test]
fn ended_session_leaves_without_grace() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    send(&mut members, now);
    assert_eq!(members.end(&"a".into(), now), [1]);
    assert_eq!(send(&mut members, now), ["-a"]);
    assert!(members.members.is_empty());
}

#[test]
fn another_address_is_announced_before_its_tab_has_joined() {
    let (mut members, now) = (members(), Instant::now());
    let at = |address: &str| Person { address: Some(address.into()), ..person("a") };
    members.enter(&at("home"), 1);
    let in_flight = members.changes(now);
    members.enter(&at("office"), 2);
    members.confirm(&in_flight, now);
    assert_eq!(
        members.announcement(&at("office"), 2),
        Announcement::Pending,
        "the backplane may know only the other one"
    );
    let changes = members.changes(now);
    let addresses: Vec<_> = changes.adds.iter().flat_map(Person::addresses).cloned().collect();
    assert_eq!(addresses, ["home".into(), "office".into()]);
    members.confirm(&changes, now);
    members.enter(&at("home"), 3);
    assert_eq!(members.announcement(&at("home"), 3), Announcement::Confirmed);
    members.leave(&"a".into(), 2, now);
    let renewals = members.changes(now + NEVER).renewals;
    assert_eq!(renewals, [at("home")], "as long as a connection has it");
}

#[test]
fn another_session_displaces_the_first() {
    let mut members = members();
    members.enter(&person("a"), 1);
    let other = Person { session: "other".into(), ..person("a") };
    assert_eq!(members.enter(&other, 2), [1]);
    assert_eq!(members.announcement(&person("a"), 1), Announcement::Gone);
    assert_eq!(members.announcement(&other, 2), Announcement::Pending);
}

#[test]
fn claims_are_renewed_at_their_interval() {
    let (mut members, now) = (LocalMembers::new(GRACE, GRACE * 2), Instant::now());
    members.enter(&person("a"), 1);
    send(&mut members, now);
    assert_eq!(members.changes(now + GRACE).len(), 0);
    assert_eq!(members.changes(now + GRACE * 2).renewals, [person("a")]);
}

#[test]
fn person_not_held_by_the_backplane_is_announced_again() {
    let (mut members, now) = (members(), Instant::now());
    members.enter(&person("a"), 1);
    send(&mut members, now);
    assert!(members.forget_unless(|_| false, now - GRACE).is_empty(), "confirmed after the snapshot was read");
    assert!(members.forget_unless(|_| true, now).is_empty());
    assert_eq!(members.forget_unless(|_| false, now), [1]);
    assert_eq!(send(&mut members, now), ["+a"]);
}

#[test]
fn changes_are_limited_per_heartbeat() {
    let (mut members, now) = (members(), Instant::now());
    for n in 0..CHANGES_AT_ONCE as u64 + 1 {
        members.enter(&person(&format!("p{n}")), n);
    }
    assert_eq!(send(&mut members, now).len(), CHANGES_AT_ONCE);
    assert_eq!(send(&mut members, now).len(), 1);
    assert_eq!(send(&mut members, now).len(), 0);
}

proptest! {
    /// However connections come and go and replies are lost, the backplane ends up with exactly the people who are here.
    #[test]
    fn backplane_ends_up_with_the_truth(steps in prop::collection::vec((0..5_u64, 0..4_u8), 0..80)) {
        let names = ["a", "b", "c"];
        let (mut members, mut now) = (LocalMembers::new(GRACE, GRACE * 4), Instant::now());
        let mut here = BTreeSet::new();
        let mut known = BTreeSet::new();
        for (connection, step) in steps {
            let name_key = names[connection as usize % names.len()];
            now += GRACE / 3;
            match step {
                0 => { members.enter(&person(name_key), connection); here.insert((name_key, connection)); }
                1 => { members.leave(&name_key.into(), connection, now); here.remove(&(name_key, connection)); }
                _ => {
                    let changes = members.changes(now);
                    known.extend(changes.adds.iter().map(|person| person.name_key.clone()));
                    known.retain(|name_key| !changes.dels.iter().any(|person| person.name_key == *name_key));
                    // Step 3: the changes are applied, but the reply is lost.
                    if step == 2 {
                        members.confirm(&changes, now);
                    }
                }
            }
        }
        now += GRACE;
        while members.has_changes(now) {
            let changes = members.changes(now);
            known.extend(changes.adds.iter().map(|person| person.name_key.clone()));
            known.retain(|name_key| !changes.dels.iter().any(|person| person.name_key == *name_key));
            members.confirm(&changes, now);
        }
        let truth: BTreeSet<_> = here.iter().map(|(name_key, _)| (*name_key).into()).collect();
        prop_assert_eq!(known, truth);
    }
}

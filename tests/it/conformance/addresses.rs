//! Actions against the address of a person, and slow mode of an address.

use std::time::Duration;

use ruang::backplane::{
    Backplane, Claim, Event, Heartbeat, HeartbeatReply, IncarnationId, ModerationAction, ModerationOutcome, Person,
    PublishError, ReapOutcome,
};

use super::fixture::{Fixture, person, post};
use crate::kit::{SOON, engines::on_both_engines, eventually};

on_both_engines! { Fixture::of =>
    address_banned_is_refused_at_claim_join_and_send,
    address_ban_ends_the_sessions_of_others_there,
    address_muted_may_read_but_not_send,
    address_is_free_when_the_last_of_its_bans_is_lifted,
    address_is_free_when_its_ban_is_over_or_replaced,
    address_of_a_person_who_left_can_be_banned,
    address_of_a_person_whose_instance_died_is_known,
    person_at_two_addresses_is_found_at_both,
    person_at_a_banned_address_is_released,
    address_unknown_leaves_the_name_alone,
    neighbours_are_the_others_at_the_address,
    address_action_is_on_record_without_the_hash,
    slow_mode_admits_three_of_an_address_per_interval,
    slow_mode_of_an_address_counts_for_both_or_none,
    moderator_may_send_in_a_read_only_room,
}

const HOME: &str = "hash-of-home";
const OFFICE: &str = "hash-of-office";

/// A person at an address, whose session is named after the key.
fn at(address: &str, name_key: &str) -> Person {
    Person { address: Some(address.into()), ..person(name_key) }
}

/// Lets people join through an incarnation, and others leave.
async fn beat(
    backplane: &dyn Backplane,
    incarnation: &IncarnationId,
    heartbeat_seq: u64,
    adds: &[Person],
    dels: &[Person],
) -> HeartbeatReply {
    let (adds, dels) = (adds.to_vec(), dels.to_vec());
    let heartbeat = Heartbeat { adds, dels, ..Heartbeat::new(incarnation.clone(), heartbeat_seq) };
    backplane.heartbeat(heartbeat).await.expect("a heartbeat")
}

async fn send(backplane: &dyn Backplane, incarnation: &IncarnationId, sender: Person) -> Result<(), PublishError> {
    let nonce = format!("n{}", rand::random::<u64>());
    let post = ruang::backplane::Post { person: sender, ..post(incarnation, "sari", &nonce, "halo") };
    backplane.publish(post).await.map(drop)
}

fn ban(name_key: &str, for_ms: u64, address: bool) -> ModerationAction {
    ModerationAction::Ban { name_key: name_key.into(), name: name_key.to_uppercase(), for_ms, address }
}

fn mute(name_key: &str, for_ms: u64) -> ModerationAction {
    ModerationAction::Mute { name_key: name_key.into(), name: name_key.to_uppercase(), for_ms, address: true }
}

fn pardon(name_key: &str) -> ModerationAction {
    ModerationAction::Unban { name_key: name_key.into(), name: name_key.to_uppercase() }
}

async fn moderate(backplane: &dyn Backplane, action: ModerationAction) -> ModerationOutcome {
    backplane.moderate(action.into()).await.expect("an outcome")
}

fn is_banned(claim: &Claim) -> bool {
    matches!(claim, Claim::Banned(left) if *left > Duration::from_secs(50) && *left <= Duration::from_secs(60))
}

async fn address_banned_is_refused_at_claim_join_and_send(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let there = fixture.other();
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(OFFICE, "citra")], &[]).await;
    assert_eq!(moderate(&*there, ban("sari", 60_000, true)).await, ModerationOutcome::Done);
    for backplane in [&fixture.backplane, &there] {
        assert!(is_banned(&backplane.claim(&at(HOME, "dewi")).await.unwrap()), "another name");
        assert!(is_banned(&backplane.check_claim(&at(HOME, "dewi")).await.unwrap()));
        assert!(is_banned(&backplane.claim(&at(OFFICE, "sari")).await.unwrap()), "her name elsewhere");
    }
    // A session from before the ban, and one that had no address.
    assert_eq!(there.claim(&person("dewi")).await, Ok(Claim::Mine));
    let renewed = beat(&*fixture.backplane, &incarnation, 3, &[at(HOME, "dewi"), at(OFFICE, "adi")], &[]).await;
    assert_eq!(renewed.refused, ["dewi"]);
    assert_eq!(send(&*there, &incarnation, at(HOME, "dewi")).await, Err(PublishError::Ended));
    assert_eq!(send(&*there, &incarnation, at(OFFICE, "citra")).await, Ok(()));
}

async fn address_ban_ends_the_sessions_of_others_there(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    beat(&*fixture.backplane, &one, 2, &[at(HOME, "sari"), at(OFFICE, "citra")], &[]).await;
    beat(&*fixture.backplane, &two, 2, &[at(HOME, "budi"), person("dewi")], &[]).await;
    let mut subscriber = fixture.subscriber().await;
    moderate(&*fixture.other(), ban("sari", 60_000, true)).await;
    for name in ["SARI", "BUDI"] {
        let Event::Ended { delta, .. } = subscriber.next_event().await else { panic!("expected an end") };
        assert_eq!(delta.left[0].name, name);
    }
    let here: Vec<String> = fixture.people().await.into_iter().map(|present| present.member.name).collect();
    assert_eq!(here, ["CITRA", "DEWI"]);
    assert_eq!(fixture.backplane.claim(&at(OFFICE, "budi")).await, Ok(Claim::Mine), "his name is not banned");
}

async fn address_muted_may_read_but_not_send(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let there = fixture.other();
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(HOME, "budi"), at(OFFICE, "citra")], &[]).await;
    assert_eq!(moderate(&*there, mute("sari", 60_000)).await, ModerationOutcome::Done);
    for muted in [at(HOME, "sari"), at(OFFICE, "sari"), at(HOME, "budi")] {
        let Err(PublishError::Muted(wait)) = send(&*there, &incarnation, muted).await else { panic!("not muted") };
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
    }
    assert_eq!(send(&*there, &incarnation, at(OFFICE, "citra")).await, Ok(()));
    assert_eq!(beat(&*there, &incarnation, 3, &[at(HOME, "dewi")], &[]).await.refused, [""; 0], "others may join");
    let unmute = ModerationAction::Unmute { name_key: "sari".into(), name: "Sari".into() };
    assert_eq!(moderate(&*fixture.backplane, unmute).await, ModerationOutcome::Done);
    assert_eq!(send(&*there, &incarnation, at(HOME, "budi")).await, Ok(()), "both are lifted");
    assert_eq!(send(&*there, &incarnation, at(HOME, "sari")).await, Ok(()));
}

async fn address_is_free_when_the_last_of_its_bans_is_lifted(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let there = fixture.other();
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(HOME, "budi budi")], &[]).await;
    moderate(&*there, ban("sari", 60_000, true)).await;
    // He is gone by now; his address is known.
    beat(&*fixture.backplane, &incarnation, 3, &[], &[at(HOME, "budi budi")]).await;
    moderate(&*there, ban("budi budi", 60_000, true)).await;
    assert_eq!(moderate(&*there, pardon("sari")).await, ModerationOutcome::Done);
    assert!(is_banned(&there.check_claim(&at(HOME, "dewi")).await.unwrap()), "his ban holds");
    assert_eq!(moderate(&*there, pardon("budi budi")).await, ModerationOutcome::Done);
    assert_eq!(fixture.backplane.check_claim(&at(HOME, "dewi")).await, Ok(Claim::Mine));
}

async fn address_is_free_when_its_ban_is_over_or_replaced(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(OFFICE, "citra")], &[]).await;
    moderate(&*fixture.backplane, ban("sari", 60_000, true)).await;
    moderate(&*fixture.backplane, ban("sari", 60_000, false)).await;
    assert_eq!(
        fixture.other().check_claim(&at(HOME, "dewi")).await,
        Ok(Claim::Mine),
        "the new ban is of the name only"
    );
    moderate(&*fixture.backplane, ban("citra", 300, true)).await;
    eventually(SOON, "the ban is over", || async {
        match fixture.other().check_claim(&at(OFFICE, "dewi")).await.unwrap() {
            Claim::Mine => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn address_of_a_person_who_left_can_be_banned(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let sari = at(HOME, "sari");
    beat(&*fixture.backplane, &incarnation, 2, std::slice::from_ref(&sari), &[]).await;
    fixture.backplane.end(&sari.session, &sari.name_key).await.unwrap();
    beat(&*fixture.backplane, &incarnation, 3, &[], &[sari]).await;
    assert_eq!(moderate(&*fixture.other(), ban("sari", 60_000, true)).await, ModerationOutcome::Done);
    assert!(is_banned(&fixture.other().claim(&at(HOME, "dewi")).await.unwrap()), "she returns renamed");
    if let Some(redis) = &fixture.redis {
        let left = crate::kit::redis::command(redis, &["PTTL", "ruang:{ruang_chat_utama}:address:sari"]).await;
        let left: i64 = left.trim().parse().expect("milliseconds");
        assert!(left > 3_500_000 && left <= 3_600_000, "an hour: {left}");
    }
}

async fn address_of_a_person_whose_instance_died_is_known(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), person("citra")], &[]).await;
    assert_eq!(fixture.other().reap(&incarnation, 2).await, Ok(ReapOutcome::Done));
    assert_eq!(fixture.other().neighbours(&"sari".into()).await, Ok(Some(0)));
    assert_eq!(fixture.other().neighbours(&"citra".into()).await, Ok(None), "it was never known");
    assert_eq!(moderate(&*fixture.other(), ban("sari", 60_000, true)).await, ModerationOutcome::Done);
    assert!(is_banned(&fixture.other().claim(&at(HOME, "dewi")).await.unwrap()), "she returns renamed");
}

async fn person_at_two_addresses_is_found_at_both(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let budi = Person { other_addresses: vec![OFFICE.into()], ..at(HOME, "budi") };
    beat(&*fixture.backplane, &incarnation, 2, &[budi.clone(), at(OFFICE, "sari")], &[]).await;
    assert_eq!(fixture.other().neighbours(&"sari".into()).await, Ok(Some(1)));
    beat(&*fixture.backplane, &incarnation, 3, &[], &[budi]).await;
    assert_eq!(moderate(&*fixture.other(), ban("budi", 60_000, true)).await, ModerationOutcome::Done);
    for address in [HOME, OFFICE] {
        assert!(is_banned(&fixture.other().claim(&at(address, "dewi")).await.unwrap()), "{address}");
    }
}

async fn person_at_a_banned_address_is_released(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(OFFICE, "budi")], &[]).await;
    moderate(&*fixture.other(), ban("sari", 60_000, true)).await;
    let budi = Person { other_addresses: vec![HOME.into()], ..at(OFFICE, "budi") };
    let reply = beat(&*fixture.backplane, &incarnation, 3, &[budi], &[]).await;
    assert_eq!(reply.refused, ["budi"]);
    let people = fixture.people().await;
    assert!(people.is_empty(), "he is not in the room any longer: {people:?}");
}

async fn address_unknown_leaves_the_name_alone(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    beat(&*fixture.backplane, &incarnation, 2, &[person("sari")], &[]).await;
    for action in [ban("sari", 60_000, true), mute("sari", 60_000), ban("absent", 60_000, true)] {
        assert_eq!(moderate(&*fixture.other(), action).await, ModerationOutcome::NoAddress);
    }
    assert_eq!(send(&*fixture.backplane, &incarnation, person("sari")).await, Ok(()));
    let log = fixture.backplane.moderation_log().await.unwrap();
    assert!(log.bans.is_empty() && log.mutes.is_empty() && log.acts.is_empty(), "{log:?}");
    assert_eq!(fixture.backplane.neighbours(&"sari".into()).await, Ok(None));
}

async fn neighbours_are_the_others_at_the_address(fixture: Fixture) {
    let (one, two) = (fixture.incarnation().await, fixture.incarnation().await);
    beat(&*fixture.backplane, &one, 2, &[at(HOME, "sari"), at(HOME, "budi"), at(OFFICE, "citra")], &[]).await;
    beat(&*fixture.backplane, &two, 2, &[at(HOME, "budi"), at(HOME, "adi"), person("dewi")], &[]).await;
    assert_eq!(fixture.other().neighbours(&"sari".into()).await, Ok(Some(2)));
    assert_eq!(fixture.other().neighbours(&"citra".into()).await, Ok(Some(0)));
    // She moves, then leaves: what holds is where she was last.
    beat(&*fixture.backplane, &one, 3, &[at(OFFICE, "sari")], &[]).await;
    beat(&*fixture.backplane, &one, 4, &[], &[at(OFFICE, "sari")]).await;
    assert_eq!(fixture.other().neighbours(&"sari".into()).await, Ok(Some(1)));
}

async fn address_action_is_on_record_without_the_hash(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    beat(&*fixture.backplane, &incarnation, 2, &[at(HOME, "sari"), at(OFFICE, "citra")], &[]).await;
    moderate(&*fixture.backplane, mute("sari", 60_000)).await;
    moderate(&*fixture.backplane, ban("sari", 60_000, true)).await;
    moderate(&*fixture.backplane, ban("citra", 60_000, false)).await;
    let log = fixture.other().moderation_log().await.unwrap();
    let with_address: Vec<bool> = log.bans.iter().map(|ban| ban.address).collect();
    assert_eq!((with_address, log.mutes[0].address), (vec![false, true], true), "citra, then sari");
    assert_eq!(log.acts[1].act, ban("sari", 60_000, true));
    let record = format!("{:?} {}", log, serde_json::to_string(&log.acts[1].act).unwrap());
    assert!(!record.contains(HOME), "{record}");
}

async fn slow_mode_admits_three_of_an_address_per_interval(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let there = fixture.other();
    let names: Vec<String> = (0..20).map(|n| format!("p{n}")).collect();
    let crowd: Vec<Person> = names.iter().map(|name| at(HOME, name)).collect();
    beat(&*fixture.backplane, &incarnation, 2, &crowd, &[]).await;
    beat(&*fixture.backplane, &incarnation, 3, &[at(OFFICE, "citra"), person("dewi")], &[]).await;
    for sender in &crowd {
        assert_eq!(send(&*there, &incarnation, sender.clone()).await, Ok(()), "without slow mode");
    }
    moderate(&*there, ModerationAction::Slow { interval_ms: 60_000 }).await;
    let (mut admitted, mut waits) = (0, vec![]);
    for (n, sender) in crowd.iter().enumerate() {
        let through = if n % 2 == 0 { &fixture.backplane } else { &there };
        match send(&**through, &incarnation, sender.clone()).await {
            Ok(()) => admitted += 1,
            Err(PublishError::Limited(wait)) => waits.push(wait),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(admitted, 3);
    let third = Duration::from_secs(15)..=Duration::from_secs(20);
    assert!(waits.iter().all(|wait| third.contains(wait)), "{waits:?}");
    for elsewhere in [at(OFFICE, "citra"), person("dewi")] {
        assert_eq!(send(&*there, &incarnation, elsewhere).await, Ok(()));
    }
    moderate(&*there, ModerationAction::Slow { interval_ms: 0 }).await;
    assert_eq!(send(&*there, &incarnation, crowd[19].clone()).await, Ok(()), "it ends at once");
}

async fn slow_mode_of_an_address_counts_for_both_or_none(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let crowd = ["a", "b", "c", "d"].map(|name| at(HOME, name));
    beat(&*fixture.backplane, &incarnation, 2, &crowd, &[]).await;
    moderate(&*fixture.backplane, ModerationAction::Slow { interval_ms: 60_000 }).await;
    for n in 0..5 {
        let sent = send(&*fixture.backplane, &incarnation, crowd[0].clone()).await;
        assert_eq!(sent.is_ok(), n == 0, "her own pace: her refusals take no turn of the others");
    }
    for (n, sender) in crowd.iter().enumerate().skip(1) {
        let sent = send(&*fixture.backplane, &incarnation, sender.clone()).await;
        assert_eq!(sent.is_ok(), n < 3, "{n}");
    }
    // The refusal took no turn of the last one either.
    let elsewhere = Person { address: Some(OFFICE.into()), ..crowd[3].clone() };
    assert_eq!(send(&*fixture.backplane, &incarnation, elsewhere).await, Ok(()));
}

async fn moderator_may_send_in_a_read_only_room(fixture: Fixture) {
    let incarnation = fixture.incarnation().await;
    let there = fixture.other();
    beat(&*fixture.backplane, &incarnation, 2, &[person("sari"), person("budi")], &[]).await;
    moderate(&*there, ModerationAction::ReadOnly { for_ms: None, text: None }).await;
    let moderator = Person { moderates: true, ..person("sari") };
    assert_eq!(send(&*there, &incarnation, moderator).await, Ok(()));
    assert_eq!(send(&*there, &incarnation, person("budi")).await, Err(PublishError::ReadOnly(None)));
}

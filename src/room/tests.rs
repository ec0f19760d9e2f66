mod kit;

use std::sync::atomic::Ordering;

use tokio::{sync::Semaphore, time::sleep};

use self::kit::{DeafBackplane, Recorder, SOON, open, person};
use super::*;
use crate::{
    automod::SharedChecks,
    backplane::{ModerationAction, ModerationOutcome},
    protocol::{Row, Text},
};

#[tokio::test]
async fn panic_in_a_shard_fails_the_room() {
    let room = open(DeafBackplane::new());
    let client = Arc::new(Recorder::default());
    client.panics.store(true, Ordering::SeqCst);
    let failed = room.failed();
    let _joined = room.join(person("sari"), None, client).await;
    timeout(SOON, failed).await.expect("the room fails");
}

#[tokio::test]
async fn panic_in_the_hub_fails_the_room() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned()]).await;
    room.in_sync().await.unwrap();
    backplane.panics.store(true, Ordering::SeqCst);
    backplane.publish_as("budi", "halo").await;
    timeout(SOON, room.failed()).await.expect("the room fails");
    assert!(!room.ready());
}

#[tokio::test]
async fn rules_are_in_force_here_once_they_are_set() {
    let room = open(DeafBackplane::new());
    room.in_sync().await.unwrap();
    for interval_ms in 1..=100 {
        let done = room.moderate(ModerationAction::Slow { interval_ms }.into()).await;
        assert_eq!((done, room.rules().slow_ms), (Ok(ModerationOutcome::Done), interval_ms));
    }
}

#[tokio::test]
async fn instance_far_behind_reads_on_in_portions() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned()]).await;
    let sari = Arc::new(Recorder::default());
    let _joined = room.join(person("sari"), None, sari.clone()).await.unwrap();
    backplane.publish_as("budi", "before").await;
    sari.wait_for("before").await;
    backplane.deafen();
    for n in 1..=1700 {
        backplane.publish_as("budi", &format!("missed-{n}")).await;
    }
    backplane.hear();
    let frames = sari.wait_for("missed-1700").await;
    assert_eq!(frames.matches("\"welcome\"").count(), 1, "no gap is announced");
    let positions: Vec<_> = (1..=1700).map(|n| frames.find(&format!("\"missed-{n}\""))).collect();
    assert!(positions.iter().all(Option::is_some) && positions.is_sorted());
    assert_eq!(frames.matches("\"type\":\"message\"").count(), 1701, "each message once");
    assert!(backplane.pages.lock().len() >= 3);
}

/// The person is in the room already, so no change of presence makes the instance catch up.
#[tokio::test(start_paused = true)]
async fn client_ahead_of_the_instance_is_recovered() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned(), "sari".to_owned()]).await;
    while room.members(None, None, 9).await.unwrap().count < 2 {
        sleep(Duration::from_millis(1)).await;
    }
    backplane.deafen();
    let ahead = backplane.publish_as("budi", "elsewhere").await;
    let sari = Arc::new(Recorder::default());
    let joining = room.join(person("sari"), Some(ahead), sari.clone());
    let late = async {
        // The clock is paused: it advances when all tasks wait.
        sleep(Duration::from_millis(300)).await;
        backplane.hear();
    };
    let (joined, ()) = tokio::join!(joining, late);
    let _joined = joined.unwrap();
    let frames = sari.wait_for("welcome").await;
    assert!(frames.contains("\"recovered\":true"), "{frames}");
}

#[tokio::test(start_paused = true)]
async fn sign_out_lost_by_a_failover_is_repeated() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    let sari = person("sari");
    let another = Person { session: "another".into(), ..sari.clone() };
    drop(room.join(sari.clone(), None, Arc::new(Recorder::default())).await.unwrap());
    let replica = backplane.replica();
    room.end(&sari.session, &sari.name_key).await.unwrap();
    assert_eq!(room.check_claim(&another).await, Ok(Claim::Mine));
    backplane.fail_over(replica);
    assert!(matches!(room.check_claim(&another).await, Ok(Claim::Held { .. })));
    sleep(Duration::from_secs(15)).await;
    assert_eq!(room.check_claim(&another).await, Ok(Claim::Mine));
}

#[tokio::test(start_paused = true)]
async fn page_has_what_was_acknowledged_here_before() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    let joined = room.join(person("sari"), None, Arc::new(Recorder::default())).await.unwrap();
    let newest = async || room.page(Cursor::Newest, 1).await.unwrap().rows.last().map(Row::id);
    backplane.deafen();
    let send = |text: &str| {
        joined.send_message(text.parse().unwrap(), Text::parse(text).unwrap(), None, None, Ok(SharedChecks::default()))
    };
    let id = send("not-received-yet").await.unwrap();
    assert_eq!((newest().await, backplane.pages.lock().len()), (Some(id), 1), "it is read from the backplane");
    backplane.hear();
    while !room.has_received_own().await {}
    assert_eq!((newest().await, backplane.pages.lock().len()), (Some(id), 1), "it is in the cache");
}

#[tokio::test]
async fn client_at_an_unknown_position_joins_unrecovered() {
    let room = open(DeafBackplane::new());
    room.in_sync().await.unwrap();
    let never = room.head().map(|head| Id::new(head.epoch, head.n + 9)).or(Some(Id::new(1, 1)));
    let sari = Arc::new(Recorder::default());
    let _joined = room.join(person("sari"), never, sari.clone()).await.unwrap();
    assert!(sari.wait_for("welcome").await.contains("\"recovered\":false"));
}

#[tokio::test]
async fn resume_with_a_lost_change_is_told_of_a_gap() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned()]).await;
    room.in_sync().await.unwrap();
    let id = backplane.publish_as("budi", "halo").await;
    room.state.reached(id).await;
    for edited_at in [Some(1), None] {
        let from = ResumePoint { since: Some(id), changes: [(id, edited_at)].into() };
        let sari = Arc::new(Recorder::default());
        let _joined = room.join(person("sari"), from, sari.clone()).await.unwrap();
        let frames = sari.wait_for("welcome").await;
        assert!(frames.contains("\"recovered\":false,\"missed\":0"), "{frames}");
    }
}

#[tokio::test(start_paused = true)]
async fn resume_waits_for_a_change_that_is_late() {
    let backplane = DeafBackplane::new();
    let room = open(backplane.clone());
    backplane.add_people(["budi".to_owned()]).await;
    room.in_sync().await.unwrap();
    let id = backplane.publish_as("budi", "halo").await;
    room.state.reached(id).await;
    backplane.deafen();
    backplane.delete_as("budi", id).await;
    let sari = Arc::new(Recorder::default());
    let from = ResumePoint { since: Some(id), changes: [(id, None)].into() };
    let joining = room.join(person("sari"), from, sari.clone());
    let late = async {
        sleep(Duration::from_millis(300)).await;
        assert_eq!(sari.text(), "", "it waits");
        backplane.hear();
    };
    let (joined, ()) = tokio::join!(joining, late);
    let _joined = joined.unwrap();
    assert!(sari.wait_for("welcome").await.contains("\"recovered\":true"), "{}", sari.text());
}

#[tokio::test]
async fn typing_is_published_only_while_it_is_shown() {
    for (others, published) in [(TYPING_AT_MOST - 1, 1), (TYPING_AT_MOST, 0)] {
        let backplane = DeafBackplane::new();
        let room = open(backplane.clone());
        backplane.add_people((0..others).map(|n| format!("p{n}"))).await;
        let sari = Arc::new(Recorder::default());
        let joined = room.join(person("sari"), None, sari.clone()).await.unwrap();
        sari.wait_for(&format!("\"count\":{}", others + 1)).await;
        joined.typing(true).await;
        assert_eq!(backplane.typing.lock().len(), published, "{others} others");
    }
}

/// More people than a snapshot contains.
const MANY: usize = 2500;

/// A room of [`MANY`] people whose names cannot be read yet.
async fn large_room() -> (Arc<DeafBackplane>, Room) {
    let backplane = DeafBackplane::new();
    backplane.portions.forget_permits(Semaphore::MAX_PERMITS);
    backplane.add_people((0..MANY).map(|n| format!("p{n:04}"))).await;
    let room = open(backplane.clone());
    (backplane, room)
}

#[tokio::test]
async fn large_room_is_served_before_its_names_are_read() {
    let (backplane, room) = large_room().await;
    let sari = Arc::new(Recorder::default());
    // One of the people whom the instance does not know yet.
    let joined = timeout(SOON, room.join(person("p0000"), None, sari.clone())).await.unwrap();
    let _joined = joined.expect("nobody waits for names");
    assert!(sari.text().contains(&format!("\"count\":{MANY}")), "{}", sari.text());
    backplane.publish_as("p0001", "halo").await;
    sari.wait_for("halo").await;
    assert!(room.ready() && room.stats().people == MANY);
    assert_eq!(room.members(None, None, 9).await, Err(Unavailable), "no page of a part of the names");
    backplane.portions.add_permits(9);
    let read = async {
        loop {
            if let Ok(page) = room.members(None, Some("p2497"), 9).await {
                return page;
            }
        }
    };
    let page = timeout(SOON, read).await.expect("the names are read");
    assert_eq!((page.names, page.count), (vec!["p2498".to_owned(), "p2499".to_owned()], MANY));
}

#[tokio::test]
async fn names_stay_known_while_they_are_read_again() {
    let (backplane, room) = large_room().await;
    backplane.portions.add_permits(3);
    assert_eq!(room.members(None, None, 9).await.unwrap().count, MANY);
    backplane.deafen();
    backplane.inner.end(&"p0000".into(), &"p0000".into()).await.unwrap();
    backplane.event_lost().await;
    backplane.hear();
    while room.stats().people == MANY {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(room.members(None, None, 1).await.unwrap().names, ["p0000"], "until the read ends");
    backplane.portions.add_permits(3);
    let read = async {
        while room.members(None, None, 1).await.unwrap().names == ["p0000"] {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, read).await.expect("the person who left is found missing");
    assert_eq!(room.stats().people, MANY - 1);
}

#[tokio::test(start_paused = true)]
async fn counts_of_a_large_room_are_sent_once_per_second() {
    let (backplane, room) = large_room().await;
    let sari = Arc::new(Recorder::default());
    let _joined = room.join(person("p0000"), None, sari.clone()).await.unwrap();
    for n in 1..=20 {
        let name = format!("p{n:04}");
        backplane.inner.end(&name.as_str().into(), &name.as_str().into()).await.unwrap();
        sleep(Duration::from_millis(150)).await;
        backplane.publish_as("p0100", &format!("message-{n}")).await;
    }
    sari.wait_for("message-20").await;
    let frames = sari.wait_for(&format!("\"presence\",\"count\":{}", MANY - 20)).await;
    let sent = frames.matches("\"presence\"").count();
    assert!((3..=5).contains(&sent), "{sent} frames: {frames}");
    assert_eq!(frames.matches("\"message\"").count(), 20, "messages do not wait for counts");
}

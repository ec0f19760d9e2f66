//! Every subscriber receives every event in order, or a gap.

use ruang::backplane::{EVENTS_WAITING, Event, Post, Typing};

use super::fixture::{Fixture, Subscriber, heartbeat, post, publish};
use crate::kit::engines::on_both_engines;

on_both_engines! { Fixture::of =>
    message_traced_carries_its_trace,
    subscribers_receive_the_same_events_in_the_same_order,
    message_event_names_the_id_before_it,
    nonce_repeated_is_not_delivered_again,
    typing_is_delivered,
    subscriber_that_overflows_receives_a_gap,
    heartbeat_is_delivered,
}

async fn message_traced_carries_its_trace(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = Subscriber::on(&*fixture.other()).await;
    let given = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let traced = Post { trace: given.clone(), ..post(&incarnation, "sari", "a", "halo") };
    fixture.backplane.publish(traced).await.unwrap();
    publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    for expected in [given, None] {
        let Event::Message { trace, .. } = subscriber.next_event().await else { panic!("expected a message") };
        assert_eq!(trace, expected);
    }
    // The trace is not part of history.
    let kept = fixture.backplane.read(None).await.unwrap().rows;
    assert_eq!(kept.len(), 2);
}

async fn subscribers_receive_the_same_events_in_the_same_order(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut here = fixture.subscriber().await;
    let mut there = Subscriber::on(&*fixture.other()).await;
    for n in 0..20 {
        publish(&*fixture.backplane, &incarnation, &format!("n{n}")).await.unwrap();
        heartbeat(&*fixture.backplane, &incarnation, n + 2, &[&format!("p{n}")], &[]).await.unwrap();
    }
    for _ in 0..60 {
        assert_eq!(here.next().await, there.next().await);
    }
}

async fn message_event_names_the_id_before_it(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = fixture.subscriber().await;
    let mut head = fixture.backplane.read(None).await.unwrap().position.head;
    for (heartbeat_seq, name_key) in [(2, "a"), (3, "b")] {
        let position =
            heartbeat(&*fixture.backplane, &incarnation, heartbeat_seq, &[name_key], &[]).await.unwrap().position;
        let id = publish(&*fixture.backplane, &incarnation, name_key).await.unwrap();
        subscriber.presence().await;
        let Event::Message { prev, version, message, .. } = subscriber.next_event().await else {
            panic!("expected a message")
        };
        assert_eq!((prev, version, message.id), (head, position.version, id));
        assert_eq!((message.from.as_str(), message.text.as_str()), ("SARI", "halo"));
        head = id;
    }
}

async fn nonce_repeated_is_not_delivered_again(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = fixture.subscriber().await;
    let first = publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    publish(&*fixture.backplane, &incarnation, "a").await.unwrap();
    let second = publish(&*fixture.backplane, &incarnation, "b").await.unwrap();
    assert_eq!((subscriber.message().await.id, subscriber.message().await.id), (first, second));
}

async fn typing_is_delivered(fixture: Fixture) {
    let mut subscriber = Subscriber::on(&*fixture.other()).await;
    let typing = Typing { name_key: "sari".into(), name: "Sari \"S\" \\ 🙂".into(), active: true };
    fixture.backplane.typing(typing.clone()).await.unwrap();
    assert_eq!(subscriber.next_event().await, Event::Typing(typing));
}

async fn subscriber_that_overflows_receives_a_gap(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = fixture.subscriber().await;
    // Typing is the cheapest event to publish.
    let typing = Typing { name_key: "sari".into(), name: "SARI".into(), active: true };
    for _ in 0..EVENTS_WAITING + 200 {
        fixture.backplane.typing(typing.clone()).await.unwrap();
    }
    let heard = subscriber.drain();
    assert!(heard <= EVENTS_WAITING, "{heard}");
    let id = publish(&*fixture.backplane, &incarnation, "after").await.unwrap();
    assert_eq!(subscriber.next_event().await, Event::Gap);
    // Some earlier events may arrive only now.
    let mut next = subscriber.next_event().await;
    while matches!(next, Event::Typing(_)) {
        next = subscriber.next_event().await;
    }
    assert!(matches!(&next, Event::Message { message, .. } if message.id == id), "{next:?}");
}

async fn heartbeat_is_delivered(fixture: Fixture) {
    let incarnation = fixture.sender().await;
    let mut subscriber = fixture.subscriber().await;
    heartbeat(&*fixture.backplane, &incarnation, 2, &[], &[]).await.unwrap();
    subscriber.expect_only_heartbeat(&incarnation, 2).await;
}

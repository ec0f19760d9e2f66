//! Every subscriber hears everything, in order, or of a gap.

use ruang::backplane::{EVENTS_WAITING, Event, Post, Typing};

use super::bench::{Bench, Ears, heartbeat, on_each_engine, post, say};

on_each_engine! {
    the_trace_of_a_message_goes_with_it,
    two_subscribers_hear_the_same_in_the_same_order,
    a_message_says_what_came_before_it,
    a_repeated_nonce_is_not_heard_again,
    typing_is_heard,
    a_subscriber_that_does_not_listen_is_told_of_a_gap,
    every_beat_is_heard,
}

async fn the_trace_of_a_message_goes_with_it(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = Ears::on(&*bench.other()).await;
    let given = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let traced = Post { trace: given.clone(), ..post(&incarnation, "sari", "a", "halo") };
    bench.backplane.publish(traced).await.unwrap();
    say(&*bench.backplane, &incarnation, "b").await.unwrap();
    for expected in [given, None] {
        let Event::Message { trace, .. } = ears.next_news().await else { panic!("a message was due") };
        assert_eq!(trace, expected);
    }
    // It is nothing that anybody reads later.
    let kept = bench.backplane.read(None).await.unwrap().rows;
    assert_eq!(kept.len(), 2);
}

async fn two_subscribers_hear_the_same_in_the_same_order(bench: Bench) {
    let incarnation = bench.living().await;
    let mut here = bench.ears().await;
    let mut there = Ears::on(&*bench.other()).await;
    for n in 0..20 {
        say(&*bench.backplane, &incarnation, &format!("n{n}")).await.unwrap();
        heartbeat(&*bench.backplane, &incarnation, n + 2, &[&format!("p{n}")], &[]).await.unwrap();
    }
    for _ in 0..60 {
        assert_eq!(here.next().await, there.next().await);
    }
}

async fn a_message_says_what_came_before_it(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    let mut head = bench.backplane.read(None).await.unwrap().position.head;
    for (heartbeat_seq, name_key) in [(2, "a"), (3, "b")] {
        let position =
            heartbeat(&*bench.backplane, &incarnation, heartbeat_seq, &[name_key], &[]).await.unwrap().position;
        let id = say(&*bench.backplane, &incarnation, name_key).await.unwrap();
        ears.moves().await;
        let Event::Message { prev, version, message, .. } = ears.next_news().await else { panic!("a message was due") };
        assert_eq!((prev, version, message.id), (head, position.version, id));
        assert_eq!((message.from.as_str(), message.text.as_str()), ("SARI", "halo"));
        head = id;
    }
}

async fn a_repeated_nonce_is_not_heard_again(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    let first = say(&*bench.backplane, &incarnation, "a").await.unwrap();
    say(&*bench.backplane, &incarnation, "a").await.unwrap();
    let second = say(&*bench.backplane, &incarnation, "b").await.unwrap();
    assert_eq!((ears.message().await.id, ears.message().await.id), (first, second));
}

async fn typing_is_heard(bench: Bench) {
    let mut ears = Ears::on(&*bench.other()).await;
    let typing = Typing { name_key: "sari".into(), name: "Sari \"S\" \\ 🙂".into(), active: true };
    bench.backplane.typing(typing.clone()).await.unwrap();
    assert_eq!(ears.next_news().await, Event::Typing(typing));
}

async fn a_subscriber_that_does_not_listen_is_told_of_a_gap(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    // What need not be kept is said the fastest.
    let typing = Typing { name_key: "sari".into(), name: "SARI".into(), active: true };
    for _ in 0..EVENTS_WAITING + 200 {
        bench.backplane.typing(typing.clone()).await.unwrap();
    }
    let heard = ears.hear_what_waits();
    assert!(heard <= EVENTS_WAITING, "{heard}");
    let id = say(&*bench.backplane, &incarnation, "after").await.unwrap();
    assert_eq!(ears.next_news().await, Event::Gap);
    // Some of what was said before may only arrive now.
    let mut next = ears.next_news().await;
    while matches!(next, Event::Typing(_)) {
        next = ears.next_news().await;
    }
    assert!(matches!(&next, Event::Message { message, .. } if message.id == id), "{next:?}");
}

async fn every_beat_is_heard(bench: Bench) {
    let incarnation = bench.living().await;
    let mut ears = bench.ears().await;
    heartbeat(&*bench.backplane, &incarnation, 2, &[], &[]).await.unwrap();
    ears.hears_only_beat(&incarnation, 2).await;
}

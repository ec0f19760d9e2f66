use std::sync::Arc;

use tokio::{io::AsyncReadExt, net::TcpListener};

use super::*;
use crate::socket::queue_memory::QueueMemory;

/// A frame that no socket takes whole.
const HUGE: usize = 8 * 1024 * 1024;

async fn pair() -> (Arc<Transport>, TcpStream) {
    pair_within(&Arc::new(QueueMemory::new(usize::MAX))).await
}

async fn pair_within(queue_memory: &Arc<QueueMemory>) -> (Arc<Transport>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.writable().await.unwrap();
    (Arc::new(Transport::new(server, queue_memory.reservation())), client)
}

/// Fills the socket, so that whatever comes next has to wait.
fn fill(transport: &Transport) {
    transport.welcome(vec![b'.'; HUGE].into());
}

#[tokio::test]
async fn what_does_not_fit_follows_in_order_and_then_the_last_word() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    transport.send(Bytes::from_static(b"one"));
    transport.send(Bytes::from_static(b"two"));
    let attending = Arc::clone(&transport);
    let finished = tokio::spawn(async move {
        assert_eq!(
            attending.next_event().await,
            TransportEvent::Farewell(Farewell { reason: Bye::Restart, retry_after_ms: None })
        );
        attending.finish(Bytes::from_static(b"bye")).await;
    });
    let mut all = vec![0; HUGE];
    client.read_exact(&mut all).await.unwrap();
    transport.close(Farewell { reason: Bye::Restart, retry_after_ms: None });
    transport.send(Bytes::from_static(b"not this"));
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "onetwobye");
    drop(client);
    finished.await.unwrap();
}

#[tokio::test]
async fn too_much_waiting_ends_the_connection_and_leaves_no_hole() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    let frame = Bytes::from(vec![b'x'; WAITING_BYTES]);
    transport.send(frame.clone());
    transport.send(Bytes::from_static(b"too much"));
    assert_eq!(
        transport.next_event().await,
        TransportEvent::Farewell(Farewell { reason: Bye::TooSlow, retry_after_ms: None })
    );
    transport.send(Bytes::from_static(b"nor this"));
    let reading = tokio::spawn(async move {
        let mut all = vec![];
        client.read_to_end(&mut all).await.unwrap();
        all.len()
    });
    transport.finish(Bytes::from_static(b"bye")).await;
    assert_eq!(reading.await.unwrap(), HUGE + frame.len() + 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_nothing_for_too_long_is_behind() {
    let (transport, _client) = pair().await;
    fill(&transport);
    let began = Instant::now();
    assert_eq!(transport.next_event().await, TransportEvent::Stalled);
    assert!(began.elapsed() >= BEHIND);
}

#[tokio::test]
async fn a_connection_that_broke_says_so_and_keeps_nothing() {
    let (transport, client) = pair().await;
    fill(&transport);
    drop(client);
    assert_eq!(transport.next_event().await, TransportEvent::Broken);
    transport.send(Bytes::from_static(b"to nobody"));
    assert!(transport.lock().waiting.is_empty());
}

#[tokio::test]
async fn the_task_is_told_to_look_the_session_up() {
    let (transport, _client) = pair().await;
    transport.recheck(Duration::ZERO);
    assert_eq!(transport.next_event().await, TransportEvent::Recheck(Duration::ZERO));
}

#[tokio::test]
async fn a_welcome_on_top_of_one_that_waits_counts() {
    let (transport, _client) = pair().await;
    fill(&transport);
    transport.welcome(vec![b'x'; WAITING_BYTES].into());
    assert_eq!(transport.lock().bytes, WAITING_BYTES);
    transport.welcome(Bytes::from_static(b"one more"));
    assert_eq!(
        transport.next_event().await,
        TransportEvent::Farewell(Farewell { reason: Bye::TooSlow, retry_after_ms: None })
    );
}

#[tokio::test]
async fn whoever_takes_a_little_now_and_then_is_behind_all_the_same() {
    let (transport, _client) = pair().await;
    // As much as the kernel takes, then what waits and counts.
    while transport.lock().waiting.is_empty() {
        transport.send(vec![b'x'; WAITING_BYTES].into());
    }
    let mut state = transport.lock();
    let since = state.waiting[0].since;
    state.stuck = Some(since + BEHIND / 2);
    assert_eq!(state.behind_at(), Some(since + BEHIND), "by what waits, not by what was taken last");
    state.waiting[0].counted = false;
    assert_eq!(state.behind_at(), Some(since + BEHIND + BEHIND / 2), "a welcome only has to go on");
}

#[tokio::test]
async fn when_too_much_waits_for_all_those_go_who_have_most_of_it() {
    let queue_memory = Arc::new(QueueMemory::new(HUGE / 2));
    let (greedy, _client) = pair_within(&queue_memory).await;
    greedy.welcome(vec![b'.'; 2 * HUGE].into());
    assert!(queue_memory.is_exceeded());
    let (modest, _other) = pair_within(&queue_memory).await;
    let frame = Bytes::from(vec![b'x'; 1024]);
    while modest.lock().farewell.is_none() {
        modest.send(frame.clone());
    }
    assert_eq!(
        modest.lock().reservation.bytes().next_multiple_of(1024),
        FAIR_BYTES,
        "until then it keeps what is fair"
    );
    assert_eq!(
        modest.next_event().await,
        TransportEvent::Farewell(Farewell { reason: Bye::Overloaded, retry_after_ms: None })
    );
    drop(greedy);
    assert!(!queue_memory.is_exceeded(), "what nobody waits for is given back");
}

#[test]
fn rest_of_a_begun_frame_ends_with_the_frame() {
    let frames: Vec<u8> = [vec![0x81, 3], b"one".to_vec(), vec![0x81, 126, 0, 200], vec![b'x'; 200]].concat();
    let rest = |written| {
        let whole = Bytes::from(frames.clone());
        let frames = whole.slice(written..);
        Waiting { whole, frames, counted: true, since: Instant::now() }.rest_of_begun_frame().len()
    };
    assert_eq!((rest(0), rest(1), rest(5), rest(6), rest(200)), (0, 4, 0, 203, 9));
}

#[tokio::test]
async fn slow_client_gets_the_begun_frame_and_the_last_word() {
    let (transport, mut client) = pair().await;
    let frame =
        |size: usize| Bytes::from([vec![0x82, 127], (size as u64).to_be_bytes().to_vec(), vec![b'x'; size]].concat());
    transport.welcome(frame(HUGE));
    transport.send(frame(1000));
    let finishing = Arc::clone(&transport);
    let finishing = tokio::spawn(async move { finishing.finish(Bytes::from_static(b"bye")).await });
    // The client takes nothing until the server has given up on all but the begun frame.
    let mut polls = tokio::time::interval(Duration::from_millis(10));
    while transport.lock().waiting.back().is_none_or(|last| last.frames != "bye") || transport.lock().waiting.len() > 2
    {
        polls.tick().await;
    }
    let mut all = vec![];
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), frame(HUGE).len() + 3, "the frame that has not begun is left out");
    assert!(all.ends_with(b"xbye"));
    finishing.await.unwrap();
}

#[tokio::test]
async fn client_that_takes_nothing_at_the_end_is_reset() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    transport.finish(Bytes::from_static(b"bye")).await;
    drop(transport);
    let error = client.read_to_end(&mut vec![]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

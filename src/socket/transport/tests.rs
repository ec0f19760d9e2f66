use std::sync::Arc;

use tokio::{io::AsyncReadExt, net::TcpListener};

use super::*;
use crate::queue_memory::QueueMemory;

/// A size that no socket takes at once.
const HUGE: usize = 8 * 1024 * 1024;
const TOO_SLOW: TransportEvent = farewell(Bye::TooSlow);

const fn farewell(reason: Bye) -> TransportEvent {
    TransportEvent::Farewell(Farewell { reason, retry_after_ms: None })
}

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

/// Fills the socket, so that anything later has to wait.
fn fill(transport: &Transport) {
    transport.welcome(vec![b'.'; HUGE].into());
}

/// A frame with a payload of this size.
fn frame(size: usize) -> Bytes {
    [vec![0x82, 127], (size as u64).to_be_bytes().to_vec(), vec![b'x'; size]].concat().into()
}

#[tokio::test]
async fn waiting_frames_follow_in_order_then_the_last_ones() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    transport.send(Bytes::from_static(b"one"));
    transport.send(Bytes::from_static(b"two"));
    let server = Arc::clone(&transport);
    let finished = tokio::spawn(async move {
        assert_eq!(server.next_event().await, farewell(Bye::Restart));
        server.finish(Bytes::from_static(b"bye")).await;
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
async fn full_queue_ends_the_connection_without_a_hole() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    let waiting = Bytes::from(vec![b'x'; QUEUE_BYTES]);
    transport.send(waiting.clone());
    transport.send(Bytes::from_static(b"too much"));
    assert_eq!(transport.next_event().await, TOO_SLOW);
    transport.send(Bytes::from_static(b"nor this"));
    let reading = tokio::spawn(async move {
        let mut all = vec![];
        client.read_to_end(&mut all).await.unwrap();
        all.len()
    });
    transport.finish(Bytes::from_static(b"bye")).await;
    assert_eq!(reading.await.unwrap(), HUGE + waiting.len() + 3);
}

#[tokio::test]
async fn refused_batch_still_ends_with_its_begun_frame() {
    let (transport, mut client) = pair().await;
    let batch = [frame(1000).as_ref(), frame(501).as_ref()].concat().repeat(HUGE / 1000);
    transport.send(batch.clone().into());
    assert_eq!(transport.next_event().await, TOO_SLOW, "more than may wait");
    let reading = tokio::spawn(async move {
        let mut all = vec![];
        client.read_to_end(&mut all).await.unwrap();
        all
    });
    transport.finish(Bytes::from_static(b"bye")).await;
    let all = reading.await.unwrap();
    let sent = all.strip_suffix(b"bye").expect("the last frames");
    assert!(batch.starts_with(sent));
    let mut end = 0;
    while end < sent.len() {
        end += frame_length(&sent[end..]);
    }
    assert_eq!(end, sent.len(), "the last frames follow a whole one");
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_for_ten_seconds_is_stalled() {
    let (transport, _client) = pair().await;
    fill(&transport);
    let start = Instant::now();
    assert_eq!(transport.next_event().await, TransportEvent::Stalled);
    assert!(start.elapsed() >= STALL);
}

#[tokio::test(start_paused = true)]
async fn standstill_of_the_process_stalls_no_client() {
    let (transport, _client) = pair().await;
    fill(&transport);
    let start = Instant::now();
    let server = Arc::clone(&transport);
    let event = tokio::spawn(async move { server.next_event().await });
    tokio::task::yield_now().await;
    tokio::time::advance(STALL + STANDSTILL).await;
    assert_eq!(event.await.unwrap(), TransportEvent::Stalled);
    assert!(start.elapsed() >= STALL * 2 + STANDSTILL, "it had its time again");
}

#[tokio::test]
async fn broken_connection_is_reported_and_keeps_nothing() {
    let (transport, client) = pair().await;
    fill(&transport);
    drop(client);
    assert_eq!(transport.next_event().await, TransportEvent::Broken);
    transport.send(Bytes::from_static(b"lost"));
    assert!(transport.state.lock().waiting.is_empty());
}

#[tokio::test]
async fn recheck_wakes_the_connection() {
    let (transport, _client) = pair().await;
    transport.recheck();
    assert_eq!(transport.next_event().await, TransportEvent::Recheck);
}

#[tokio::test]
async fn second_welcome_counts_while_the_first_one_waits() {
    let (transport, _client) = pair().await;
    fill(&transport);
    transport.welcome(vec![b'x'; QUEUE_BYTES].into());
    assert_eq!(transport.state.lock().counted_bytes, QUEUE_BYTES);
    transport.welcome(Bytes::from_static(b"one more"));
    assert_eq!(transport.next_event().await, TOO_SLOW);
}

#[tokio::test]
async fn client_that_reads_a_little_is_judged_by_the_oldest_frame() {
    let (transport, _client) = pair().await;
    // The socket's buffer first, then a frame that waits and counts.
    while transport.state.lock().waiting.is_empty() {
        transport.send(vec![b'x'; QUEUE_BYTES].into());
    }
    let mut state = transport.state.lock();
    let since = state.waiting[0].since;
    state.stalled_since = Some(since + STALL / 2);
    assert_eq!(state.stall_deadline(), Some(since + STALL), "by age, not by the last write");
    state.waiting[0].counted = false;
    assert_eq!(state.stall_deadline(), Some(since + STALL + STALL / 2), "a welcome only has to make progress");
}

#[tokio::test]
async fn exceeded_queue_memory_ends_the_largest_queues() {
    let queue_memory = Arc::new(QueueMemory::new(HUGE / 2));
    let (greedy, _client) = pair_within(&queue_memory).await;
    greedy.welcome(vec![b'.'; 2 * HUGE].into());
    assert!(queue_memory.is_exceeded());
    let (modest, _other) = pair_within(&queue_memory).await;
    let small = frame(1014);
    while modest.state.lock().farewell.is_none() {
        modest.send(small.clone());
    }
    let waiting = modest.state.lock().reservation.bytes();
    assert_eq!(waiting.next_multiple_of(1024), FAIR_BYTES, "a fair share may wait");
    assert_eq!(modest.next_event().await, farewell(Bye::Overloaded));
    drop(greedy);
    assert!(!queue_memory.is_exceeded(), "a dropped connection releases its share");
}

#[test]
fn begun_frame_ends_with_its_last_byte() {
    let frames: Vec<u8> = [vec![0x81, 3], b"one".to_vec(), vec![0x81, 126, 0, 200], vec![b'x'; 200]].concat();
    let rest = |written| {
        let waiting = Waiting { frames: frames.clone().into(), written, counted: true, since: Instant::now() };
        waiting.begun_frame().map(|begun| begun.left().len())
    };
    assert_eq!([0, 1, 5, 6, 200, 209].map(rest), [None, Some(4), None, Some(203), Some(9), None]);
}

#[tokio::test]
async fn slow_client_gets_the_begun_frame_and_the_last_ones() {
    let (transport, mut client) = pair().await;
    transport.welcome(frame(HUGE));
    transport.send(frame(1000));
    let server = Arc::clone(&transport);
    let finished = tokio::spawn(async move { server.finish(Bytes::from_static(b"bye")).await });
    // The client reads only once the server has dropped all other frames.
    let mut polls = tokio::time::interval(Duration::from_millis(10));
    let is_dropped = || {
        let state = transport.state.lock();
        state.waiting.len() == 2 && state.waiting.back().is_some_and(|last| last.frames == "bye")
    };
    while !is_dropped() {
        polls.tick().await;
    }
    let mut all = vec![];
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), frame(HUGE).len() + 3, "the frame that has not begun is dropped");
    assert!(all.ends_with(b"xbye"));
    finished.await.unwrap();
}

#[tokio::test]
async fn client_that_reads_nothing_at_the_end_is_reset() {
    let (transport, mut client) = pair().await;
    fill(&transport);
    transport.finish(Bytes::from_static(b"bye")).await;
    drop(transport);
    let error = client.read_to_end(&mut vec![]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

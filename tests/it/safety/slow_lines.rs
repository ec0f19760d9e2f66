//! Readers on slow lines: a burst that a line takes in time cuts no reader, and the end of a connection is whole.

use std::time::Duration;

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval, timeout_at},
};

use crate::kit::{Cluster, Engine, raw::joined_with_buffer};

/// People who each send [`TEXTS`] at once: 800 KB in all, within every limit.
const SENDERS: usize = 10;
const TEXTS: usize = 10;
/// Bytes per second of a line of 2 Mbit/s, and of one of 0.25 Mbit/s.
const LINE: usize = 250_000;
const THIN_LINE: usize = 31_250;
/// The time for the burst on a line of 2 Mbit/s, where it takes 3.3 s.
const BURST_WITHIN: Duration = Duration::from_secs(15);
/// The time in which a thin line carries all of the burst, and more: until then the server has closed, and the reader has
/// read what the kernel held for it.
const END_WITHIN: Duration = Duration::from_secs(40);
/// Bytes that the system of a client on such a line takes ahead of it: some, and as few as it can.
const BUFFER: usize = 6 * 1024;
const THIN_BUFFER: usize = 1;
/// The interval between the reads of a slow client.
const TICK: Duration = Duration::from_millis(20);

#[tokio::test]
async fn burst_of_long_texts_cuts_no_reader_at_2_mbit() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let mut streams = vec![];
    for n in 0..SENDERS {
        streams.push(join(&cluster, &format!("pembaca{n}"), BUFFER).await);
    }
    // All of it waits before any is read: slower writers would give the line time.
    burst(&cluster).await;
    let deadline = Instant::now() + BURST_WITHIN;
    let readers: Vec<_> = streams.into_iter().map(|stream| SlowReader::start(stream, LINE)).collect();
    for reader in readers {
        let received = reader.read_until(deadline, |received| received.messages() >= SENDERS * TEXTS).await;
        assert_eq!((received.messages(), received.end), (SENDERS * TEXTS, None));
    }
}

#[tokio::test]
async fn reader_at_a_quarter_mbit_ends_with_whole_frames() {
    let cluster = Cluster::builder(Engine::Memory).start().await;
    let mut readers = vec![];
    for n in 0..4 {
        let stream = join(&cluster, &format!("pembaca{n}"), THIN_BUFFER).await;
        readers.push(SlowReader::start(stream, THIN_LINE));
    }
    burst(&cluster).await;
    let deadline = Instant::now() + END_WITHIN;
    for reader in readers {
        let received = reader.read_until(deadline, |_| false).await;
        assert!(received.messages() < SENDERS * TEXTS, "the burst is more than the line takes");
        // A reset may end it anywhere. Otherwise the last frame is whole, and says why.
        if received.end == Some(End::Closed) {
            assert!(received.rest.is_empty(), "the end is inside of a frame");
            let (opcode, payload) = received.frames.last().expect("frames");
            assert_eq!((*opcode, payload.as_slice()), (0x8, &1013_u16.to_be_bytes()[..]));
            let bye = String::from_utf8_lossy(&received.frames[received.frames.len() - 2].1).into_owned();
            assert!(bye.starts_with(r#"{"type":"bye","reason":"too_slow""#), "{bye}");
        }
        assert!(received.end.is_some(), "the server has closed");
    }
}

/// Ten people send ten texts of 8 KB each, at once.
async fn burst(cluster: &Cluster) {
    let text = "\u{1f642}".repeat(2000);
    let mut senders = vec![];
    for n in 0..SENDERS {
        senders.push(cluster.join(0, &format!("penulis{n}")).await);
    }
    for _ in 0..TEXTS {
        for sender in &mut senders {
            sender.send_text(&text).await;
        }
    }
    for sender in &mut senders {
        let acked = sender.expect("all are acknowledged", |transcript| transcript.acks.len() == TEXTS).await;
        assert!(acked.errors.is_empty(), "{:?}", acked.errors);
    }
}

/// A client that reads at the pace of its line, through small buffers and segments as on a real network.
struct SlowReader(JoinHandle<()>, watch::Receiver<Received>);

/// The bytes that a slow reader has received.
#[derive(Clone, Debug, Default)]
struct Received {
    /// Whole frames: opcode and payload.
    frames: Vec<(u8, Vec<u8>)>,
    /// The start of an unfinished frame.
    rest: Vec<u8>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

impl SlowReader {
    fn start(stream: TcpStream, bytes_per_second: usize) -> Self {
        let (sender, receiver) = watch::channel(Received::default());
        Self(tokio::spawn(read(stream, bytes_per_second, sender)), receiver)
    }

    /// Waits for a condition, the end or the deadline.
    async fn read_until(self, deadline: Instant, is_done: impl Fn(&Received) -> bool) -> Received {
        let Self(reading, mut receiver) = self;
        let done = receiver.wait_for(|received| received.end.is_some() || is_done(received));
        let _ = timeout_at(deadline, done).await;
        let received = receiver.borrow().clone();
        reading.abort();
        received
    }
}

async fn join(cluster: &Cluster, name: &str, buffer: usize) -> TcpStream {
    joined_with_buffer(&cluster.sign_in(0, name).await, buffer).await
}

async fn read(mut stream: TcpStream, bytes_per_second: usize, received: watch::Sender<Received>) {
    let per_tick = bytes_per_second * usize::try_from(TICK.as_millis()).expect("short") / 1000;
    let mut ticks = interval(TICK);
    let mut buffer = vec![0; per_tick];
    loop {
        ticks.tick().await;
        let tick_end = Instant::now() + TICK;
        let mut left = per_tick;
        // Several segments a tick, as the line carries them.
        while left > 0
            && let Ok(read) = timeout_at(tick_end, stream.read(&mut buffer[..left])).await
        {
            left -= *read.as_ref().unwrap_or(&0);
            received.send_modify(|received| match read {
                Ok(0) => received.end = Some(End::Closed),
                Ok(bytes) => received.take(&buffer[..bytes]),
                Err(_) => received.end = Some(End::Reset),
            });
            if received.borrow().end.is_some() {
                return;
            }
        }
    }
}

impl Received {
    fn messages(&self) -> usize {
        self.frames.iter().filter(|(_, payload)| payload.starts_with(br#"{"type":"message""#)).count()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some((header, payload)) = lengths(&self.rest)
            && self.rest.len() >= header + payload
        {
            let frame: Vec<u8> = self.rest.drain(..header + payload).collect();
            assert!(frame[0] & 0x70 == 0 && matches!(frame[0] & 0x0f, 0x1 | 0x8..=0xa), "no frame begins here");
            self.frames.push((frame[0] & 0x0f, frame[header..].to_vec()));
        }
    }
}

/// The lengths of the header and the payload of the frame that begins here.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, 126, ref rest @ ..] => Some((4, usize::from(u16::from_be_bytes(*rest.first_chunk()?)))),
        [_, 127, ref rest @ ..] => Some((10, usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?)),
        [_, short, ..] => Some((2, usize::from(short))),
        _ => None,
    }
}

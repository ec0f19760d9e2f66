//! Rate limits for one client's frames and bytes. Plain and synchronous.

use std::time::{Duration, Instant};

use crate::rate::{Limiter, Pace, Rate};

/// Errors: the tenth at once is too many, or more than nine per minute for longer.
const ERRORS: Pace = Pace { every: 60_000_000_000 / 9, ahead: 8 * (60_000_000_000 / 9) };
/// Joins of a client that is in the room.
const REJOINS: Pace = Pace { every: 1_000_000_000, ahead: 0 };
/// Typing notes.
const TYPING: Pace = Pace { every: 3_000_000_000, ahead: 0 };
/// Milliseconds in which reading is paused: ten seconds at once, or a tenth of the time.
const PAUSES: Pace = Pace { every: 10_000_000, ahead: 100_000_000_000 };
/// The least number of frames per second that a client may send in the long run, whatever the limit on messages.
const MIN_FRAMES_PER_SECOND: f64 = 200.0;
/// Frames per second if messages are unlimited.
const FRAMES_PER_SECOND_UNLIMITED: f64 = 5000.0;
/// Frames for each message that a client may send: typing, pings and fragments are frames too.
const FRAMES_PER_MESSAGE: f64 = 4.0;
/// The mean length of frames, in bytes, that a client may send in the long run.
const BYTES_PER_FRAME: f64 = 1024.0;

/// The pace of every client's input: frames of any kind, in any state.
#[derive(Clone, Copy, Debug)]
pub(in crate::socket) struct InboundPace {
    frames: Pace,
    bytes: Pace,
}

/// The limiters of one client.
#[derive(Debug, Default)]
pub(super) struct ClientLimits {
    frames: Limiter,
    bytes: Limiter,
    pauses: Limiter,
    errors: Limiter,
    rejoins: Limiter,
    typing: Limiter,
    is_typing: bool,
}

impl InboundPace {
    /// The pace of clients with this limit of messages.
    pub(in crate::socket) fn of(messages: Rate) -> Self {
        let limited = (messages.per_second * FRAMES_PER_MESSAGE).max(MIN_FRAMES_PER_SECOND);
        let per_second = if messages.is_unlimited() { FRAMES_PER_SECOND_UNLIMITED } else { limited };
        let frames = Rate { per_second, burst: per_second };
        Self { frames: frames.pace(), bytes: frames.times(BYTES_PER_FRAME).pace() }
    }
}

impl ClientLimits {
    /// Counts a read. Returns how long to pause reading, if it was too much.
    pub(super) fn charge_input(
        &mut self,
        pace: InboundPace,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Option<Duration> {
        // A read costs as much as a frame, even if it is a single byte of one.
        let frames = self.frames.charge(pace.frames, frames.max(1) as u64, now);
        let bytes = self.bytes.charge(pace.bytes, bytes as u64, now);
        frames.max(bytes)
    }

    /// Counts a pause. Returns whether the client has been paused for too long.
    pub(super) fn is_one_pause_too_many(&mut self, pause: Duration, now: Instant) -> bool {
        let ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.pauses.charge(PAUSES, ms, now).is_some()
    }

    /// Counts an error. Returns whether there are too many.
    pub(super) fn is_one_error_too_many(&mut self, now: Instant) -> bool {
        self.errors.take(ERRORS, now).is_err()
    }

    /// Admits another join of a client that is in the room.
    ///
    /// # Errors
    /// The time until it may be admitted.
    pub(super) fn rejoin(&mut self, now: Instant) -> Result<(), Duration> {
        self.rejoins.take(REJOINS, now)
    }

    /// Whether a typing note is new to the other clients.
    pub(super) fn is_typing_news(&mut self, active: bool, now: Instant) -> bool {
        if active {
            let is_news = self.typing.take(TYPING, now).is_ok();
            self.is_typing |= is_news;
            return is_news;
        }
        std::mem::take(&mut self.is_typing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_on_and_off_is_news_once_in_a_pause() {
        let (mut limits, start) = (ClientLimits::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!((0..290).filter(|n| limits.is_typing_news(n % 2 == 0, at(n * 10))).count(), 2);
        assert!(limits.is_typing_news(true, at(3000)));
    }

    #[test]
    fn second_join_may_follow_at_once_and_a_third_a_second_later() {
        let (mut limits, start) = (ClientLimits::default(), Instant::now());
        assert_eq!(limits.rejoin(start), Ok(()));
        assert_eq!(limits.rejoin(start + Duration::from_millis(500)), Err(Duration::from_millis(500)));
        assert_eq!(limits.rejoin(start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn tenth_error_at_once_is_too_many_and_rare_ones_are_not() {
        let (mut quick, mut slow, start) = (ClientLimits::default(), ClientLimits::default(), Instant::now());
        for n in 0..20 {
            assert!(!slow.is_one_error_too_many(start + Duration::from_millis(7500) * n), "error {n}");
        }
        assert!((0..9).all(|_| !quick.is_one_error_too_many(start)));
        assert!(quick.is_one_error_too_many(start));
    }

    #[test]
    fn busy_client_is_not_paused_and_a_flood_is() {
        let (pace, start) = (InboundPace::of(Rate { per_second: 5.0, burst: 10.0 }), Instant::now());
        let mut busy = ClientLimits::default();
        for tenth in 0..600 {
            // Ten long messages with their typing at once, every two seconds.
            let frames = if tenth % 20 == 0 { 20 } else { 1 };
            let now = start + Duration::from_millis(100) * tenth;
            assert_eq!(busy.charge_input(pace, frames, frames * 4000, now), None);
        }
        let (mut flood, mut now, mut frames) = (ClientLimits::default(), start, 0);
        while now < start + Duration::from_secs(10) {
            now += Duration::from_micros(100) + flood.charge_input(pace, 200, 4096, now).unwrap_or_default();
            frames += 200;
        }
        assert!((2000..=2600).contains(&frames), "{frames}");
    }

    #[test]
    fn long_flood_is_cut_and_a_short_one_is_not() {
        let (pause, start) = (Duration::from_secs(1), Instant::now());
        let cut_after = |every: Duration| {
            let mut limits = ClientLimits::default();
            (0..100).find(|n| limits.is_one_pause_too_many(pause, start + every * *n))
        };
        assert_eq!(cut_after(Duration::from_secs(60)), None);
        let seconds = cut_after(pause);
        assert!(seconds.is_some_and(|seconds| (9..=13).contains(&seconds)), "{seconds:?}");
    }

    #[test]
    fn few_frames_of_many_bytes_are_a_flood_too() {
        let (pace, start) = (InboundPace::of(Rate { per_second: 5.0, burst: 10.0 }), Instant::now());
        let mut limits = ClientLimits::default();
        assert!((0..100).any(|_| limits.charge_input(pace, 0, 4096, start).is_some()));
    }
}

//! The time between two turns of a shard: frames that arrive meanwhile leave in one write to each client.

use std::time::Duration;

/// The interval's part for each client: a write takes the kernel about a tenth of that.
const INTERVAL_PER_CLIENT: Duration = Duration::from_micros(40);
/// The longest pause between two writes to a client: too short to notice, and half of the time that a page takes to draw.
const LONGEST_INTERVAL: Duration = Duration::from_millis(20);

/// Bytes broadcast in one turn: a client's send buffer takes that much.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes for single clients written in one turn, and per second while more is queued: welcomes, when many clients join.
pub(super) const DIRECT_BYTES: usize = 256 * 1024;
const DIRECT_BYTES_PER_SECOND: f64 = 64.0 * 1024.0 * 1024.0;
/// Bytes per second to each client while more is queued than one turn broadcasts: a line of 10 Mbit/s keeps up, and for a
/// slower one a bounded part is queued.
const BYTES_PER_SECOND: f64 = 1_250_000.0;

/// Returns the time between the starts of two turns, of which the first broadcast this many bytes to this many clients, and wrote
/// `direct` bytes to single ones. In a calm room no turn ever waits for it, and in a small room it is nearly zero.
pub(super) fn turn_interval(clients: usize, broadcast: usize, direct: usize) -> Duration {
    let clients = if broadcast == 0 { 0 } else { u32::try_from(clients).unwrap_or(u32::MAX) };
    let of_clients = INTERVAL_PER_CLIENT.saturating_mul(clients).min(LONGEST_INTERVAL);
    let of_broadcast = if broadcast < CHUNK_BYTES { 0.0 } else { broadcast as f64 / BYTES_PER_SECOND };
    let of_direct = if direct < DIRECT_BYTES { 0.0 } else { direct as f64 / DIRECT_BYTES_PER_SECOND };
    of_clients.max(Duration::from_secs_f64(of_broadcast.max(of_direct)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_grows_with_the_room_up_to_a_bound() {
        assert_eq!(turn_interval(0, 1, 0), Duration::ZERO);
        assert_eq!(turn_interval(100, 1, 0), Duration::from_millis(4));
        assert_eq!(turn_interval(1_000_000, 1000, 0), LONGEST_INTERVAL);
        assert_eq!(turn_interval(1_000_000, 0, 1000), Duration::ZERO, "nothing was broadcast");
    }

    #[test]
    fn interval_after_many_bytes_lets_a_line_keep_up() {
        assert_eq!(turn_interval(1, 1_250_000, 0), Duration::from_secs(1));
        assert_eq!(turn_interval(1, 0, 64 * 1024 * 1024), Duration::from_secs(1));
    }
}

//! How soon after one turn the next may begin: what arrives in between leaves in one write to each client.

use std::time::Duration;

/// Rest for each client that a turn was for: a write takes the kernel about a tenth of that.
const REST_PER_CLIENT: Duration = Duration::from_micros(40);
/// Longest rest. Below what a person notices, and half of what a page takes to draw.
const REST_AT_MOST: Duration = Duration::from_millis(20);

/// The time from the beginning of a turn that told so many clients something, to the next. In a calm room no turn ever
/// waits for that, in a small one it is nothing.
pub(super) fn rest(clients: usize) -> Duration {
    REST_PER_CLIENT.saturating_mul(u32::try_from(clients).unwrap_or(u32::MAX)).min(REST_AT_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_the_room_up_to_a_bound() {
        assert_eq!(rest(0), Duration::ZERO);
        assert_eq!(rest(100), Duration::from_millis(4));
        assert_eq!(rest(1_000_000), REST_AT_MOST);
    }
}

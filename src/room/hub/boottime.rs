//! The time since boot, which goes on while the machine is suspended.

use std::time::Duration;

/// Returns the time since boot. On Linux `Instant` stops during suspension, and the leases of other instances do not
/// (clock_gettime(2), `CLOCK_BOOTTIME`).
#[cfg(target_os = "linux")]
pub(super) fn boottime() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

/// Returns the time since the first call: the `Instant` of other systems includes suspension, or no clock does.
#[cfg(not(target_os = "linux"))]
pub(super) fn boottime() -> Duration {
    use std::{sync::OnceLock, time::Instant};
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

//! The time since boot, of which a suspended machine's sleep is a part.

use std::time::Duration;

/// How long ago the machine was started, suspension included: `Instant` stands still meanwhile on Linux, and the
/// others' leases do not (clock_gettime(2), `CLOCK_BOOTTIME`).
#[cfg(target_os = "linux")]
pub(super) fn boottime() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

/// Time that passed since this was first asked: other systems' `Instant` counts suspension, or nothing does.
#[cfg(not(target_os = "linux"))]
pub(super) fn boottime() -> Duration {
    use std::{sync::OnceLock, time::Instant};
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

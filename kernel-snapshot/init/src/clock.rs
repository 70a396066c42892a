//! Wall-clock time: the kernel reads it only at boot, so a resumed machine must be told.

use anyhow::{Context, Result};
use rustix::time::{ClockId, Timespec, clock_settime};

/// Sets `CLOCK_REALTIME` to nanoseconds since the Unix epoch.
pub(crate) fn set(wall_clock_ns: u64) -> Result<()> {
    clock_settime(ClockId::Realtime, timespec(wall_clock_ns)).context("set the clock")
}

fn timespec(nanoseconds: u64) -> Timespec {
    const SECOND: u64 = 1_000_000_000;
    // Both quotients of a u64 fit in an i64.
    Timespec { tv_sec: (nanoseconds / SECOND) as i64, tv_nsec: (nanoseconds % SECOND) as _ }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_split() {
        let time = timespec(1_700_000_000_123_456_789);
        assert_eq!((time.tv_sec, time.tv_nsec), (1_700_000_000, 123_456_789));
    }
}

//! The guest's clock beside the host's.
//!
//! Guest time goes on by one tick an instruction while the guest runs, and is brought up to the host's clock after each
//! slice and each wait; where it is ahead, it waits for the host's clock to catch up. A tick is a nanosecond.

use std::time::Duration;

/// Where both clocks stood when the guest was resumed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    tsc: u64,
    host: Duration,
}

impl Pace {
    pub(super) fn new(tsc: u64, host: Duration) -> Pace {
        Pace { tsc, host }
    }

    /// The tick that belongs to a moment of the host.
    pub(super) fn tsc(&self, now: Duration) -> u64 {
        let elapsed = now.saturating_sub(self.host).as_nanos();
        self.tsc.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// How long it takes from `now` until the guest's clock shows `tsc`.
    pub(super) fn until(&self, tsc: u64, now: Duration) -> Duration {
        Duration::from_nanos(tsc.saturating_sub(self.tsc(now)))
    }
}

//! Conversions between the guest's TSC and other clocks, exact in 128 bits.

/// Frequency of the interval timer's input, in Hz.
const PIT_HZ: u128 = 1_193_182;
const NS_PER_SECOND: u128 = 1_000_000_000;

/// Frequency of the guest's TSC, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TscRate {
    khz: u32,
}
crate::fields!(TscRate { khz } where |rate: &TscRate| rate.khz != 0, "a TSC frequency other than 0");

impl TscRate {
    /// A frequency of 0 counts as 1 kHz.
    pub(super) fn new(khz: u32) -> TscRate {
        TscRate { khz: khz.max(1) }
    }

    pub(super) fn khz(self) -> u32 {
        self.khz
    }

    fn hz(self) -> u128 {
        u128::from(self.khz) * 1000
    }

    /// Ticks of the interval timer after `tsc` TSC ticks.
    pub(super) fn pit_ticks(self, tsc: u64) -> u64 {
        saturate(u128::from(tsc) * PIT_HZ / self.hz())
    }

    /// The first TSC tick at which the interval timer has made `ticks` ticks.
    pub(super) fn tsc_of_pit_ticks(self, ticks: u64) -> u64 {
        saturate((u128::from(ticks) * self.hz()).div_ceil(PIT_HZ))
    }

    /// Nanoseconds in `tsc` TSC ticks.
    pub(super) fn ns(self, tsc: u64) -> u64 {
        saturate(u128::from(tsc) * NS_PER_SECOND / self.hz())
    }
}

fn saturate(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

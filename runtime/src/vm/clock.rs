//! The paravirtual clock's registers, and the generator behind RDRAND.

use super::{TSC_KHZ, Vm};
use crate::devices::clock::{self, ClockMsr, SystemTime};
use crate::exception::Exception;

/// What the guest wrote to the clock's MSRs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Clock {
    pub(crate) wall: u64,
    pub(crate) system: u64,
}

impl Clock {
    /// The value last written to a clock MSR.
    pub(crate) fn value(&self, which: ClockMsr) -> u64 {
        match which {
            ClockMsr::WallClock => self.wall,
            ClockMsr::SystemTime => self.system,
        }
    }
}

impl Vm {
    /// Writes a clock MSR. The guest's time since boot is its TSC, whose tick is a nanosecond.
    pub(crate) fn write_clock(&mut self, which: ClockMsr, value: u64) -> Result<(), Exception> {
        match which {
            ClockMsr::WallClock => {
                self.clock.wall = value;
                let now = self.tsc();
                let boot = self.devices.wall_clock(now).saturating_sub(now);
                let gpa = crate::devices::Gpa(value);
                self.with_bus(|_, memory, _| clock::write_wall_clock(memory, gpa, boot)).map_err(|_| Exception::GP0)
            }
            ClockMsr::SystemTime => {
                self.clock.system = value;
                self.publish_time(false)
            }
        }
    }

    /// Writes the system time where the guest wants it; `stopped` says that the guest did not run for a while.
    pub(crate) fn publish_time(&mut self, stopped: bool) -> Result<(), Exception> {
        let Some(gpa) = clock::system_time_address(self.clock.system) else { return Ok(()) };
        let tsc = self.tsc();
        let time = SystemTime { tsc, system_ns: tsc, tsc_khz: TSC_KHZ, stopped };
        self.with_bus(|_, memory, _| clock::write_system_time(memory, gpa, &time)).map_err(|_| Exception::GP0)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): what RDRAND gives. Seeded by the host; fixed in deterministic mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

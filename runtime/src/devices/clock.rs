//! KVM's paravirtual clock: the two structures that a guest reads, and the MSRs that say where it wants them.
//!
//! Layout and protocol: Linux `Documentation/virt/kvm/x86/msr.rst` and `arch/x86/include/asm/pvclock-abi.h`. The guest
//! computes nanoseconds since boot as `system_time + (((tsc - tsc_timestamp) << shift) * mul >> 32)`.
//! Everything here is a pure function of its arguments, which writes through [`Memory`].

use super::memory::{Gpa, Memory, OutOfRange};

/// `MSR_KVM_WALL_CLOCK_NEW`: guest-physical address for the wall clock; written once.
pub const MSR_WALL_CLOCK: u32 = 0x4b56_4d00;
/// `MSR_KVM_SYSTEM_TIME_NEW`: guest-physical address of the system time, bit 0 enables.
pub const MSR_SYSTEM_TIME: u32 = 0x4b56_4d01;
/// `MSR_KVM_WALL_CLOCK`, the older number of [`MSR_WALL_CLOCK`].
pub const MSR_WALL_CLOCK_LEGACY: u32 = 0x11;
/// `MSR_KVM_SYSTEM_TIME`, the older number of [`MSR_SYSTEM_TIME`].
pub const MSR_SYSTEM_TIME_LEGACY: u32 = 0x12;

/// Flag `PVCLOCK_TSC_STABLE_BIT`: the TSC is the same on all processors.
const TSC_STABLE: u8 = 1 << 0;
/// Flag `PVCLOCK_GUEST_STOPPED`: the guest was stopped by the host; it must not take that for a soft lockup.
const GUEST_STOPPED: u8 = 1 << 1;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Which clock an MSR belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMsr {
    /// The wall clock at boot.
    WallClock,
    /// The system time.
    SystemTime,
}

impl ClockMsr {
    /// The clock of `msr`, by either number.
    pub fn from_index(msr: u32) -> Option<ClockMsr> {
        match msr {
            MSR_WALL_CLOCK | MSR_WALL_CLOCK_LEGACY => Some(ClockMsr::WallClock),
            MSR_SYSTEM_TIME | MSR_SYSTEM_TIME_LEGACY => Some(ClockMsr::SystemTime),
            _ => None,
        }
    }
}

/// The address in a value written to [`MSR_SYSTEM_TIME`]; `None` switches the clock off.
pub fn system_time_address(value: u64) -> Option<Gpa> {
    (value & 1 != 0).then_some(Gpa(value & !1))
}

/// What the system-time structure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemTime {
    /// Guest TSC at the sample.
    pub tsc: u64,
    /// Nanoseconds since boot at the sample.
    pub system_ns: u64,
    /// Frequency of the guest's TSC in kHz, not 0.
    pub tsc_khz: u32,
    /// Whether the guest was stopped since it last looked (a resume).
    pub stopped: bool,
}

/// Multiplier and shift that turn TSC ticks at `tsc_khz` into nanoseconds: `(ticks << shift) * mul >> 32`.
///
/// The smallest shift whose multiplier fits 32 bits, hence the most exact. A frequency of 0 counts as 1 kHz.
pub fn tsc_scale(tsc_khz: u32) -> (u32, i8) {
    let hz = u128::from(tsc_khz.max(1)) * 1000;
    (-31..=31i8)
        .find_map(|shift| {
            let mul = (u128::from(NS_PER_SECOND) << (32 - i32::from(shift))) / hz;
            Some((u32::try_from(mul).ok()?, shift))
        })
        .expect("1 kHz to 4 THz scale with shifts from -11 to 20")
}

/// Writes `pvclock_vcpu_time_info` (32 bytes) at `gpa`, with its version odd meanwhile and even afterwards.
///
/// # Errors
/// If the structure is not inside guest memory.
pub fn write_system_time(memory: &mut dyn Memory, gpa: Gpa, time: &SystemTime) -> Result<(), OutOfRange> {
    let (mul, shift) = tsc_scale(time.tsc_khz);
    let flags = TSC_STABLE | if time.stopped { GUEST_STOPPED } else { 0 };
    let mut body = [0; 28];
    body[4..12].copy_from_slice(&time.tsc.to_le_bytes());
    body[12..20].copy_from_slice(&time.system_ns.to_le_bytes());
    body[20..24].copy_from_slice(&mul.to_le_bytes());
    body[24] = shift.to_le_bytes()[0];
    body[25] = flags;
    write_versioned(memory, gpa, &body)
}

/// Writes `pvclock_wall_clock` (12 bytes) at `gpa`: the wall-clock time at which the system time was 0.
///
/// `boot_ns` is in nanoseconds since the Unix epoch.
///
/// # Errors
/// If the structure is not inside guest memory.
pub fn write_wall_clock(memory: &mut dyn Memory, gpa: Gpa, boot_ns: u64) -> Result<(), OutOfRange> {
    let mut body = [0; 8];
    body[..4].copy_from_slice(&((boot_ns / NS_PER_SECOND) as u32).to_le_bytes());
    body[4..].copy_from_slice(&((boot_ns % NS_PER_SECOND) as u32).to_le_bytes());
    write_versioned(memory, gpa, &body)
}

fn write_versioned(memory: &mut dyn Memory, gpa: Gpa, body: &[u8]) -> Result<(), OutOfRange> {
    let length = body.len() + 4;
    let after = gpa.checked_add(4).ok_or(OutOfRange { gpa, length })?;
    let version = memory.read_u32(gpa)? & !1;
    memory.write_u32(gpa, version.wrapping_add(1))?;
    memory.write(after, body)?;
    memory.write_u32(gpa, version.wrapping_add(2))
}

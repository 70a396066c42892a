//! The debug registers: which breakpoints an access meets. SDM volume 3B, section 17.2.
//!
//! Only breakpoints that DR7 enables (by an L or a G bit) are looked at, and only their bits are set in DR6. The manual
//! leaves open what the length of an instruction breakpoint and RW = 10b without CR4.DE mean: the first is ignored, the
//! second meets nothing.

/// DR0 to DR7.
pub type DebugRegisters = [u64; 8];

/// DR0 to DR7 after a reset.
pub const RESET: DebugRegisters = [0, 0, 0, 0, 0, 0, DR6_FIXED, DR7_FIXED];

/// Bits of DR6 that are always set.
const DR6_FIXED: u64 = 0xffff_0ff0;
/// Bits of DR6 that software may set: B0 to B3, BD, BS, BT.
const DR6_DEFINED: u64 = 0xe00f;
/// The bit of DR7 that is always set.
const DR7_FIXED: u64 = 1 << 10;
/// Bits of DR7 that software may set: L, G, LE, GE, GD, RW and LEN.
const DR7_DEFINED: u64 = 0xffff_23ff;
/// L0 to G3.
const ENABLES: u64 = 0xff;

/// DR6: the breakpoints met.
pub const MET: u64 = 0xf;
/// DR6: MOV met DR7.GD.
pub const BD: u64 = 1 << 13;
/// DR6: a single step.
pub const BS: u64 = 1 << 14;
/// DR7: MOV of debug registers is #DB.
pub const GD: u64 = 1 << 13;

/// What an instruction does at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It lies there.
    Execute,
    /// It reads there.
    Read,
    /// It writes there.
    Write,
    /// It reads or writes the port of that number; CR4.DE is set.
    Port,
}

impl Event {
    /// Whether a breakpoint with this RW field is of the event (SDM 3B, 17.2.4).
    fn is_of(self, rw: u64) -> bool {
        match rw {
            0 => self == Event::Execute,
            1 => self == Event::Write,
            2 => self == Event::Port,
            _ => matches!(self, Event::Read | Event::Write),
        }
    }
}

/// The value that DR6 takes when software writes one.
pub fn dr6(value: u64) -> u64 {
    value & DR6_DEFINED | DR6_FIXED
}

/// The value that DR7 takes when software writes one.
pub fn dr7(value: u64) -> u64 {
    value & DR7_DEFINED | DR7_FIXED
}

/// Whether any breakpoint is enabled.
#[inline]
pub fn any_enabled(registers: &DebugRegisters) -> bool {
    registers[7] & ENABLES != 0
}

/// The enabled breakpoints: number, RW field, first byte and number of bytes.
fn enabled(registers: &DebugRegisters) -> impl Iterator<Item = (u32, u64, u64, u64)> + '_ {
    let control = registers[7];
    (0..4u32).filter(move |number| control >> (2 * number) & 3 != 0).map(move |number| {
        let field = control >> (16 + 4 * number);
        let length = if field & 3 == 0 { 1 } else { [1, 2, 8, 4][(field >> 2 & 3) as usize] };
        (number, field & 3, registers[number as usize] & !(length - 1), length)
    })
}

/// Bits B0 to B3 of DR6 for the breakpoints that `event` at `size` bytes from `address` meets.
pub fn met(registers: &DebugRegisters, event: Event, address: u64, size: u64) -> u64 {
    enabled(registers)
        .filter(|&(_, rw, first, length)| {
            event.is_of(rw) && (first.wrapping_sub(address) < size || address.wrapping_sub(first) < length)
        })
        .fold(0, |bits, (number, ..)| bits | 1 << number)
}

/// The addresses of enabled data breakpoints.
pub fn watched(registers: &DebugRegisters) -> impl Iterator<Item = u64> + '_ {
    enabled(registers).filter(|&(_, rw, ..)| rw & 1 != 0).map(|(_, _, first, _)| first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breakpoint 2 with these fields, enabled locally.
    fn registers(address: u64, rw: u64, len: u64) -> DebugRegisters {
        [0, 0, address, 0, 0, 0, DR6_FIXED, dr7(1 << 4 | rw << 24 | len << 26)]
    }

    #[test]
    fn an_access_meets_what_it_overlaps() {
        let eight = registers(0x1004, 3, 2);
        for (address, size, expected) in
            [(0xfff, 1, 0), (0xfff, 2, 4), (0x1007, 1, 4), (0x1008, 8, 0), (0xff0, 64, 4), (u64::MAX, 8, 0)]
        {
            assert_eq!(met(&eight, Event::Read, address, size), expected, "{address:x}+{size}");
        }
        assert_eq!(met(&eight, Event::Execute, 0x1000, 1), 0);
        let write = registers(0x1001, 1, 0);
        assert_eq!((met(&write, Event::Read, 0x1001, 1), met(&write, Event::Write, 0x1000, 2)), (0, 4));
        let port = registers(0x3f8, 2, 1);
        assert_eq!((met(&port, Event::Port, 0x3f9, 1), met(&port, Event::Write, 0x3f8, 1)), (4, 0));
        // The length of an instruction breakpoint is ignored.
        let execute = registers(0x1003, 0, 3);
        assert_eq!((met(&execute, Event::Execute, 0x1003, 1), met(&execute, Event::Execute, 0x1000, 1)), (4, 0));
        assert_eq!((watched(&eight).collect::<Vec<_>>(), watched(&port).count()), (vec![0x1000], 0));
    }
}

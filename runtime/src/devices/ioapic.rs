//! The I/O APIC (Intel 82093AA): 24 pins, each with a redirection entry that turns its line into a message.
//!
//! Edge-triggered pins send on a rising edge; an edge on a masked pin is lost, as the data sheet says.
//! Level-triggered pins send while their line is high and their remote IRR is clear; the message's acceptance sets
//! remote IRR and the EOI broadcast clears it, upon which a line that is still high sends again.
//! Departure: the polarity bit is stored but lines are always active high, since every source here is internal.

use super::lapic::{Delivery, Message};

/// Input pins.
pub(super) const PINS: usize = 24;
/// Version 0x11 and the number of the last entry.
const VERSION: u32 = 0x11 | (PINS as u32 - 1) << 16;
const REMOTE_IRR: u64 = 1 << 14;
const LEVEL: u64 = 1 << 15;
const MASKED: u64 = 1 << 16;
/// Bits that software may write: all but delivery status, remote IRR and the reserved ones.
const WRITABLE: u64 = 0xff00_0000_0001_afff;

/// The I/O APIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IoApic {
    id: u32,
    select: u8,
    lines: u32,
    entries: [u64; PINS],
}
crate::fields!(IoApic { id, select, lines, entries });

impl IoApic {
    pub(super) fn new() -> IoApic {
        IoApic { id: 0, select: 0, lines: 0, entries: [MASKED; PINS] }
    }

    /// Drives `pin`; the message to deliver, if the change causes one.
    pub(super) fn set_line(&mut self, pin: usize, high: bool) -> Option<Message> {
        let entry = *self.entries.get(pin)?;
        let was = self.lines >> pin & 1 != 0;
        self.lines = self.lines & !(1 << pin) | u32::from(high) << pin;
        match entry & LEVEL != 0 {
            true => self.level_message(pin),
            false => (high && !was && entry & MASKED == 0).then(|| message(entry)),
        }
    }

    /// The message of a level-triggered pin that is due to send.
    pub(super) fn level_message(&self, pin: usize) -> Option<Message> {
        let entry = *self.entries.get(pin)?;
        let due = entry & (LEVEL | MASKED | REMOTE_IRR) == LEVEL && self.lines >> pin & 1 != 0;
        due.then(|| message(entry))
    }

    /// The processor took the level-triggered message of `pin`.
    pub(super) fn accepted(&mut self, pin: usize) {
        self.entries[pin] |= REMOTE_IRR;
    }

    /// Whether an interrupt of `pin` would be sent at all.
    pub(super) fn is_masked(&self, pin: usize) -> bool {
        self.entries.get(pin).is_none_or(|entry| entry & MASKED != 0)
    }

    /// The EOI broadcast of `vector`.
    pub(super) fn end_of_interrupt(&mut self, vector: u8) {
        for entry in self.entries.iter_mut().filter(|entry| **entry & LEVEL != 0 && **entry as u8 == vector) {
            *entry &= !REMOTE_IRR;
        }
    }

    /// Reads IOREGSEL (offset 0) or IOWIN (0x10).
    pub(super) fn read(&self, offset: u32) -> u32 {
        match (offset, self.select) {
            (0x00, select) => u32::from(select),
            (0x10, 0x00 | 0x02) => self.id,
            (0x10, 0x01) => VERSION,
            (0x10, select @ 0x10..0x40) => {
                let entry = self.entries[usize::from(select - 0x10) / 2];
                (if select & 1 == 0 { entry } else { entry >> 32 }) as u32
            }
            _ => 0,
        }
    }

    /// Writes IOREGSEL or IOWIN. Level-triggered pins have to be looked at afterwards.
    pub(super) fn write(&mut self, offset: u32, value: u32) {
        match (offset, self.select) {
            (0x00, _) => self.select = value as u8,
            (0x10, 0x00) => self.id = value & 0x0f00_0000,
            (0x10, select @ 0x10..0x40) => self.write_entry(usize::from(select - 0x10) / 2, select & 1 != 0, value),
            _ => {}
        }
    }

    fn write_entry(&mut self, pin: usize, high: bool, value: u32) {
        let entry = &mut self.entries[pin];
        let written = match high {
            true => *entry & 0xffff_ffff | u64::from(value) << 32,
            false => *entry & !0xffff_ffff | u64::from(value),
        };
        // An edge-triggered entry has no remote IRR: Linux relies on it to clear a stuck one.
        let kept = if written & LEVEL != 0 { *entry & REMOTE_IRR } else { 0 };
        *entry = written & WRITABLE | kept;
    }
}

fn message(entry: u64) -> Message {
    Message {
        vector: entry as u8,
        delivery: Delivery::of(entry as u32),
        level: entry & LEVEL != 0,
        logical: entry & 1 << 11 != 0,
        destination: (entry >> 56) as u8,
    }
}

//! The interrupt fabric: lines of the devices to the I/O APIC and the 8259 pair, and their messages to the local APIC.
//!
//! A global system interrupt (GSI) is the pin of the I/O APIC with that number, the interval timer's 0 included: the
//! MP table that describes this machine says so (a PC has it on pin 2). GSIs 0 to 15 drive the 8259 as well.

use super::ioapic::{IoApic, PINS};
use super::lapic::LocalApic;
use super::pic::Pic;

/// Number of an interrupt line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gsi(pub u8);

/// ISA interrupt of the interval timer.
pub(super) const PIT_GSI: Gsi = Gsi(0);

/// All three controllers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interrupts {
    pub(super) lapic: LocalApic,
    ioapic: IoApic,
    pub(super) pic: Pic,
}
crate::fields!(Interrupts { lapic, ioapic, pic });

impl Interrupts {
    pub(super) fn new() -> Interrupts {
        Interrupts { lapic: LocalApic::new(), ioapic: IoApic::new(), pic: Pic::new() }
    }

    /// Drives a line.
    pub(super) fn set_line(&mut self, gsi: Gsi, high: bool) {
        self.pic.set_line(gsi.0, high);
        let pin = usize::from(gsi.0);
        if let Some(message) = self.ioapic.set_line(pin, high) {
            let accepted = self.lapic.deliver(message);
            if accepted && message.level {
                self.ioapic.accepted(pin);
            }
        }
    }

    /// Gives the line a new rising edge, and leaves it high.
    pub(super) fn raise(&mut self, gsi: Gsi) {
        self.set_line(gsi, false);
        self.set_line(gsi, true);
    }

    /// Sends what level-triggered pins have due.
    fn retry(&mut self) {
        for pin in 0..PINS {
            if self.ioapic.level_message(pin).is_some_and(|message| self.lapic.deliver(message)) {
                self.ioapic.accepted(pin);
            }
        }
    }

    pub(super) fn pending(&self) -> Option<u8> {
        self.external().or_else(|| self.lapic.pending())
    }

    fn external(&self) -> Option<u8> {
        if self.lapic.passes_external() { self.pic.pending() } else { None }
    }

    pub(super) fn acknowledge(&mut self) -> Option<u8> {
        match self.external() {
            Some(_) => self.pic.acknowledge(),
            None => self.lapic.acknowledge(),
        }
    }

    /// Whether the interval timer's interrupt could reach the processor.
    pub(super) fn wants_pit(&self) -> bool {
        !self.ioapic.is_masked(usize::from(PIT_GSI.0)) || !self.pic.timer_is_masked() && self.lapic.passes_external()
    }

    pub(super) fn write_lapic(&mut self, offset: u32, value: u32, now: u64) {
        let effect = self.lapic.write(offset, value, now);
        self.apply(effect.end_of_interrupt, effect.retry);
    }

    /// False where the MSR does not exist or refuses the value.
    pub(super) fn write_lapic_msr(&mut self, msr: u32, value: u64, now: u64) -> bool {
        let Some(effect) = self.lapic.msr_write(msr, value, now) else { return false };
        self.apply(effect.end_of_interrupt, effect.retry);
        true
    }

    fn apply(&mut self, end_of_interrupt: Option<u8>, retry: bool) {
        if let Some(vector) = end_of_interrupt {
            self.ioapic.end_of_interrupt(vector);
        }
        if retry || end_of_interrupt.is_some() {
            self.retry();
        }
    }

    pub(super) fn read_ioapic(&self, offset: u32) -> u32 {
        self.ioapic.read(offset)
    }

    pub(super) fn write_ioapic(&mut self, offset: u32, value: u32) {
        self.ioapic.write(offset, value);
        self.retry();
    }
}

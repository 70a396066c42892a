//! Which device answers which address: MMIO by page, ports by number.
//!
//! MMIO: the slots' pages are an array, indexed by page; the I/O APIC and the local APIC have a page each. Ports of
//! more than 8 bits are so many accesses to consecutive ports. What nobody decodes reads all ones and ignores writes.

use super::Devices;
use super::interrupts::Gsi;
use super::memory::{Gpa, Memory, Width};
use super::virtio::{MMIO_BASE, MMIO_SIZE, MMIO_STRIDE, SLOT_COUNT};

/// Guest-physical address of the I/O APIC.
pub const IOAPIC_BASE: u64 = 0xfec0_0000;
/// Guest-physical address of the local APIC after reset; the only one supported.
pub const LAPIC_BASE: u64 = 0xfee0_0000;

const PAGE: u64 = 0x1000;
const COM1: u16 = 0x3f8;
pub(super) const UART_GSI: Gsi = Gsi(4);

/// What the guest asks of the machine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Restart it: keyboard controller, port 0x92 or port 0xcf9.
    Reset,
}

/// What answers a guest-physical address.
enum Unit {
    Slot(usize),
    IoApic,
    LocalApic,
}

fn unit(gpa: Gpa) -> Option<(Unit, u64)> {
    match gpa.0 & !(PAGE - 1) {
        IOAPIC_BASE => Some((Unit::IoApic, gpa.0 - IOAPIC_BASE)),
        LAPIC_BASE => Some((Unit::LocalApic, gpa.0 - LAPIC_BASE)),
        _ => {
            let offset = gpa.0.checked_sub(MMIO_BASE)?;
            let slot = (offset / MMIO_STRIDE) as usize;
            let inside = offset % MMIO_STRIDE;
            (offset / MMIO_STRIDE < SLOT_COUNT as u64 && inside < MMIO_SIZE).then_some((Unit::Slot(slot), inside))
        }
    }
}

impl Devices {
    /// Whether a device's registers are on the page of `gpa`.
    pub fn is_mmio(gpa: Gpa) -> bool {
        unit(Gpa(gpa.0 & !(PAGE - 1))).is_some()
    }

    /// Reads `width` at `gpa`, zero-extended.
    pub fn mmio_read(&mut self, now: u64, gpa: Gpa, width: Width) -> u64 {
        match unit(gpa) {
            Some((Unit::Slot(slot), offset)) => self.transports[slot].read(self.models.view(slot), offset, width),
            Some((Unit::IoApic, offset)) => u64::from(self.interrupts.read_ioapic(offset as u32)) & width.ones(),
            Some((Unit::LocalApic, offset)) if self.interrupts.lapic.is_enabled() => {
                let register = self.interrupts.lapic.read(offset as u32 & !0xf, now);
                // Registers are 32 bits at the start of 16 bytes; narrower reads see their part.
                u64::from(register).checked_shr(8 * (offset as u32 & 0xf)).unwrap_or(0) & width.ones()
            }
            _ => {
                self.journal.trace(|| format!("read of {gpa}: no device"));
                width.ones()
            }
        }
    }

    /// Writes the low `width` of `value` at `gpa`.
    pub fn mmio_write(&mut self, memory: &mut dyn Memory, now: u64, gpa: Gpa, width: Width, value: u64) {
        let value = value & width.ones();
        match unit(gpa) {
            Some((Unit::Slot(slot), offset)) => {
                let device = self.models.of(slot);
                self.transports[slot].write(device, memory, &mut self.journal, (offset, width, value));
                self.update_line(slot);
            }
            Some((Unit::IoApic, offset)) => self.interrupts.write_ioapic(offset as u32, value as u32),
            Some((Unit::LocalApic, offset)) if self.interrupts.lapic.is_enabled() && offset & 0xf == 0 => {
                self.interrupts.write_lapic(offset as u32, value as u32, now);
            }
            _ => self.journal.trace(|| format!("write of {value:#x} to {gpa}: no device")),
        }
    }

    /// Reads `width` (up to 32 bits) from `port`, zero-extended.
    pub fn port_read(&mut self, now: u64, port: u16, width: Width) -> u32 {
        let bytes = (0..width.bytes().min(4) as u16).rev();
        bytes.fold(0, |value, index| value << 8 | u32::from(self.read_byte(now, port.wrapping_add(index))))
    }

    /// Writes the low `width` (up to 32 bits) of `value` to `port`.
    pub fn port_write(&mut self, now: u64, port: u16, width: Width, value: u32) {
        for (index, byte) in value.to_le_bytes().into_iter().enumerate().take(width.bytes()) {
            self.write_byte(now, port.wrapping_add(index as u16), byte);
        }
    }

    fn read_byte(&mut self, now: u64, port: u16) -> u8 {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 | 0x4d0 | 0x4d1 => {
                self.advance(now);
                self.interrupts.pic.read(port)
            }
            0x40..=0x42 | 0x61 => self.pit.read(port, self.rate.pit_ticks(now)),
            // The keyboard controller: buffers empty, nothing attached.
            0x64 => 0,
            0x71 => self.rtc.read(self.wall_clock(now)),
            // Line A20 is on.
            0x92 => 2,
            0xcf9 => 0,
            COM1..=0x3ff => {
                let value = self.uart.read(port - COM1);
                self.update_uart_line();
                value
            }
            _ => {
                self.journal.unknown_port(port);
                0xff
            }
        }
    }

    fn write_byte(&mut self, now: u64, port: u16, value: u8) {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 | 0x4d0 | 0x4d1 => self.interrupts.pic.write(port, value),
            0x40..=0x43 | 0x61 => {
                self.advance_pit(now);
                self.pit.write(port, value, self.rate.pit_ticks(now));
                self.advance_pit(now);
            }
            0x64 if value == 0xfe => self.request = Some(Request::Reset),
            0x70 => self.rtc.select(value),
            0x92 if value & 1 != 0 => self.request = Some(Request::Reset),
            0xcf9 if value & 4 != 0 => self.request = Some(Request::Reset),
            // The clock is read only; 0x80 and 0xed are written for the delay alone.
            0x64 | 0x71 | 0x80 | 0x92 | 0xed | 0xcf9 => {}
            COM1..=0x3ff => {
                self.uart.write(port - COM1, value);
                self.update_uart_line();
            }
            _ => self.journal.unknown_port(port),
        }
    }
}

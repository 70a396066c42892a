//! A 16550A serial port (National Semiconductor PC16550D data sheet): COM1, ports 0x3f8 to 0x3ff, GSI 4.
//!
//! Transmission takes no time: a byte written is in the output at once. When the host lets [`OUTPUT_LIMIT`] bytes
//! pile up, the transmitter stays busy until it takes them. Input beyond the 16-byte FIFO waits in the same queue, so
//! nothing overruns except in loop-back mode. Line speed, parity and modem lines have no effect beyond their registers.

use std::collections::VecDeque;

/// Output bytes kept until the host takes them.
pub(super) const OUTPUT_LIMIT: usize = 64 << 10;
/// Input bytes kept until the guest takes them.
const INPUT_LIMIT: usize = 4096;
/// The receive FIFO in loop-back mode.
const FIFO: usize = 16;

const IER_RECEIVE: u8 = 1;
const IER_TRANSMIT: u8 = 2;
const IER_LINE: u8 = 4;
const IER_MODEM: u8 = 8;
const LCR_DLAB: u8 = 0x80;
const MCR_OUT2: u8 = 8;
const MCR_LOOP: u8 = 0x10;
const LSR_DATA: u8 = 1;
const LSR_OVERRUN: u8 = 2;
const LSR_EMPTY: u8 = 0x60;

/// The serial port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Uart {
    ier: u8,
    fcr: u8,
    lcr: u8,
    mcr: u8,
    scratch: u8,
    divisor: u16,
    overrun: bool,
    /// The transmitter-empty interrupt is due.
    transmit_due: bool,
    /// Changes of the modem lines since the last read.
    modem_changes: u8,
    input: VecDeque<u8>,
    output: VecDeque<u8>,
}
crate::fields!(Uart {
    ier, fcr, lcr, mcr, scratch, divisor, overrun, transmit_due, modem_changes, input, output,
} where |uart: &Uart| uart.input.len() <= INPUT_LIMIT && uart.output.len() <= OUTPUT_LIMIT, "queues within their limits");

impl Uart {
    pub(super) fn new() -> Uart {
        Uart { divisor: 1, ..Uart::default() }
    }

    fn latch_access(&self) -> bool {
        self.lcr & LCR_DLAB != 0
    }

    fn loops(&self) -> bool {
        self.mcr & MCR_LOOP != 0
    }

    fn transmitter_empty(&self) -> bool {
        self.output.len() < OUTPUT_LIMIT
    }

    /// Received bytes at which the data interrupt comes.
    fn trigger(&self) -> usize {
        match (self.fcr & 1, self.fcr >> 6) {
            (0, _) | (_, 0) => 1,
            (_, 1) => 4,
            (_, 2) => 8,
            _ => 14,
        }
    }

    /// Interrupt identification, by priority: line status, data, time-out, transmitter, modem; 1 is none.
    fn identification(&self) -> u8 {
        if self.ier & IER_LINE != 0 && self.overrun {
            6
        } else if self.ier & IER_RECEIVE != 0 && self.input.len() >= self.trigger() {
            4
        } else if self.ier & IER_RECEIVE != 0 && !self.input.is_empty() {
            0xc
        } else if self.ier & IER_TRANSMIT != 0 && self.transmit_due {
            2
        } else if self.ier & IER_MODEM != 0 && self.modem_changes != 0 {
            0
        } else {
            1
        }
    }

    /// The interrupt line.
    pub(super) fn line(&self) -> bool {
        self.identification() != 1 && self.mcr & (MCR_OUT2 | MCR_LOOP) == MCR_OUT2
    }

    /// Modem lines: all present, or in loop-back mode what the control register drives.
    fn modem_lines(&self) -> u8 {
        match self.loops() {
            true => (self.mcr & 1) << 5 | (self.mcr & 2) << 3 | (self.mcr & 0xc) << 4,
            false => 0xb0,
        }
    }

    pub(super) fn read(&mut self, register: u16) -> u8 {
        match register {
            0 if self.latch_access() => self.divisor.to_le_bytes()[0],
            0 => self.input.pop_front().unwrap_or(0),
            1 if self.latch_access() => self.divisor.to_le_bytes()[1],
            1 => self.ier,
            2 => self.read_identification(),
            3 => self.lcr,
            4 => self.mcr,
            5 => self.read_line_status(),
            6 => self.modem_lines() | std::mem::take(&mut self.modem_changes),
            _ => self.scratch,
        }
    }

    fn read_identification(&mut self) -> u8 {
        let value = self.identification();
        if value == 2 {
            self.transmit_due = false;
        }
        value | if self.fcr & 1 != 0 { 0xc0 } else { 0 }
    }

    fn read_line_status(&mut self) -> u8 {
        let mut value = 0;
        if !self.input.is_empty() {
            value |= LSR_DATA;
        }
        if std::mem::take(&mut self.overrun) {
            value |= LSR_OVERRUN;
        }
        if self.transmitter_empty() {
            value |= LSR_EMPTY;
        }
        value
    }

    pub(super) fn write(&mut self, register: u16, value: u8) {
        let [low, high] = self.divisor.to_le_bytes();
        match register {
            0 if self.latch_access() => self.divisor = u16::from_le_bytes([value, high]),
            0 => self.transmit(value),
            1 if self.latch_access() => self.divisor = u16::from_le_bytes([low, value]),
            1 => self.write_ier(value),
            2 => self.write_fcr(value),
            3 => self.lcr = value,
            4 => self.write_mcr(value),
            7 => self.scratch = value,
            _ => {}
        }
    }

    /// Enabling the transmitter interrupt while the transmitter is empty raises it.
    fn write_ier(&mut self, value: u8) {
        let value = value & 0xf;
        if value & !self.ier & IER_TRANSMIT != 0 && self.transmitter_empty() {
            self.transmit_due = true;
        }
        self.ier = value;
    }

    fn write_fcr(&mut self, value: u8) {
        let toggled = (value ^ self.fcr) & 1 != 0;
        if toggled || value & 2 != 0 {
            self.input.clear();
        }
        self.fcr = if value & 1 != 0 { value & 0xc9 } else { 0 };
    }

    fn write_mcr(&mut self, value: u8) {
        let before = self.modem_lines();
        self.mcr = value & 0x1f;
        let after = self.modem_lines();
        let trailing_ring = before & !after & 0x40;
        self.modem_changes |= (before ^ after) >> 4 & 0xb | trailing_ring >> 4;
    }

    fn transmit(&mut self, value: u8) {
        if !self.loops() {
            if self.transmitter_empty() {
                self.output.push_back(value);
            }
        } else if self.input.len() < FIFO {
            self.input.push_back(value);
        } else {
            self.overrun = true;
        }
        self.transmit_due = self.transmitter_empty();
    }

    pub(super) fn input_space(&self) -> usize {
        INPUT_LIMIT.saturating_sub(self.input.len())
    }

    /// Queues input; how many of `bytes` there was room for.
    pub(super) fn push_input(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.input_space());
        self.input.extend(&bytes[..taken]);
        taken
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Takes all output; a busy transmitter becomes empty.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        if !self.transmitter_empty() {
            self.transmit_due = true;
        }
        std::mem::take(&mut self.output).into()
    }
}

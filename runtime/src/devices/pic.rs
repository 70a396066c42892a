//! The pair of 8259A interrupt controllers: ports 0x20, 0x21 (master), 0xa0, 0xa1 (slave), 0x4d0, 0x4d1 (ELCR).
//!
//! Intel 8259A data sheet: ICW1 to ICW4, OCW1 to OCW3, fixed and rotating priorities, special mask mode, polling,
//! automatic EOI. Departure: a request on an edge-triggered input stays latched when its line falls before the
//! acknowledge, where the chip would give a spurious interrupt 7. Not modelled: MCS-80 mode, buffered mode and
//! special fully nested mode, which Linux does not use.

/// The slave's output is this input of the master.
const CASCADE: u8 = 2;

/// One 8259A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Chip {
    lines: u8,
    irr: u8,
    isr: u8,
    imr: u8,
    level: u8,
    base: u8,
    /// Input with the lowest priority; 7 unless rotated.
    lowest: u8,
    /// Next initialisation word, 2 to 4; 0 when initialised.
    step: u8,
    wants_icw4: bool,
    automatic_eoi: bool,
    rotate_automatic: bool,
    special_mask: bool,
    read_isr: bool,
    poll: bool,
}
crate::fields!(Chip {
    lines,
    irr,
    isr,
    imr,
    level,
    base,
    lowest,
    step,
    wants_icw4,
    automatic_eoi,
    rotate_automatic,
    special_mask,
    read_isr,
    poll,
});

impl Chip {
    fn set_line(&mut self, input: u8, high: bool) {
        let bit = 1 << input;
        let rises = high && self.lines & bit == 0;
        self.lines = if high { self.lines | bit } else { self.lines & !bit };
        if self.level & bit != 0 {
            self.irr = if high { self.irr | bit } else { self.irr & !bit };
        } else if rises {
            self.irr |= bit;
        }
    }

    /// Inputs in order of falling priority.
    fn order(&self) -> impl Iterator<Item = u8> + use<> {
        let lowest = self.lowest;
        (1..=8).map(move |step: u8| lowest.wrapping_add(step) & 7)
    }

    /// The request that may interrupt now.
    fn pending(&self) -> Option<u8> {
        let requests = self.irr & !self.imr;
        for input in self.order() {
            let bit = 1 << input;
            if self.isr & bit != 0 && !(self.special_mask && self.imr & bit != 0) {
                return None;
            }
            if requests & bit != 0 {
                return Some(input);
            }
        }
        None
    }

    fn acknowledge(&mut self, input: u8) {
        let bit = 1 << input;
        if self.level & bit == 0 {
            self.irr &= !bit;
        }
        match self.automatic_eoi {
            false => self.isr |= bit,
            true if self.rotate_automatic => self.lowest = input,
            true => {}
        }
    }

    fn write_command(&mut self, value: u8) {
        if value & 0x10 != 0 {
            *self = Chip { lines: self.lines, level: self.level, lowest: 7, step: 2, ..Chip::default() };
            self.wants_icw4 = value & 1 != 0;
        } else if value & 0x08 != 0 {
            self.poll = value & 0x04 != 0;
            if value & 0x02 != 0 {
                self.read_isr = value & 0x01 != 0;
            }
            if value & 0x40 != 0 {
                self.special_mask = value & 0x20 != 0;
            }
        } else {
            self.end(value >> 5, value & 7);
        }
    }

    /// OCW2: ends interrupts and rotates priorities.
    fn end(&mut self, command: u8, level: u8) {
        let highest = self.order().find(|input| self.isr & 1 << input != 0);
        let target = if command & 2 != 0 { Some(level) } else { highest };
        match (command, target) {
            (0 | 4, _) => self.rotate_automatic = command == 4,
            (1 | 3, Some(input)) => self.isr &= !(1 << input),
            (5 | 7, Some(input)) => {
                self.isr &= !(1 << input);
                self.lowest = input;
            }
            (6, _) => self.lowest = level,
            _ => {}
        }
    }

    fn write_data(&mut self, value: u8) {
        match self.step {
            2 => {
                self.base = value & 0xf8;
                self.step = 3;
            }
            3 => self.step = if self.wants_icw4 { 4 } else { 0 },
            4 => {
                self.automatic_eoi = value & 2 != 0;
                self.step = 0;
            }
            _ => self.imr = value,
        }
    }

    fn read_command(&mut self) -> u8 {
        match std::mem::take(&mut self.poll) {
            true => self.pending().map_or(0, |input| {
                self.acknowledge(input);
                0x80 | input
            }),
            false if self.read_isr => self.isr,
            false => self.irr,
        }
    }
}

/// Both chips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pic {
    master: Chip,
    slave: Chip,
}
crate::fields!(Pic { master, slave });

impl Pic {
    /// The state in which firmware would leave it: everything masked.
    pub(super) fn new() -> Pic {
        let chip = Chip { imr: 0xff, lowest: 7, ..Chip::default() };
        Pic { master: Chip { base: 0x08, ..chip }, slave: Chip { base: 0x70, ..chip } }
    }

    /// Drives ISA interrupt `irq`, 0 to 15; the cascade has no line of its own.
    pub(super) fn set_line(&mut self, irq: u8, high: bool) {
        match irq {
            CASCADE => {}
            0..8 => self.master.set_line(irq, high),
            8..16 => self.slave.set_line(irq - 8, high),
            _ => {}
        }
        self.cascade();
    }

    fn cascade(&mut self) {
        let high = self.slave.pending().is_some();
        // The cascade behaves as a level: it follows the slave's output.
        self.master.lines = self.master.lines & !(1 << CASCADE) | u8::from(high) << CASCADE;
        self.master.irr = self.master.irr & !(1 << CASCADE) | u8::from(high) << CASCADE;
    }

    /// The vector that an acknowledge would give.
    pub(super) fn pending(&self) -> Option<u8> {
        match self.master.pending()? {
            CASCADE => self.slave.pending().map(|input| self.slave.base | input),
            input => Some(self.master.base | input),
        }
    }

    /// The processor's acknowledge cycle.
    pub(super) fn acknowledge(&mut self) -> Option<u8> {
        let vector = self.pending()?;
        if let Some(input) = self.master.pending() {
            self.master.acknowledge(input);
            if input == CASCADE {
                self.slave.acknowledge(vector & 7);
            }
        }
        self.cascade();
        Some(vector)
    }

    /// Whether interrupt 0 could reach the processor.
    pub(super) fn timer_is_masked(&self) -> bool {
        self.master.imr & 1 != 0
    }

    pub(super) fn read(&mut self, port: u16) -> u8 {
        let value = match port {
            0x20 => self.master.read_command(),
            0x21 => self.master.imr,
            0xa0 => self.slave.read_command(),
            0xa1 => self.slave.imr,
            0x4d0 => self.master.level,
            _ => self.slave.level,
        };
        self.cascade();
        value
    }

    pub(super) fn write(&mut self, port: u16, value: u8) {
        match port {
            0x20 => self.master.write_command(value),
            0x21 => self.master.write_data(value),
            0xa0 => self.slave.write_command(value),
            0xa1 => self.slave.write_data(value),
            // Inputs 0, 1, 2, 8 and 13 are always edge-triggered.
            0x4d0 => self.master.level = value & 0xf8,
            _ => self.slave.level = value & 0xde,
        }
        self.cascade();
    }
}

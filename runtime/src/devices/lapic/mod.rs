//! The local APIC of the one processor (SDM volume 3, chapter 11): IRR, ISR, TMR, priorities, EOI, LVT, self-IPIs.
//!
//! A message reaches IRR at once; [`LocalApic::pending`] compares its highest vector with the processor priority, and
//! [`LocalApic::acknowledge`] moves it to ISR. Registers are in `registers.rs`.
//! Limits: one processor, so an IPI reaches it or nobody; INIT, start-up and SMI messages are dropped; no CMCI entry.

mod registers;
mod timer;
mod vectors;

pub use timer::APIC_TSC_RATIO;
use timer::{Mode, Timer};
use vectors::Vectors;

/// Spurious-vector register: the APIC is enabled by software.
const SVR_ENABLED: u32 = 1 << 8;
const LVT_MASKED: u32 = 1 << 16;

/// Indices into the local vector table.
const LVT_TIMER: usize = 0;
const LVT_LINT0: usize = 3;
const LVT_ERROR: usize = 5;

/// Error-status bits.
const SEND_ILLEGAL_VECTOR: u32 = 1 << 5;
const RECEIVE_ILLEGAL_VECTOR: u32 = 1 << 6;
const ILLEGAL_REGISTER: u32 = 1 << 7;

/// How a message is delivered (SDM volume 3, 11.5.1); the modes that one processor has no use for are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// To the vector of the message (fixed and lowest priority).
    Vector,
    Nmi,
    /// The 8259 gives the vector.
    External,
    /// SMI, INIT, start-up, reserved.
    Dropped,
}

impl Delivery {
    /// From bits 8 to 10 of an LVT entry, an ICR or a redirection entry.
    pub(super) fn of(register: u32) -> Delivery {
        match register >> 8 & 7 {
            0 | 1 => Delivery::Vector,
            4 => Delivery::Nmi,
            7 => Delivery::External,
            _ => Delivery::Dropped,
        }
    }
}

/// An interrupt message on its way to the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) vector: u8,
    pub(super) delivery: Delivery,
    pub(super) level: bool,
    pub(super) logical: bool,
    pub(super) destination: u8,
}

/// The local APIC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalApic {
    enabled: bool,
    id: u8,
    tpr: u8,
    ldr: u32,
    dfr: u32,
    svr: u32,
    irr: Vectors,
    isr: Vectors,
    tmr: Vectors,
    esr: u32,
    errors: u32,
    icr: u64,
    lvt: [u32; 6],
    nmi: bool,
    timer: Timer,
}
crate::fields!(LocalApic { enabled, id, tpr, ldr, dfr, svr, irr, isr, tmr, esr, errors, icr, lvt, nmi, timer });

impl LocalApic {
    /// The state after power-up: enabled in hardware, disabled by software, every LVT entry masked.
    pub(super) fn new() -> LocalApic {
        LocalApic {
            enabled: true,
            id: 0,
            tpr: 0,
            ldr: 0,
            dfr: u32::MAX,
            svr: 0xff,
            irr: Vectors::default(),
            isr: Vectors::default(),
            tmr: Vectors::default(),
            esr: 0,
            errors: 0,
            icr: 0,
            lvt: [LVT_MASKED; 6],
            nmi: false,
            timer: Timer::default(),
        }
    }

    /// The global enable bit of IA32_APIC_BASE. Switching it off loses all state but the ID.
    pub(super) fn set_enabled(&mut self, enabled: bool) {
        if enabled != self.enabled {
            *self = LocalApic { enabled, id: self.id, ..LocalApic::new() };
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    fn software_enabled(&self) -> bool {
        self.enabled && self.svr & SVR_ENABLED != 0
    }

    pub(super) fn tpr(&self) -> u8 {
        self.tpr
    }

    pub(super) fn set_tpr(&mut self, tpr: u8) {
        self.tpr = tpr;
    }

    /// Processor priority: the higher class of TPR and the highest vector in service (SDM volume 3, 11.8.3.1).
    fn ppr(&self) -> u8 {
        let serviced = self.isr.highest().unwrap_or(0);
        if self.tpr >> 4 >= serviced >> 4 { self.tpr } else { serviced & 0xf0 }
    }

    /// The vector to interrupt the processor with, if priorities let one through.
    pub(super) fn pending(&self) -> Option<u8> {
        self.irr.highest().filter(|vector| self.software_enabled() && vector >> 4 > self.ppr() >> 4)
    }

    /// Moves the pending vector into service.
    pub(super) fn acknowledge(&mut self) -> Option<u8> {
        let vector = self.pending()?;
        self.irr.assign(vector, false);
        self.isr.assign(vector, true);
        Some(vector)
    }

    pub(super) fn take_nmi(&mut self) -> bool {
        std::mem::take(&mut self.nmi)
    }

    /// Whether the 8259's output reaches the processor: through LINT0, or directly past a disabled APIC.
    pub(super) fn passes_external(&self) -> bool {
        let lint0 = self.lvt[LVT_LINT0];
        !self.enabled || lint0 & LVT_MASKED == 0 && Delivery::of(lint0) == Delivery::External
    }

    /// Takes a message; false if it is for nobody here or cannot be accepted now.
    pub(super) fn deliver(&mut self, message: Message) -> bool {
        if !self.software_enabled() || !self.is_destination(message.destination, message.logical) {
            return false;
        }
        match message.delivery {
            Delivery::Vector => self.accept(message.vector, message.level),
            Delivery::Nmi => self.nmi = true,
            Delivery::External | Delivery::Dropped => return false,
        }
        true
    }

    fn accept(&mut self, vector: u8, level: bool) {
        if vector < 16 {
            return self.error(RECEIVE_ILLEGAL_VECTOR);
        }
        self.irr.assign(vector, true);
        self.tmr.assign(vector, level);
    }

    /// Records an error, and raises the error interrupt. An illegal vector there is one more error bit, not a loop.
    fn error(&mut self, bit: u32) {
        self.errors |= bit;
        let lvt = self.lvt[LVT_ERROR];
        match lvt as u8 {
            vector @ 16.. if lvt & LVT_MASKED == 0 => self.accept(vector, false),
            _ => {}
        }
    }

    fn is_destination(&self, destination: u8, logical: bool) -> bool {
        let own = (self.ldr >> 24) as u8;
        match (logical, self.dfr >> 28) {
            (false, _) => destination == self.id || destination == 0xff,
            (true, 0xf) => destination & own != 0,
            (true, _) => destination == 0xff || destination >> 4 == own >> 4 && destination & own & 0xf != 0,
        }
    }

    /// Sends the interrupt command `icr`.
    fn send(&mut self, icr: u64) {
        let low = icr as u32;
        let to_self = match low >> 18 & 3 {
            0 => self.is_destination((icr >> 56) as u8, low & 1 << 11 != 0),
            1 | 2 => true,
            _ => false,
        };
        let delivery = Delivery::of(low);
        if delivery == Delivery::Vector && (low as u8) < 16 {
            self.error(SEND_ILLEGAL_VECTOR);
        } else if to_self && self.software_enabled() {
            match delivery {
                Delivery::Vector => self.accept(low as u8, false),
                Delivery::Nmi => self.nmi = true,
                Delivery::External | Delivery::Dropped => {}
            }
        }
    }

    /// Ends the highest interrupt in service; its vector, if the I/O APIC has to hear of it.
    fn end_of_interrupt(&mut self) -> Option<u8> {
        let vector = self.isr.highest()?;
        self.isr.assign(vector, false);
        self.tmr.contains(vector).then_some(vector)
    }

    fn timer_mode(&self) -> Mode {
        Mode::of(self.lvt[LVT_TIMER])
    }

    /// Moves time on to `now`, in TSC ticks.
    pub(super) fn advance(&mut self, now: u64) {
        let lvt = self.lvt[LVT_TIMER];
        if self.timer.advance(Mode::of(lvt), now) && lvt & LVT_MASKED == 0 {
            self.accept(lvt as u8, false);
        }
    }

    /// When the timer interrupts next, in TSC ticks.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.timer.expires().filter(|_| self.lvt[LVT_TIMER] & LVT_MASKED == 0)
    }

    /// IA32_TSC_DEADLINE; 0 outside the TSC-deadline mode.
    pub(super) fn tsc_deadline(&self) -> u64 {
        if self.timer_mode() == Mode::TscDeadline { self.timer.expires().unwrap_or(0) } else { 0 }
    }

    /// Writes IA32_TSC_DEADLINE; ignored outside the TSC-deadline mode.
    pub(super) fn set_tsc_deadline(&mut self, tsc: u64, now: u64) {
        if self.timer_mode() == Mode::TscDeadline {
            self.timer.set_deadline(tsc);
            self.advance(now);
        }
    }
}

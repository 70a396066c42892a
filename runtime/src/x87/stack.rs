//! The register stack, its tags, and the status word. SDM volume 1, sections 8.1.2 to 8.1.7.

use super::float::raised::{DE, IE, SF, ZE};
use super::float::{Context, Extended};
use crate::cpu::Cpu;

/// Exception summary: an exception that is not masked is pending.
pub(super) const ES: u16 = 1 << 7;
/// Busy: a copy of [`ES`].
pub(super) const BUSY: u16 = 1 << 15;
/// The exception flags IE DE ZE OE UE PE, as in the control word's masks.
pub(super) const EXCEPTIONS: u16 = 0x3f;
/// Condition codes.
pub(super) const C0: u16 = 1 << 8;
pub(super) const C1: u16 = 1 << 9;
pub(super) const C2: u16 = 1 << 10;
pub(super) const C3: u16 = 1 << 14;
const TOP: u16 = 7 << 11;

impl Cpu {
    /// Physical number of ST(`i`).
    #[inline(always)]
    pub(super) fn physical(&self, i: u8) -> usize {
        usize::from(self.fsw >> 11).wrapping_add(i.into()) & 7
    }

    /// Number of the register that is ST(0).
    pub(super) fn top(&self) -> u8 {
        self.physical(0) as u8
    }

    /// Makes physical register `top` (modulo 8) ST(0).
    pub(super) fn set_top(&mut self, top: u8) {
        self.fsw = self.fsw & !TOP | u16::from(top & 7) << 11;
    }

    /// Whether ST(`i`) is empty.
    #[inline(always)]
    pub(super) fn is_empty(&self, i: u8) -> bool {
        self.ftw >> self.physical(i) & 1 == 0
    }

    /// ST(`i`), unless it is empty.
    pub(super) fn st(&self, i: u8) -> Option<Extended> {
        let [significand, high] = self.fpr[self.physical(i)];
        (!self.is_empty(i)).then_some(Extended { high: high as u16, significand })
    }

    /// Sets ST(`i`).
    pub(super) fn set_st(&mut self, i: u8, value: Extended) {
        let n = self.physical(i);
        self.fpr[n] = [value.significand, value.high.into()];
        self.ftw |= 1 << n;
    }

    /// Tags ST(`i`) empty.
    pub(super) fn free(&mut self, i: u8) {
        self.ftw &= !(1 << self.physical(i));
    }

    /// Discards ST(0).
    pub(super) fn pop(&mut self) {
        self.free(0);
        self.set_top(self.top() + 1);
    }

    /// Pushes a value.
    pub(super) fn push(&mut self, value: Extended) {
        self.set_top(self.top() + 7);
        self.set_st(0, value);
    }

    /// What the control word says of an operation.
    pub(super) fn context(&self) -> Context {
        Context::new(self.fcw)
    }

    /// Whether an exception among these is not masked.
    pub(super) fn traps(&self, raised: u16) -> bool {
        raised & !self.fcw & EXCEPTIONS != 0
    }

    /// Sets the flags of an operation and C1. Whether its result is to be written: not where an exception that comes
    /// before the computation is not masked.
    pub(super) fn report(&mut self, raised: u16, c1: bool) -> bool {
        self.fsw = self.fsw & !C1 | raised | if c1 { C1 } else { 0 };
        self.update_summary();
        !self.traps(raised & (IE | DE | ZE))
    }

    /// Sets the flags of a read of an empty register; whether the masked response is to be written.
    pub(super) fn report_underflow(&mut self) -> bool {
        self.report(IE | SF, false)
    }

    /// Sets the flags of a push to a full stack; whether the masked response is to be written.
    pub(super) fn report_overflow(&mut self) -> bool {
        self.report(IE | SF, true)
    }

    /// Sets C3, C2 and C0 to those in `codes`.
    pub(super) fn set_codes(&mut self, codes: u16) {
        self.fsw = self.fsw & !(C0 | C2 | C3) | codes;
    }

    /// Makes ES and B say whether an exception flag is set that is not masked.
    pub(super) fn update_summary(&mut self) {
        self.fsw &= !(ES | BUSY);
        if self.fsw & !self.fcw & EXCEPTIONS != 0 {
            self.fsw |= ES | BUSY;
        }
    }
}

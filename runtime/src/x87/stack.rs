//! The register stack, its tags, and the status word. SDM volume 1, sections 8.1.2 to 8.1.7.

use crate::cpu::Cpu;

/// Exception summary: an exception that is not masked is pending.
pub(super) const ES: u16 = 1 << 7;
/// Busy: a copy of [`ES`].
pub(super) const BUSY: u16 = 1 << 15;
/// The exception flags IE DE ZE OE UE PE, as in the control word's masks.
pub(super) const EXCEPTIONS: u16 = 0x3f;
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

    /// Tags ST(`i`) empty.
    pub(super) fn free(&mut self, i: u8) {
        self.ftw &= !(1 << self.physical(i));
    }

    /// Discards ST(0).
    pub(super) fn pop(&mut self) {
        self.free(0);
        self.set_top(self.top() + 1);
    }

    /// Makes ES and B say whether an exception flag is set that is not masked.
    pub(super) fn update_summary(&mut self) {
        self.fsw &= !(ES | BUSY);
        if self.fsw & !self.fcw & EXCEPTIONS != 0 {
            self.fsw |= ES | BUSY;
        }
    }
}

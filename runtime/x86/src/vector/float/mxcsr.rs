//! MXCSR: the flags that operations raise, the modes that they obey. SDM volume 1, section 10.2.3.

use super::op::Rounding;

/// Invalid operation.
pub const IE: u32 = 1 << 0;
/// Denormal operand.
pub const DE: u32 = 1 << 1;
/// Division by zero.
pub const ZE: u32 = 1 << 2;
/// Overflow.
pub const OE: u32 = 1 << 3;
/// Underflow.
pub const UE: u32 = 1 << 4;
/// Inexact.
pub const PE: u32 = 1 << 5;
/// Denormal operands are zeros.
pub const DAZ: u32 = 1 << 6;
/// Distance of an exception's mask from its flag.
pub const MASK_SHIFT: u32 = 7;
/// All six masks.
pub const MASKS: u32 = 0x3f << MASK_SHIFT;
/// Place of the rounding mode.
pub const RC_SHIFT: u32 = 13;
/// Tiny results are zeros, where underflow is masked.
pub const FTZ: u32 = 1 << 15;
/// The bits that LDMXCSR may set: MXCSR_MASK of a processor that has DAZ.
pub const WRITABLE: u32 = 0xffff;

/// Exceptions found before the result is computed; an unmasked one hides the others.
const BEFORE: u32 = IE | DE | ZE;

/// MXCSR without IE, DE, ZE, OE and UE, as [`QUICK`] has it.
pub const QUICK_BITS: u32 = 0xffe0;
/// The common mode: all masked, to nearest, no FTZ, no DAZ, and inexact already set.
pub const QUICK: u32 = MASKS | PE;

/// Whether operations may use [`super::fast`].
#[inline(always)]
pub const fn is_quick(mxcsr: u32) -> bool {
    mxcsr & QUICK_BITS == QUICK
}

/// A result, and the exception flags that it raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<T> {
    /// The result where every exception raised is masked.
    pub value: T,
    /// Bits of MXCSR to set.
    pub flags: u32,
}

impl<T> Outcome<T> {
    /// A result that raised nothing.
    pub(super) const fn plain(value: T) -> Outcome<T> {
        Outcome { value, flags: 0 }
    }

    /// The same with more flags.
    pub(super) fn with(self, flags: u32) -> Outcome<T> {
        Outcome { value: self.value, flags: self.flags | flags }
    }
}

/// Enters what was raised into MXCSR. `None`: an exception is unmasked, so it is #XM and the result counts for nothing.
#[inline]
pub fn settle<T>(mxcsr: &mut u32, outcome: Outcome<T>) -> Option<T> {
    let unmasked = !(*mxcsr >> MASK_SHIFT);
    let early = outcome.flags & BEFORE;
    let raised = if early & unmasked != 0 { early } else { outcome.flags };
    *mxcsr |= raised;
    (raised & unmasked == 0).then_some(outcome.value)
}

/// What operations obey, decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    pub(super) rounding: Rounding,
    /// Denormal operands are zeros.
    pub(super) zero_operands: bool,
    /// Tiny results are zeros.
    pub(super) zero_results: bool,
    /// An overflow that is exact but for the exponent is not inexact.
    pub(super) overflow_unmasked: bool,
    /// A tiny result raises underflow even if it is exact.
    pub(super) underflow_unmasked: bool,
}

impl Mode {
    pub(super) const fn of(mxcsr: u32) -> Mode {
        let underflow_unmasked = mxcsr & UE << MASK_SHIFT == 0;
        Mode {
            rounding: Rounding::from_bits(mxcsr >> RC_SHIFT),
            zero_operands: mxcsr & DAZ != 0,
            zero_results: mxcsr & FTZ != 0 && !underflow_unmasked,
            overflow_unmasked: mxcsr & OE << MASK_SHIFT == 0,
            underflow_unmasked,
        }
    }
}

//! Floating-point arithmetic under MXCSR, on the bits of numbers. SDM volume 1, sections 4.8, 4.9, 11.5 and appendix E.
//!
//! ```text
//! bits, MXCSR ──► fast: native arithmetic, if nothing but "inexact", which is set already, can be raised
//!            └──► exact: unpack ► special operands ► u128 arithmetic ► round and pack ──► bits, exception flags
//! ```
//!
//! A result comes with the exceptions that it raised ([`Outcome`]); [`settle`] enters them into MXCSR and says whether
//! one is unmasked. The exact path counts tininess after rounding, as SSE does, and rounds once.

mod approximate;
mod compare;
mod convert;
mod exact;
pub mod fast;
pub mod fast_packed;
mod fma;
mod half;
mod large;
pub mod mxcsr;
mod number;
mod op;
mod packed;

pub use compare::compare;
pub use large::{LargeFloatOp, Subtract, large};
pub use mxcsr::{Outcome, settle};
pub use op::{FloatOp, FloatUnOp, FloatWidth, Predicate, RoundControl, Rounding};
pub use packed::{bin_packed, bin_wide, un_packed, un_wide};

use mxcsr::Mode;

/// `a op b` on the bits of two numbers. [`FloatOp::AddSub`], which has no scalar form, subtracts.
#[inline]
pub fn bin(op: FloatOp, w: FloatWidth, mxcsr: u32, a: u64, b: u64) -> Outcome<u64> {
    if (mxcsr::is_quick(mxcsr) || !fast::bin_rounds(op))
        && let Some(value) = fast::bin(op, w, a, b)
    {
        return Outcome { value, flags: 0 };
    }
    exact::bin(op, w, Mode::of(mxcsr), a, b)
}

/// `op a` on the bits of a number or an integer.
#[inline]
pub fn un(op: FloatUnOp, mxcsr: u32, a: u64) -> Outcome<u64> {
    if (mxcsr::is_quick(mxcsr) || !fast::un_rounds(op))
        && let Some(value) = fast::un(op, a)
    {
        return Outcome { value, flags: 0 };
    }
    exact::un(op, Mode::of(mxcsr), a)
}

//! Floating-point operations that translated code leaves for: fused multiply-add, and conversions from and to binary16.

use super::mxcsr::{Mode, Outcome};
use super::op::{FloatWidth, Rounding};
use super::{fma, half};
use crate::vector::eval::{lane, with_lane};
use crate::width::Width;

/// In which lanes the addend of a fused multiply-add is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subtract {
    /// In none: VFMADD, VFNMADD.
    Never,
    /// In all: VFMSUB, VFNMSUB.
    Always,
    /// In the even ones: VFMADDSUB.
    Even,
    /// In the odd ones: VFMSUBADD.
    Odd,
}

/// An operation on up to three vectors of 128 or 256 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LargeFloatOp {
    /// ±(a · b) ± c, rounded once.
    Fma {
        /// Format of the numbers.
        w: FloatWidth,
        /// Whether the product is negated.
        negate: bool,
        /// Where c is subtracted.
        subtract: Subtract,
        /// Whether only the lowest lane counts; the result's others are 0.
        scalar: bool,
    },
    /// binary16, of which there are four in each half, to binary32.
    Widen,
    /// binary32 to binary16, in the low half of each half; the rounding where the instruction names one.
    Narrow(Option<Rounding>),
}

/// `op` of the operands, each half by itself; those that it does not have count for nothing.
pub fn large<const N: usize>(op: LargeFloatOp, mxcsr: u32, operands: [[u128; N]; 3]) -> Outcome<[u128; N]> {
    let mode = Mode::of(mxcsr);
    let mut all = Outcome { value: [0; N], flags: 0 };
    for half in 0..N {
        let one = in_half(op, mode, operands.map(|operand| operand[half]));
        all.value[half] = one.value;
        all.flags |= one.flags;
    }
    all
}

fn in_half(op: LargeFloatOp, mode: Mode, [a, b, c]: [u128; 3]) -> Outcome<u128> {
    match op {
        LargeFloatOp::Fma { w, negate, subtract, scalar } => {
            let lanes = if scalar { 1 } else { (16 / w.bits().bytes()) as u8 };
            lanewise(lanes, w.bits(), |i| {
                let subtracted = match subtract {
                    Subtract::Never => false,
                    Subtract::Always => true,
                    Subtract::Even => i % 2 == 0,
                    Subtract::Odd => i % 2 == 1,
                };
                fma::fma(w, mode, [a, b, c].map(|x| lane(w.bits(), x, i)), [negate, subtracted])
            })
        }
        LargeFloatOp::Widen => lanewise(4, Width::W32, |i| half::widen(lane(Width::W16, a, i))),
        LargeFloatOp::Narrow(rounding) => {
            lanewise(4, Width::W16, |i| half::narrow(rounding, mode, lane(Width::W32, a, i)))
        }
    }
}

/// The results of `lanes` lanes and the flags of all.
fn lanewise(lanes: u8, w: Width, f: impl Fn(u8) -> Outcome<u64>) -> Outcome<u128> {
    let mut all = Outcome { value: 0, flags: 0 };
    for i in 0..lanes {
        let one = f(i);
        all = Outcome { value: with_lane(w, all.value, i, one.value), flags: all.flags | one.flags };
    }
    all
}

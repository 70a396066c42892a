//! Operations on 128-bit values: what XMM instructions are made of.
//!
//! Operations are named as in the Wasm SIMD proposal where it has them, so that lowering is a rename; the few that only
//! x86 has say so. [`Vector`] is the abstract interface, [`eval`] what the operations mean on `u128`, [`float`] the
//! floating-point arithmetic under MXCSR, [`mod@large`] what has one function.

pub mod eval;
pub mod float;
mod lanes;
pub mod large;
mod op;
pub mod shuffle;

pub use large::LargeOp;
pub use op::{VecOp, VecShift, VecUnOp};

use crate::machine::Arith;
use crate::width::Width;

/// Arithmetic on 128-bit values. Lane 0 is the least significant.
pub trait Vector: Arith {
    /// A 128-bit value.
    type Vec: Copy;

    /// A constant.
    fn vec_const(&mut self, value: u128) -> Self::Vec;
    /// A 128-bit value from its low and high halves.
    fn vec_from(&mut self, low: Self::Int, high: Self::Int) -> Self::Vec;
    /// The low (0) or high (1) half of a 128-bit value.
    fn vec_half(&mut self, value: Self::Vec, half: u8) -> Self::Int;
    /// Lane `index` of width `w`, zero-extended.
    fn vec_lane(&mut self, w: Width, value: Self::Vec, index: u8) -> Self::Int;
    /// `value` with lane `index` of width `w` replaced; `lane` is below 2^w.
    fn vec_with_lane(&mut self, w: Width, value: Self::Vec, index: u8, lane: Self::Int) -> Self::Vec;
    /// `a op b`.
    fn vec_bin(&mut self, op: VecOp, a: Self::Vec, b: Self::Vec) -> Self::Vec;
    /// `op a`.
    fn vec_un(&mut self, op: VecUnOp, a: Self::Vec) -> Self::Vec;
    /// Shifts every lane by `count`, which is below the lane's width.
    fn vec_shift(&mut self, op: VecShift, a: Self::Vec, count: Self::Int) -> Self::Vec;
    /// Byte i of the result is byte `pattern[i]` of `a` (0 to 15) followed by `b` (16 to 31).
    fn vec_shuffle(&mut self, a: Self::Vec, b: Self::Vec, pattern: [u8; 16]) -> Self::Vec;
    /// The sign bits of the lanes of width `w`, lane 0's in bit 0.
    fn vec_bitmask(&mut self, w: Width, a: Self::Vec) -> Self::Int;
}

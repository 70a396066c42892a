//! Arithmetic on 80-bit numbers, without a processor: operands and a [`Context`] in, a result with its exceptions out.
//!
//! Every operation computes an [`Exact`] result (128 bits, the last of them standing for all that follow) and rounds it
//! once, to the precision that the control word asks for.

mod arith;
mod bcd;
mod compare;
mod convert;
mod extended;
mod nan;
mod ordinary;
mod remainder;
mod round;
mod scale;
mod series;
mod transcendental;
mod wide;

pub(super) use arith::{Binary, binary, sqrt};
pub(super) use bcd::{from_bcd, to_bcd};
pub(super) use compare::{Relation, compare};
pub(super) use convert::{Operand, from_integer, quieted, to_float, to_integer, to_integral};
pub(super) use extended::{Class, Extended};
pub(super) use ordinary::{binary as ordinary, to_double, to_single};
pub(super) use remainder::{Quotient, remainder};
pub(super) use round::{Context, DOUBLE, Direction, Rounded, SINGLE};
pub(super) use scale::{extract, scale};
pub(super) use transcendental::{arc_tangent, cosine, exponential, logarithm, logarithm_of_successor, sine, tangent};

/// Exceptions, by their place in the status word. SDM volume 1, section 8.5.
pub(super) mod raised {
    /// Invalid operation.
    pub(in super::super) const IE: u16 = 1;
    /// Denormal operand.
    pub(in super::super) const DE: u16 = 1 << 1;
    /// Division by zero.
    pub(in super::super) const ZE: u16 = 1 << 2;
    /// Overflow.
    pub(in super::super) const OE: u16 = 1 << 3;
    /// Underflow.
    pub(in super::super) const UE: u16 = 1 << 4;
    /// Inexact result.
    pub(in super::super) const PE: u16 = 1 << 5;
    /// Stack fault, together with [`IE`].
    pub(in super::super) const SF: u16 = 1 << 6;
}

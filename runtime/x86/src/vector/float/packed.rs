//! Packed forms: the operation in every lane, the flags of all lanes together.

use super::mxcsr::{self, Outcome};
use super::op::{FloatOp, FloatUnOp, FloatWidth};
use super::{bin, fast, fast_packed, un};
use crate::vector::eval::{lane, with_lane};

/// `a op b` in every lane.
#[inline]
pub fn bin_packed(op: FloatOp, w: FloatWidth, mxcsr: u32, a: u128, b: u128) -> Outcome<u128> {
    if (mxcsr::is_quick(mxcsr) || !fast::bin_rounds(op))
        && let Some(value) = fast_packed::bin(op, w, a, b)
    {
        return Outcome::plain(value);
    }
    let width = w.bits();
    let lanes = (16 / width.bytes()) as u8;
    let mut all = Outcome::plain(0);
    for i in 0..lanes {
        let op = match (op, i & 1) {
            (FloatOp::AddSub, 0) => FloatOp::Sub,
            (FloatOp::AddSub, _) => FloatOp::Add,
            _ => op,
        };
        let one = bin(op, w, mxcsr, lane(width, a, i), lane(width, b, i));
        all = Outcome { value: with_lane(width, all.value, i, one.value), flags: all.flags | one.flags };
    }
    all
}

/// `op a` in the low lanes, [`FloatUnOp::lanes`] of them; the rest of the result is 0.
#[inline]
pub fn un_packed(op: FloatUnOp, mxcsr: u32, a: u128) -> Outcome<u128> {
    let mut all = Outcome::plain(0);
    for i in 0..op.lanes() {
        let one = un(op, mxcsr, lane(op.source(), a, i));
        all = Outcome { value: with_lane(op.result(), all.value, i, one.value), flags: all.flags | one.flags };
    }
    all
}

fn joined([low, high]: [Outcome<u128>; 2]) -> Outcome<[u128; 2]> {
    Outcome { value: [low.value, high.value], flags: low.flags | high.flags }
}

/// [`bin_packed`] of both halves of 256 bits.
pub fn bin_wide(op: FloatOp, w: FloatWidth, mxcsr: u32, a: [u128; 2], b: [u128; 2]) -> Outcome<[u128; 2]> {
    joined([0, 1].map(|half| bin_packed(op, w, mxcsr, a[half], b[half])))
}

/// [`un_packed`] of both halves of 256 bits.
pub fn un_wide(op: FloatUnOp, mxcsr: u32, a: [u128; 2]) -> Outcome<[u128; 2]> {
    joined(a.map(|half| un_packed(op, mxcsr, half)))
}

//! [`Arith`] and [`Vector`] on plain integers: what the operations mean.

use crate::machine::{Arith, BinOp, Compare, UnOp};
use crate::vector::{VecOp, VecShift, VecUnOp, Vector, eval};
use crate::width::Width;

/// `a op b` at width `w`; operands and result are zero-extended. A quotient that the contract of [`BinOp`] excludes is 0.
#[inline(always)]
pub fn bin(op: BinOp, w: Width, a: u64, b: u64) -> u64 {
    let (sa, sb) = (w.sign_extend(a) as i64, w.sign_extend(b) as i64);
    let bits = w.bits();
    let value = match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::MulHighUnsigned => ((u128::from(a) * u128::from(b)) >> bits) as u64,
        BinOp::MulHighSigned => ((i128::from(sa) * i128::from(sb)) >> bits) as u64,
        BinOp::DivUnsigned => a.checked_div(b).unwrap_or(0),
        BinOp::RemUnsigned => a.checked_rem(b).unwrap_or(0),
        BinOp::DivSigned => sa.checked_div(sb).unwrap_or(0) as u64,
        BinOp::RemSigned => sa.checked_rem(sb).unwrap_or(0) as u64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a.wrapping_shl(b as u32),
        BinOp::Shr => a.wrapping_shr(b as u32),
        BinOp::Sar => sa.wrapping_shr(b as u32) as u64,
        BinOp::Rotl => rotate_left(bits, a, b as u32),
        BinOp::Rotr => rotate_left(bits, a, bits.wrapping_sub(b as u32)),
    };
    value & w.mask()
}

#[inline(always)]
fn rotate_left(bits: u32, a: u64, count: u32) -> u64 {
    let count = count % bits;
    if count == 0 { a } else { a << count | a >> (bits - count) }
}

/// `op a` at width `w`.
#[inline(always)]
pub fn un(op: UnOp, w: Width, a: u64) -> u64 {
    match op {
        UnOp::Not => !a & w.mask(),
        UnOp::Neg => a.wrapping_neg() & w.mask(),
        UnOp::Popcnt => a.count_ones().into(),
        UnOp::Clz => u64::from(a.leading_zeros()) - u64::from(64 - w.bits()),
        UnOp::Ctz => u64::from(a.trailing_zeros().min(w.bits())),
        UnOp::Bswap => a.swap_bytes() >> (64 - w.bits()),
        UnOp::SignExtend => w.sign_extend(a),
        UnOp::Truncate => a & w.mask(),
    }
}

/// `a op b` at width `w`.
#[inline(always)]
pub fn compare(op: Compare, w: Width, a: u64, b: u64) -> bool {
    let (sa, sb) = (w.sign_extend(a) as i64, w.sign_extend(b) as i64);
    match op {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::LtUnsigned => a < b,
        Compare::LeUnsigned => a <= b,
        Compare::LtSigned => sa < sb,
        Compare::LeSigned => sa <= sb,
    }
}

/// Arithmetic without a machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Arith for Plain {
    type Int = u64;
    type Bool = bool;

    #[inline(always)]
    fn imm(&mut self, value: u64) -> u64 {
        value
    }
    #[inline(always)]
    fn bin(&mut self, op: BinOp, w: Width, a: u64, b: u64) -> u64 {
        bin(op, w, a, b)
    }
    #[inline(always)]
    fn un(&mut self, op: UnOp, w: Width, a: u64) -> u64 {
        un(op, w, a)
    }
    #[inline(always)]
    fn compare(&mut self, op: Compare, w: Width, a: u64, b: u64) -> bool {
        compare(op, w, a, b)
    }
    #[inline(always)]
    fn int(&mut self, b: bool) -> u64 {
        b.into()
    }
    #[inline(always)]
    fn select(&mut self, condition: bool, then: u64, other: u64) -> u64 {
        if condition { then } else { other }
    }
    #[inline(always)]
    fn not(&mut self, b: bool) -> bool {
        !b
    }
    #[inline(always)]
    fn both(&mut self, a: bool, b: bool) -> bool {
        a & b
    }
    #[inline(always)]
    fn either(&mut self, a: bool, b: bool) -> bool {
        a | b
    }
}

impl Vector for Plain {
    type Vec = u128;

    #[inline(always)]
    fn vec_const(&mut self, value: u128) -> u128 {
        value
    }
    #[inline(always)]
    fn vec_from(&mut self, low: u64, high: u64) -> u128 {
        u128::from(high) << 64 | u128::from(low)
    }
    #[inline(always)]
    fn vec_half(&mut self, value: u128, half: u8) -> u64 {
        eval::lane(Width::W64, value, half)
    }
    #[inline(always)]
    fn vec_lane(&mut self, w: Width, value: u128, index: u8) -> u64 {
        eval::lane(w, value, index)
    }
    #[inline(always)]
    fn vec_with_lane(&mut self, w: Width, value: u128, index: u8, lane: u64) -> u128 {
        eval::with_lane(w, value, index, lane)
    }
    #[inline(always)]
    fn vec_bin(&mut self, op: VecOp, a: u128, b: u128) -> u128 {
        eval::bin(op, a, b)
    }
    #[inline(always)]
    fn vec_un(&mut self, op: VecUnOp, a: u128) -> u128 {
        eval::un(op, a)
    }
    #[inline(always)]
    fn vec_shift(&mut self, op: VecShift, a: u128, count: u64) -> u128 {
        eval::shift(op, a, count as u32)
    }
    #[inline(always)]
    fn vec_shuffle(&mut self, a: u128, b: u128, pattern: [u8; 16]) -> u128 {
        eval::shuffle(a, b, pattern)
    }
    #[inline(always)]
    fn vec_bitmask(&mut self, w: Width, a: u128) -> u64 {
        eval::bitmask(w, a)
    }
}

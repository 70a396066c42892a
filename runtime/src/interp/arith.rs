//! The abstract machine's arithmetic on plain integers.

use crate::vm::Vm;
use x86::{Arith, BinOp, Compare, UnOp, Width};

impl Arith for Vm {
    type Int = u64;
    type Bool = bool;

    #[inline(always)]
    fn imm(&mut self, value: u64) -> u64 {
        value
    }

    #[inline(always)]
    fn bin(&mut self, op: BinOp, w: Width, a: u64, b: u64) -> u64 {
        let (mask, bits) = (w.mask(), w.bits());
        let signed = |v: u64| w.sign_extend(v) as i64;
        match op {
            BinOp::Add => a.wrapping_add(b) & mask,
            BinOp::Sub => a.wrapping_sub(b) & mask,
            BinOp::Mul => a.wrapping_mul(b) & mask,
            BinOp::MulHighUnsigned => ((u128::from(a) * u128::from(b)) >> bits) as u64 & mask,
            BinOp::MulHighSigned => ((i128::from(signed(a)) * i128::from(signed(b))) >> bits) as u64 & mask,
            BinOp::DivUnsigned => a / b,
            BinOp::RemUnsigned => a % b,
            BinOp::DivSigned => (signed(a).wrapping_div(signed(b))) as u64 & mask,
            BinOp::RemSigned => (signed(a).wrapping_rem(signed(b))) as u64 & mask,
            BinOp::And => a & b,
            BinOp::Or => a | b,
            BinOp::Xor => a ^ b,
            BinOp::Shl => (a << b) & mask,
            BinOp::Shr => a >> b,
            BinOp::Sar => (signed(a) >> b) as u64 & mask,
            BinOp::Rotl => rotate(a, b as u32, bits) & mask,
            BinOp::Rotr => rotate(a, bits - b as u32, bits) & mask,
        }
    }

    #[inline(always)]
    fn un(&mut self, op: UnOp, w: Width, a: u64) -> u64 {
        let unused = 64 - w.bits();
        match op {
            UnOp::Not => !a & w.mask(),
            UnOp::Neg => a.wrapping_neg() & w.mask(),
            UnOp::Popcnt => a.count_ones().into(),
            UnOp::Clz => (a.leading_zeros() - unused).into(),
            UnOp::Ctz => a.trailing_zeros().min(w.bits()).into(),
            UnOp::Bswap => a.swap_bytes() >> unused,
            UnOp::SignExtend => w.sign_extend(a),
            UnOp::Truncate => a & w.mask(),
        }
    }

    #[inline(always)]
    fn compare(&mut self, op: Compare, w: Width, a: u64, b: u64) -> bool {
        let signed = |v: u64| w.sign_extend(v) as i64;
        match op {
            Compare::Eq => a == b,
            Compare::Ne => a != b,
            Compare::LtUnsigned => a < b,
            Compare::LeUnsigned => a <= b,
            Compare::LtSigned => signed(a) < signed(b),
            Compare::LeSigned => signed(a) <= signed(b),
        }
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

/// `a`, of `bits` bits, rotated left by `count`, at most `bits`. Bits above `bits` are garbage.
#[inline(always)]
fn rotate(a: u64, count: u32, bits: u32) -> u64 {
    if count == 0 || count == bits { a } else { (a << count) | (a >> (bits - count)) }
}

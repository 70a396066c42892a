//! Operators on known integers, as [`BinOp`], [`UnOp`] and [`Compare`] define them.

use x86::{BinOp, Compare, UnOp, Width};

/// `a op b` at width `w`; `None` for a division that has no result.
pub fn bin(op: BinOp, w: Width, a: u64, b: u64) -> Option<u64> {
    let (sa, sb) = (w.sign_extend(a) as i64, w.sign_extend(b) as i64);
    let bits = w.bits();
    let count = b as u32 % bits;
    let result = match op {
        BinOp::Add => a.wrapping_add(b),
        BinOp::Sub => a.wrapping_sub(b),
        BinOp::Mul => a.wrapping_mul(b),
        BinOp::MulHighUnsigned => ((u128::from(a) * u128::from(b)) >> bits) as u64,
        BinOp::MulHighSigned => ((i128::from(sa) * i128::from(sb)) >> bits) as u64,
        BinOp::DivUnsigned => a.checked_div(b)?,
        BinOp::RemUnsigned => a.checked_rem(b)?,
        BinOp::DivSigned => sa.checked_div(sb)? as u64,
        BinOp::RemSigned => sa.checked_rem(sb)? as u64,
        BinOp::And => a & b,
        BinOp::Or => a | b,
        BinOp::Xor => a ^ b,
        BinOp::Shl => a << count,
        BinOp::Shr => a >> count,
        BinOp::Sar => (sa >> count) as u64,
        BinOp::Rotl => a << count | a.checked_shr(bits - count).unwrap_or(0),
        BinOp::Rotr => a >> count | a.checked_shl(bits - count).unwrap_or(0),
    };
    Some(result & w.mask())
}

/// `op a` at width `w`.
pub fn un(op: UnOp, w: Width, a: u64) -> u64 {
    let spare = 64 - w.bits();
    match op {
        UnOp::Not => !a & w.mask(),
        UnOp::Neg => a.wrapping_neg() & w.mask(),
        UnOp::Popcnt => (a & w.mask()).count_ones().into(),
        UnOp::Clz => ((a & w.mask()).leading_zeros() - spare).into(),
        UnOp::Ctz => a.trailing_zeros().min(w.bits()).into(),
        UnOp::Bswap => a.swap_bytes() >> spare,
        UnOp::SignExtend => w.sign_extend(a),
        UnOp::Truncate => a & w.mask(),
    }
}

/// `a op b` at width `w`.
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

//! Quotients by constants, which compilers make of products: multiply by the reciprocal, keep the high half, shift.
//!
//! Wasm has no high half of a product, but engines make the same product of a division by a constant. So a high half of `a` times a
//! constant remembers both, and where what is done with it gives `a / d` for every `a` there may be, the division is recorded and the
//! product is dead code. (Granlund and Montgomery, *Division by invariant integers using multiplication*, theorem 4.2.)

use crate::ir::{Builder, Inst, Value};
use x86::{BinOp, Width};

/// The high half of a product with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HighHalf {
    /// Whether both are signed.
    pub signed: bool,
    /// The operand.
    pub operand: Value,
    /// The constant.
    pub factor: u64,
}

/// The `d` for which `a * factor >> shift` is `a / d` for all `a` up to `most`.
fn divisor(factor: u128, shift: u32, most: u64) -> Option<u64> {
    let (divisor, power, error) = candidate(factor, shift, most)?;
    (error < power).then_some(divisor)
}

/// The `d` for which `a * factor >> shift`, rounded down, and 1 more below 0, is `a / d` for all signed `a`.
fn signed_divisor(factor: u128, shift: u32) -> Option<u64> {
    let (divisor, power, error) = candidate(factor, shift, 1 << 63)?;
    // With no error a multiple of the divisor would be 1 too many.
    (0 < error && error <= power).then_some(divisor)
}

/// The only divisor that there may be, the power of two that is shifted by, and by how much the product of the largest number
/// and the factor is larger than that power's share.
fn candidate(factor: u128, shift: u32, most: u64) -> Option<(u64, u128, u128)> {
    let power = 1u128.checked_shl(shift).filter(|_| factor > 0)?;
    let divisor = power.div_ceil(factor);
    let excess = factor.checked_mul(divisor)? - power;
    let divisor = u64::try_from(divisor).ok().filter(|divisor| *divisor > 1)?;
    Some((divisor, power, excess.checked_mul(most.into())?))
}

/// Whether there is a quotient, of numbers up to `most`, that compilers make of a product with this factor.
pub fn is_reciprocal(signed: bool, factor: u64, most: u64) -> bool {
    let long = 1u128 << 64 | u128::from(factor);
    let found = |factor: u128, shift: u32| match signed {
        true => signed_divisor(factor, shift),
        false => divisor(factor, shift, most),
    };
    // What is divided by is no power of two, nor large: else any factor would do.
    let divides = |d: u64| !d.is_power_of_two() && d >> 32 == 0;
    (64..=126).any(|shift| found(factor.into(), shift).is_some_and(divides))
        || !signed && (65..=126).any(|shift| found(long, shift).is_some_and(divides))
}

impl Builder<'_> {
    fn shift_of(&self, op: BinOp, value: Value) -> Option<(Value, u32)> {
        match *self.region.inst(value) {
            Inst::Bin(found, Width::W64, x, count) if found == op => Some((x, self.region.constant(count)? as u32)),
            _ => None,
        }
    }

    fn divide(&mut self, signed: bool, a: Value, divisor: u64) -> Value {
        let divisor = self.constant(divisor);
        let op = if signed { BinOp::DivSigned } else { BinOp::DivUnsigned };
        self.push(Inst::Bin(op, Width::W64, a, divisor))
    }

    /// `value >> count`, if that is a quotient.
    pub(super) fn quotient(&mut self, value: Value, count: u32) -> Option<Value> {
        let (half, factor, shift) = match self.high_half(value) {
            Some(half) => (half, u128::from(half.factor), 64 + count),
            None => {
                let half = self.mean(value)?;
                (half, 1u128 << 64 | u128::from(half.factor), 65 + count)
            }
        };
        let most = self.region.possible(half.operand);
        let divisor = divisor(factor, shift, most).filter(|_| !half.signed)?;
        Some(self.divide(false, half.operand, divisor))
    }

    /// `(a - high >> 1) + high`: half of the 65 bits of `a + high`.
    fn mean(&self, value: Value) -> Option<HighHalf> {
        let Inst::Bin(BinOp::Add, Width::W64, x, y) = *self.region.inst(value) else { return None };
        [(x, y), (y, x)].into_iter().find_map(|(part, high)| {
            let half = self.high_half(high)?;
            let (difference, 1) = self.shift_of(BinOp::Shr, part)? else { return None };
            (*self.region.inst(difference) == Inst::Bin(BinOp::Sub, Width::W64, half.operand, high)).then_some(half)
        })
    }

    /// `rounded - sign`, if that is a signed quotient: the sign is -1 below 0.
    pub(super) fn signed_quotient(&mut self, rounded: Value, sign: Value) -> Option<Value> {
        let (of, 63) = self.shift_of(BinOp::Sar, sign)? else { return None };
        let (value, count) = self.shift_of(BinOp::Sar, rounded).unwrap_or((rounded, 0));
        let (half, factor) = self.signed_high_half(value)?;
        let divisor = signed_divisor(factor, 64 + count).filter(|_| of == half.operand)?;
        Some(self.divide(true, half.operand, divisor))
    }

    /// `rounded + sign`, if that is a signed quotient: the sign is 1 below 0.
    pub(super) fn signed_quotient_of_sum(&mut self, rounded: Value, sign: Value) -> Option<Value> {
        let (of, 63) = self.shift_of(BinOp::Shr, sign)? else { return None };
        let (value, count) = self.shift_of(BinOp::Sar, rounded).unwrap_or((rounded, 0));
        let (half, factor) = self.signed_high_half(value)?;
        let divisor = signed_divisor(factor, 64 + count).filter(|_| of == value || of == half.operand)?;
        Some(self.divide(true, half.operand, divisor))
    }

    /// The high half of a signed product; or the operand added to that, which makes the factor 2^64 more.
    fn signed_high_half(&self, value: Value) -> Option<(HighHalf, u128)> {
        let positive = |half: HighHalf| half.signed && half.factor >> 63 == 0;
        if let Some(half) = self.high_half(value) {
            return positive(half).then_some((half, half.factor.into()));
        }
        let Inst::Bin(BinOp::Add, Width::W64, x, y) = *self.region.inst(value) else { return None };
        [(x, y), (y, x)].into_iter().find_map(|(high, operand)| {
            let half =
                self.high_half(high).filter(|half| half.operand == operand && half.signed && !positive(*half))?;
            Some((half, half.factor.into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Reg, Region};
    use x86::Gpr;

    /// Runs `shape` on a builder, of a variable; gives the divisor if it made a division of that.
    fn made(most: u64, shape: impl FnOnce(&mut Builder<'_>, Value) -> Value) -> Option<(BinOp, u64)> {
        let mut region = Region::new();
        let mut builder = Builder::new(&mut region);
        let x = builder.get(Reg::gpr(Gpr(0)));
        let mask = builder.constant(most);
        let x = builder.bin(BinOp::And, Width::W64, x, mask);
        let value = shape(&mut builder, x);
        match *region.inst(value) {
            Inst::Bin(op @ (BinOp::DivUnsigned | BinOp::DivSigned), Width::W64, a, d) if a == x => {
                Some((op, region.constant(d).unwrap()))
            }
            _ => None,
        }
    }

    fn constant(builder: &mut Builder<'_>, op: BinOp, a: Value, constant: u64) -> Value {
        let constant = builder.constant(constant);
        builder.bin(op, Width::W64, a, constant)
    }

    /// The high half times `factor`, shifted.
    fn plain(factor: u64, count: u64) -> impl FnOnce(&mut Builder<'_>, Value) -> Value {
        move |b, x| {
            let high = constant(b, BinOp::MulHighUnsigned, x, factor);
            constant(b, BinOp::Shr, high, count)
        }
    }

    /// The same with a factor of 65 bits.
    fn long(factor: u64, count: u64) -> impl FnOnce(&mut Builder<'_>, Value) -> Value {
        move |b, x| {
            let high = constant(b, BinOp::MulHighUnsigned, x, factor);
            let difference = b.bin(BinOp::Sub, Width::W64, x, high);
            let half = constant(b, BinOp::Shr, difference, 1);
            let sum = b.bin(BinOp::Add, Width::W64, half, high);
            constant(b, BinOp::Shr, sum, count - 1)
        }
    }

    #[test]
    fn quotients_are_known() {
        for d in (3..2000).chain([1_000_003, u64::MAX / 3]) {
            let count = 63 - u64::from(d.leading_zeros());
            if d.is_power_of_two() {
                continue;
            }
            // 2^(64 + count + 1) / d has 65 bits, and is right for all numbers.
            let factor = (1u128 << (64 + count + 1)).div_ceil(d.into());
            assert_eq!(made(u64::MAX, long(factor as u64, count + 1)), Some((BinOp::DivUnsigned, d)), "{d}");
            let factor = (1u128 << (64 + count)).div_ceil(d.into()) as u64;
            let error = u128::from(factor) * u128::from(d) - (1 << (64 + count));
            let always = error * u128::from(u64::MAX) < 1 << (64 + count);
            let expected = |holds: bool| holds.then_some((BinOp::DivUnsigned, d));
            assert_eq!(made(u64::MAX, plain(factor, count)), expected(always), "{d}");
            // Numbers of 63 bits and fewer leave more room.
            let most = u64::MAX >> count;
            assert_eq!(made(most, plain(factor, count)), expected(error * u128::from(most) < 1 << (64 + count)), "{d}");
        }
    }

    #[test]
    fn reciprocals_are_told_from_others() {
        for factor in [0xcccc_cccc_cccc_cccd, 0x0c6f_4544_9cb5_9c69, 0x20c4_9ba5_e353_f7cf] {
            assert!(is_reciprocal(false, factor, u64::MAX >> 3), "{factor:#x}");
        }
        assert!(is_reciprocal(true, 0x6666_6666_6666_6667, u64::MAX));
        for factor in [0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d, 0xcccc_cccc_cccc_cccb, 1000, 1, 0] {
            assert!(!is_reciprocal(false, factor, u64::MAX) && !is_reciprocal(true, factor, u64::MAX), "{factor:#x}");
        }
    }

    #[test]
    fn what_is_nearly_a_quotient_is_none() {
        let factor = 0xcccc_cccc_cccc_cccd;
        assert_eq!(made(u64::MAX, plain(factor, 3)), Some((BinOp::DivUnsigned, 10)));
        for (factor, count) in [(factor - 1, 3), (factor + 1, 3), (0x9e37_79b9_7f4a_7c15, 3)] {
            assert_eq!(made(u64::MAX, plain(factor, count)), None);
        }
        let factor = 0x0c6f_4544_9cb5_9c69;
        assert_eq!(made(u64::MAX, long(factor, 20)), Some((BinOp::DivUnsigned, 1_000_003)));
        assert_eq!(made(u64::MAX, long(factor - 1, 20)), None);
    }

    /// `high` of the signed product, with the operand `added`, shifted, less the sign; or with the product's.
    fn signed(factor: u64, added: bool, count: u64, sum: bool) -> impl FnOnce(&mut Builder<'_>, Value) -> Value {
        move |b, x| {
            let mut high = constant(b, BinOp::MulHighSigned, x, factor);
            if added {
                high = b.bin(BinOp::Add, Width::W64, high, x);
            }
            let rounded = constant(b, BinOp::Sar, high, count);
            if sum {
                let sign = constant(b, BinOp::Shr, high, 63);
                return b.bin(BinOp::Add, Width::W64, rounded, sign);
            }
            let sign = constant(b, BinOp::Sar, x, 63);
            b.bin(BinOp::Sub, Width::W64, rounded, sign)
        }
    }

    #[test]
    fn signed_quotients_are_known() {
        for sum in [false, true] {
            let known = |factor, added, count| made(u64::MAX, signed(factor, added, count, sum));
            assert_eq!(known(0x6666_6666_6666_6667, false, 2), Some((BinOp::DivSigned, 10)));
            assert_eq!(known(0x5555_5555_5555_5556, false, 0), Some((BinOp::DivSigned, 3)));
            assert_eq!(known(0x4924_9249_2492_4925, false, 1), Some((BinOp::DivSigned, 7)));
            assert_eq!(known(0x8888_8888_8888_8889, true, 3), Some((BinOp::DivSigned, 15)));
            assert_eq!(known(0x8888_8888_8888_8889, false, 3), None, "the factor is negative");
            assert_eq!(known(0x6666_6666_6666_6666, false, 2), None, "too small");
            assert_eq!(known(0x4000_0000_0000_0000, false, 2), None, "rounds down, and the sign is 1 too many");
        }
    }
}

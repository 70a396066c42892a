//! Sum, difference, product, quotient, square root. SDM volume 2, FADD, FSUB, FMUL, FDIV, FSQRT: the tables of special
//! operands.

use super::convert::Operand;
use super::round::{Context, Direction, Exact, Rounded, shift_right_sticky};
use super::{Class, Extended, raised};
use super::{nan, ordinary};

/// An operation on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

/// `a op b`.
#[inline(always)]
pub(in super::super) fn binary(op: Binary, context: Context, a: Operand, b: Operand) -> Rounded {
    let widened = a.denormal || b.denormal;
    let ordinary = if widened { None } else { ordinary::binary(op, context, a.value, b.value) };
    ordinary.unwrap_or_else(|| any(op, context, a, b))
}

/// [`binary`] of whatever operands.
#[inline(never)]
fn any(op: Binary, context: Context, a: Operand, b: Operand) -> Rounded {
    if let Some(result) = nan::of_two(a.value, b.value) {
        return result;
    }
    let denormal = if a.is_denormal() || b.is_denormal() { raised::DE } else { 0 };
    let (a, b) = (a.value, if op == Binary::Sub { negate(b.value) } else { b.value });
    let special = match op {
        Binary::Add | Binary::Sub => special_sum(context, a, b),
        Binary::Mul => special_product(a, b),
        Binary::Div => special_quotient(a, b),
    };
    match special {
        // Invalid operations and divisions by zero come before denormal operands (SDM 1, table 8-10).
        Some(result) if result.raised != 0 => result,
        _ if context.traps(denormal) => Rounded::new(a, denormal),
        Some(result) => result.and(denormal),
        None => match op {
            Binary::Add | Binary::Sub => sum(context, a, b),
            Binary::Mul => product(a.exact(), b.exact()).round(context),
            Binary::Div => quotient(a.exact(), b.exact()).round(context),
        }
        .and(denormal),
    }
}

fn negate(x: Extended) -> Extended {
    x.with_sign(!x.is_negative())
}

/// The sum of equal numbers of opposite sign.
fn cancelled(context: Context) -> Rounded {
    Rounded::new(Extended::zero(context.direction == Direction::Down), 0)
}

/// The sum where an operand is infinite or both are 0.
fn special_sum(context: Context, a: Extended, b: Extended) -> Option<Rounded> {
    let same_sign = a.is_negative() == b.is_negative();
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Infinity) if !same_sign => Some(Rounded::invalid()),
        (Class::Infinity, _) => Some(Rounded::new(a, 0)),
        (_, Class::Infinity) => Some(Rounded::new(b, 0)),
        (Class::Zero, Class::Zero) if same_sign => Some(Rounded::new(a, 0)),
        (Class::Zero, Class::Zero) => Some(cancelled(context)),
        _ => None,
    }
}

/// The product where an operand is infinite or 0.
fn special_product(a: Extended, b: Extended) -> Option<Rounded> {
    let negative = a.is_negative() != b.is_negative();
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Zero) | (Class::Zero, Class::Infinity) => Some(Rounded::invalid()),
        (Class::Infinity, _) | (_, Class::Infinity) => Some(Rounded::new(Extended::infinity(negative), 0)),
        (Class::Zero, _) | (_, Class::Zero) => Some(Rounded::new(Extended::zero(negative), 0)),
        _ => None,
    }
}

/// The quotient where an operand is infinite or 0.
fn special_quotient(a: Extended, b: Extended) -> Option<Rounded> {
    let negative = a.is_negative() != b.is_negative();
    match (a.class(), b.class()) {
        (Class::Infinity, Class::Infinity) | (Class::Zero, Class::Zero) => Some(Rounded::invalid()),
        (Class::Infinity, _) => Some(Rounded::new(Extended::infinity(negative), 0)),
        (_, Class::Zero) => Some(Rounded::new(Extended::infinity(negative), raised::ZE)),
        (Class::Zero, _) | (_, Class::Infinity) => Some(Rounded::new(Extended::zero(negative), 0)),
        _ => None,
    }
}

/// The sum of finite numbers, of which at most one is 0.
fn sum(context: Context, a: Extended, b: Extended) -> Rounded {
    let exact = match (a.class(), b.class()) {
        (Class::Zero, _) => Some(b.exact()),
        (_, Class::Zero) => Some(a.exact()),
        _ => exact_sum(a.exact(), b.exact()),
    };
    exact.map_or_else(|| cancelled(context), |exact| exact.round(context))
}

/// The sum, unless it is 0. Operands have at most 64 significant bits, so that 127 hold the sum and a sticky bit.
pub(super) fn exact_sum(a: Exact, b: Exact) -> Option<Exact> {
    let (large, small) = if (a.exponent, a.significand) >= (b.exponent, b.significand) { (a, b) } else { (b, a) };
    let first = large.significand >> 1;
    let second = shift_right_sticky(small.significand >> 1, (large.exponent - small.exponent) as u32);
    let total = if a.negative == b.negative { first + second } else { first - second };
    (total != 0).then(|| Exact::new(large.negative, large.exponent + 1, total))
}

fn product(a: Exact, b: Exact) -> Exact {
    let significand = (a.significand >> 64) * (b.significand >> 64);
    Exact::new(a.negative != b.negative, a.exponent + b.exponent + 1, significand)
}

/// 126 bits of the quotient, by two steps of long division.
fn quotient(a: Exact, b: Exact) -> Exact {
    let divisor = b.significand >> 64;
    let dividend = a.significand >> 1;
    let (high, rest) = (dividend / divisor, dividend % divisor);
    let (low, rest) = ((rest << 62) / divisor, (rest << 62) % divisor);
    let significand = high << 62 | low | u128::from(rest != 0);
    Exact::new(a.negative != b.negative, a.exponent - b.exponent + 2, significand)
}

/// The square root.
pub(in super::super) fn sqrt(context: Context, a: Extended) -> Rounded {
    if let Some(result) = nan::of_one(a) {
        return result;
    }
    match a.class() {
        Class::Zero => return Rounded::new(a, 0),
        _ if a.is_negative() => return Rounded::invalid(),
        Class::Infinity => return Rounded::new(a, 0),
        _ => {}
    }
    let denormal = if a.class() == Class::Denormal { raised::DE } else { 0 };
    if context.traps(denormal) {
        return Rounded::new(a, denormal);
    }
    let exact = a.exact();
    // An even exponent, and a radicand of 127 or 128 bits.
    let radicand = if exact.exponent % 2 == 0 { exact.significand >> 1 } else { exact.significand };
    let root = radicand.isqrt();
    let rest = radicand - root * root;
    // The rest tells on which side of the middle between two roots of 64 bits the root lies.
    let tail = u128::from(rest > root) << 63 | u128::from(rest != 0);
    Exact::new(false, exact.exponent.div_euclid(2), root << 64 | tail).round(context).and(denormal)
}

#[cfg(test)]
mod tests {
    use super::super::extended::INTEGER;
    use super::*;

    /// Numbers whose exponents are close, far apart and at both ends, with significands of few and of many bits.
    fn number(random: &mut impl FnMut() -> u64) -> Extended {
        let exponent = match random() % 4 {
            0 => 0x3fff + (random() % 5) as u16,
            1 => 0x3fc0 + (random() % 200) as u16,
            2 => (random() % 3) as u16,
            _ => 0x7ffe - (random() % 3) as u16,
        };
        let significand = match random() % 4 {
            0 => random() & random() & random(),
            1 => u64::MAX << (random() % 64),
            2 => u64::MAX >> (random() % 64),
            _ => random(),
        };
        Extended { high: exponent | (random() as u16) << 15, significand: significand | INTEGER }
    }

    #[test]
    fn ordinary_results_are_those_of_all() {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let directions = [Direction::Nearest, Direction::Down, Direction::Up, Direction::Zero];
        let mut ordinary = 0;
        for round in 0..200_000 {
            let context = Context { direction: directions[round % 4], precision: 64, masked: 0x3f };
            let (a, b) = (number(&mut random), number(&mut random));
            for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div] {
                let Some(result) = ordinary::binary(op, context, a, b) else { continue };
                assert_eq!(result, any(op, context, a.into(), b.into()), "{a:x?} {op:?} {b:x?}, {context:?}");
                ordinary += 1;
            }
        }
        assert!(ordinary > 400_000, "{ordinary}");
    }
}

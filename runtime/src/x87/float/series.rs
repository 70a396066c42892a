//! Sine, cosine, tangent, arc tangent, 2^x - 1 and log2, by power series in 128 bits.
//!
//! Every function takes a number that is not 0 and gives one whose relative error is below 2^-120, so that what is
//! rounded from it to 64 bits is the correctly rounded result but for about one operand in 2^56: within 1 ulp always, as
//! SDM volume 1, section 8.3.10 asks. The arguments of sine, cosine and tangent are reduced by the π of 66 bits that section 8.3.8
//! documents.

use super::round::Exact;
use super::wide::{ONE, multiply};

/// π * 2^64, cut to its 66 bits.
const PI_66: u128 = 0x3_243f_6a88_85a3_08d3;
/// π / 4 in Q128.
const QUARTER_PI: u128 = 0xc90f_daa2_2168_c234_c4c6_628b_80dc_1cd1;
/// ln 2 in Q128.
const LN_2: u128 = 0xb172_17f7_d1cf_79ab_c9e3_b398_03f2_f6af;
/// log2 e in Q127.
const LOG2_E: u128 = 0xb8aa_3b29_5c17_f0bb_be87_fed0_691d_3e88;

/// A constant `significand / 2^127 * 2^exponent`.
const fn constant(exponent: i32, significand: u128) -> Exact {
    Exact { negative: false, exponent, significand }
}

/// π times a power of two.
pub(super) const fn pi(exponent: i32) -> Exact {
    constant(1 + exponent, QUARTER_PI)
}

/// An angle as a number of right angles and a rest of at most π/4.
struct Reduced {
    /// Right angles, modulo 4.
    quadrant: u8,
    rest: Exact,
}

/// Reduces an angle below 2^63 exactly, in units of 2^-65: the rest is never 0, since the 66-bit π is odd in its units.
fn reduce(angle: Exact) -> Reduced {
    if angle.exponent < -1 {
        return Reduced { quadrant: 0, rest: angle };
    }
    let units = (angle.significand >> 64) << (angle.exponent + 2);
    let (mut count, rest) = (units / PI_66, units % PI_66);
    let (negative, magnitude) = if rest > PI_66 / 2 { (true, PI_66 - rest) } else { (false, rest) };
    count += u128::from(negative);
    let quadrant = if angle.negative { (4 - (count & 3) as u8) & 3 } else { (count & 3) as u8 };
    Reduced { quadrant, rest: Exact::new(angle.negative != negative, 127 - 65, magnitude) }
}

/// Sine and cosine of at most π/4.
fn sine_and_cosine_of_rest(rest: Exact) -> (Exact, Exact) {
    let x = rest.to_fixed();
    let square = multiply(x, x);
    let series = |first: u128| {
        (0..15).rev().fold(ONE, |sum, n| {
            let k = 2 * n + first;
            ONE - multiply(square, sum) / (k * (k + 1))
        })
    };
    let ratio = Exact::from_fixed(false, series(2).min(ONE - 1));
    (rest.times(ratio).beyond(), Exact::from_fixed(false, series(1).min(ONE - 1)).beyond())
}

/// Sine and cosine of an angle below 2^63.
pub(super) fn sine_and_cosine(angle: Exact) -> (Exact, Exact) {
    let Reduced { quadrant, rest } = reduce(angle);
    let (sine, cosine) = sine_and_cosine_of_rest(rest);
    match quadrant {
        0 => (sine, cosine),
        1 => (cosine, sine.negated()),
        2 => (sine.negated(), cosine.negated()),
        _ => (cosine.negated(), sine),
    }
}

/// Tangent of an angle below 2^63.
pub(super) fn tangent(angle: Exact) -> Exact {
    if angle.exponent < -66 {
        return angle.beyond();
    }
    let (sine, cosine) = sine_and_cosine(angle);
    sine.over(cosine).beyond()
}

/// 2^x - 1 for |x| <= 1.
pub(super) fn exponential(x: Exact) -> Exact {
    let t = x.times(constant(-1, LN_2));
    let step = t.to_fixed();
    let ratio = (2..36).rev().fold(ONE, |sum, n| {
        let term = multiply(step, sum) / n;
        if x.negative { ONE - term } else { ONE + term }
    });
    t.times(Exact::from_fixed(false, ratio)).beyond()
}

/// The sum of `z^n / (2 n + 1)`, with alternating signs or not; z is below 0.18, in Q127.
fn odd_reciprocals(z: u128, alternating: bool) -> u128 {
    (0..56_u128).rev().fold(0, |sum, n| {
        let (term, rest) = (ONE / (2 * n + 1), multiply(z, sum));
        if alternating { term - rest } else { term + rest }
    })
}

/// log2((1 + s) / (1 - s)) for |s| <= 0.172.
fn logarithm_of_ratio(s: Exact) -> Exact {
    let x = s.to_fixed();
    let sum = Exact::from_fixed(false, odd_reciprocals(multiply(x, x), false));
    s.times(sum).times(constant(1, LOG2_E)).beyond()
}

/// log2(x) for x > 0; `None` where it is 0.
pub(super) fn logarithm(x: Exact) -> Option<Exact> {
    /// The square root of 2, in Q127.
    const ROOT: u128 = 0xb504_f333_f9de_6484_597d_89b3_754a_be9f;
    let (whole, exponent) = if x.significand > ROOT { (x.exponent + 1, -1) } else { (x.exponent, 0) };
    let mantissa = Exact { exponent, ..x };
    let one = constant(0, ONE);
    let fraction = mantissa.plus(one.negated()).map(|numerator| {
        let denominator = mantissa.plus(one).unwrap_or(one);
        logarithm_of_ratio(numerator.over(denominator))
    });
    let whole = (whole != 0).then(|| Exact::new(whole < 0, 127, whole.unsigned_abs().into()));
    match (whole, fraction) {
        (Some(whole), Some(fraction)) => whole.plus(fraction).map(Exact::beyond),
        (whole, fraction) => whole.or(fraction),
    }
}

/// log2(1 + x) for x > -1; `None` where it is 0.
pub(super) fn logarithm_of_successor(x: Exact) -> Option<Exact> {
    if x.exponent < -2 {
        let denominator = x.plus(constant(1, ONE))?;
        return Some(logarithm_of_ratio(x.over(denominator)));
    }
    logarithm(x.plus(constant(0, ONE))?)
}

/// The arc tangent of a quotient of positive numbers, at most 1.
fn arc_tangent_of_ratio(y: Exact, x: Exact) -> Exact {
    let odd = |z: Exact| {
        let fixed = z.to_fixed();
        let sum = odd_reciprocals(multiply(fixed, fixed), true).min(ONE - 1);
        z.times(Exact::from_fixed(false, sum)).beyond()
    };
    let quotient = y.over(x);
    // Above tan(π/8), which is a little more than 13/32, the series is in the difference from π/4.
    if quotient.to_fixed() <= ONE / 32 * 13 {
        return odd(quotient);
    }
    let quarter = pi(-2);
    let turned = y.plus(x.negated()).zip(y.plus(x)).map(|(difference, sum)| odd(difference.over(sum)));
    turned.and_then(|angle| quarter.plus(angle)).unwrap_or(quarter).beyond()
}

/// The angle of the point (x, y), neither of them 0.
pub(super) fn arc_tangent(y: Exact, x: Exact) -> Exact {
    let (height, width) = (y.abs(), x.abs());
    let steep = (height.exponent, height.significand) > (width.exponent, width.significand);
    let from = |base: Exact, angle: Exact| base.plus(angle.negated()).unwrap_or(base).beyond();
    let acute = match steep {
        true => from(pi(-1), arc_tangent_of_ratio(width, height)),
        false => arc_tangent_of_ratio(height, width),
    };
    let angle = if x.negative { from(pi(0), acute) } else { acute };
    Exact { negative: y.negative, ..angle }
}

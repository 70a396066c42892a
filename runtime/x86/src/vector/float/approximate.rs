//! RCPPS and RSQRTPS: exact to 12 bits, which is within the error of 1.5 · 2^-12 that the manual allows.
//!
//! Processors differ in the bits beyond; these are the nearest numbers that have 12 fraction bits. Neither instruction
//! obeys MXCSR: denormal operands count as zeros, denormal results become zeros.

use super::op::FloatWidth;

const F32: FloatWidth = FloatWidth::F32;
/// Fraction bits dropped from binary32.
const DROPPED: u32 = 11;

/// About 1 / a.
pub(super) fn reciprocal(a: u64) -> u64 {
    approximate(a, |x| 1.0 / x)
}

/// About 1 / √a; of a negative number that is not zero, the default NaN.
pub(super) fn reciprocal_sqrt(a: u64) -> u64 {
    let magnitude = a & !F32.sign();
    let negative = a & F32.sign() != 0 && magnitude >= F32.least_normal() && magnitude <= F32.infinity();
    if negative { F32.default_nan() } else { approximate(a, |x| 1.0 / x.sqrt()) }
}

fn approximate(a: u64, f: impl Fn(f64) -> f64) -> u64 {
    let (sign, magnitude) = (a & F32.sign(), a & !F32.sign());
    if magnitude > F32.infinity() {
        return a | F32.quiet();
    }
    if magnitude < F32.least_normal() {
        return sign | F32.infinity();
    }
    let value = f(f64::from(f32::from_bits(magnitude as u32))) as f32;
    let rounded = (u64::from(value.to_bits()) + (1 << (DROPPED - 1))) & !((1 << DROPPED) - 1);
    if rounded < F32.least_normal() { sign } else { sign | rounded }
}

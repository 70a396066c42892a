//! Comparison. SDM volume 1, section 8.3.6.1, table 8-6.

use super::convert::Operand;
use super::{Class, Extended, raised};

/// How two numbers relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Relation {
    Greater,
    Less,
    Equal,
    Unordered,
}

/// How `a` relates to `b`, and the exceptions. A quiet NaN is invalid unless `quiet`.
pub(in super::super) fn compare(a: Operand, b: Operand, quiet: bool) -> (Relation, u16) {
    let invalid = a.value.is_invalid() || b.value.is_invalid();
    if invalid || a.value.is_nan() || b.value.is_nan() {
        return (Relation::Unordered, if invalid || !quiet { raised::IE } else { 0 });
    }
    let denormal = if a.is_denormal() || b.is_denormal() { raised::DE } else { 0 };
    (ordered(a.value, b.value), denormal)
}

fn ordered(a: Extended, b: Extended) -> Relation {
    let (x, y) = (key(a), key(b));
    match x.cmp(&y) {
        std::cmp::Ordering::Less => Relation::Less,
        std::cmp::Ordering::Equal => Relation::Equal,
        std::cmp::Ordering::Greater => Relation::Greater,
    }
}

/// An integer that grows with the number: both zeros give 0.
fn key(a: Extended) -> i128 {
    let exponent = match a.class() {
        // A pseudo-denormal has the value of exponent 1.
        Class::Denormal => 1,
        _ => i128::from(a.high & 0x7fff),
    };
    let magnitude = if a.class() == Class::Zero { 0 } else { exponent << 64 | i128::from(a.significand) };
    if a.is_negative() { -magnitude } else { magnitude }
}

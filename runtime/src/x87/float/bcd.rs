//! Packed decimal numbers: 18 digits and a sign. SDM volume 1, section 4.7; volume 2, FBLD and FBSTP.

use super::convert::{from_integer, magnitude};
use super::round::{Direction, Rounded};
use super::{Extended, raised};

/// Least magnitude that does not fit.
const LIMIT: u64 = 1_000_000_000_000_000_000;
/// What FBSTP stores for an invalid operation.
const INDEFINITE: [u8; 10] = [0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff];

/// The number. A digit above 9 (undefined in the manual) counts as its value.
pub(in super::super) fn from_bcd(bytes: [u8; 10]) -> Extended {
    let digits = bytes[..9].iter().rev().flat_map(|byte| [byte >> 4, byte & 15]);
    let magnitude = digits.fold(0_i64, |sum, digit| 10 * sum + i64::from(digit));
    from_integer(magnitude).with_sign(bytes[9] >> 7 != 0)
}

/// The number rounded to an integer.
pub(in super::super) fn to_bcd(a: Extended, direction: Direction) -> Rounded<[u8; 10]> {
    let Some(Rounded { value, raised, up }) = magnitude(a, LIMIT - 1, direction) else {
        return Rounded::new(INDEFINITE, raised::IE);
    };
    let mut bytes = [0; 10];
    let mut rest = value;
    for byte in &mut bytes[..9] {
        *byte = (rest % 10 + (rest / 10 % 10) * 16) as u8;
        rest /= 100;
    }
    bytes[9] = u8::from(a.is_negative()) << 7;
    Rounded { value: bytes, raised, up }
}

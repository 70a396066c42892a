//! Multiplication of polynomials over GF(2). SDM volume 2, PCLMULQDQ.

/// The product without carries: four bits of one factor at a time.
pub(super) fn product(a: u64, b: u64) -> u128 {
    let mut multiples = [0u128; 16];
    for i in 1..16 {
        let half = multiples[i / 2] << 1;
        multiples[i] = if i % 2 == 0 { half } else { half ^ u128::from(a) };
    }
    (0..16).rev().fold(0, |sum, i| sum << 4 ^ multiples[(b >> (4 * i)) as usize & 15])
}

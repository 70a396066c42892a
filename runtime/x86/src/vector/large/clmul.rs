//! Multiplication of polynomials over GF(2). SDM volume 2, PCLMULQDQ.

/// The product without carries.
pub(super) fn product(a: u64, b: u64) -> u128 {
    (0..64).filter(|i| b >> i & 1 != 0).fold(0, |sum, i| sum ^ u128::from(a) << i)
}

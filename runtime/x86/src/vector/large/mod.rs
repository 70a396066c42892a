//! Operations on vectors that are too large to be made of a few of [`super::VecOp`]: AES, SHA, carry-less
//! multiplication, string comparison. Each is one function of 128-bit values; translated code leaves for it.

mod aes;
mod clmul;
mod sha;
mod text;

pub use aes::AesOp;
pub use sha::ShaOp;
pub use text::{Output, TextOp};

/// An operation on up to three 128-bit values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LargeOp {
    /// A step of AES, of a state and a round key.
    Aes(AesOp),
    /// A step of SHA-1 or SHA-256.
    Sha(ShaOp),
    /// PCLMULQDQ: the 128-bit product, without carries, of the halves that bits 0 and 4 of this immediate choose.
    Clmul(u8),
    /// PCMPESTRI and its kin, of two strings and, in the third value's halves, their explicit lengths.
    Text(TextOp),
}

/// `op` of its operands; those that it does not have count for nothing.
pub fn large(op: LargeOp, [a, b, c]: [u128; 3]) -> u128 {
    match op {
        LargeOp::Aes(op) => aes::step(op, a, b),
        LargeOp::Sha(op) => sha::step(op, a, b, c),
        LargeOp::Clmul(imm) => clmul::product(half(a, imm), half(b, imm >> 4)),
        LargeOp::Text(op) => text::compare(op, a, b, c),
    }
}

fn half(value: u128, index: u8) -> u64 {
    (value >> (64 * u32::from(index & 1))) as u64
}

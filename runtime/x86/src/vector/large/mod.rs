//! Operations on vectors that are too large to be made of a few of [`super::VecOp`]: AES, SHA, carry-less
//! multiplication, string comparison. Each is one function of 128-bit values; translated code calls it.

pub mod aes;
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

impl LargeOp {
    /// As a number.
    pub fn pack(self) -> u32 {
        let [kind, a, b] = match self {
            LargeOp::Aes(op) => aes_bytes(op),
            LargeOp::Sha(op) => sha_bytes(op),
            LargeOp::Clmul(imm) => [2, imm, 0],
            LargeOp::Text(op) => [3, op.control, u8::from(op.explicit) | u8::from(op.output == Output::Mask) << 1],
        };
        u32::from_le_bytes([kind, a, b, 0])
    }

    /// What [`LargeOp::pack`] made a number of.
    pub fn unpack(number: u32) -> Option<LargeOp> {
        let [kind, a, b, _] = number.to_le_bytes();
        Some(match kind {
            0 => LargeOp::Aes(*AES.get(usize::from(a)).unwrap_or(&AesOp::KeyAssist(b))),
            1 => LargeOp::Sha(*SHA.get(usize::from(a)).unwrap_or(&ShaOp::Rounds1(b))),
            2 => LargeOp::Clmul(a),
            3 => {
                let output = if b & 2 != 0 { Output::Mask } else { Output::Index };
                LargeOp::Text(TextOp { control: a, explicit: b & 1 != 0, output })
            }
            _ => return None,
        })
    }
}

/// The steps without an immediate, by number; the one that has one comes after them.
const AES: [AesOp; 5] = [AesOp::Encrypt, AesOp::EncryptLast, AesOp::Decrypt, AesOp::DecryptLast, AesOp::InverseMix];
const SHA: [ShaOp; 6] =
    [ShaOp::NextE1, ShaOp::First1, ShaOp::Second1, ShaOp::Rounds256, ShaOp::First256, ShaOp::Second256];

fn aes_bytes(op: AesOp) -> [u8; 3] {
    let number = AES.iter().position(|step| *step == op).unwrap_or(AES.len());
    [0, number as u8, if let AesOp::KeyAssist(constant) = op { constant } else { 0 }]
}

fn sha_bytes(op: ShaOp) -> [u8; 3] {
    let number = SHA.iter().position(|step| *step == op).unwrap_or(SHA.len());
    [1, number as u8, if let ShaOp::Rounds1(quarter) = op { quarter } else { 0 }]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_numbers() {
        let mut ops: Vec<LargeOp> =
            AES.into_iter().map(LargeOp::Aes).chain(SHA.into_iter().map(LargeOp::Sha)).collect();
        for imm in [0, 1, 0x11, 0xff] {
            ops.extend([LargeOp::Aes(AesOp::KeyAssist(imm)), LargeOp::Sha(ShaOp::Rounds1(imm)), LargeOp::Clmul(imm)]);
            for (explicit, output) in [(false, Output::Mask), (true, Output::Index), (true, Output::Mask)] {
                ops.push(LargeOp::Text(TextOp { control: imm, explicit, output }));
            }
        }
        for op in ops {
            assert_eq!(LargeOp::unpack(op.pack()), Some(op));
        }
        assert_eq!(LargeOp::unpack(4), None);
    }
}

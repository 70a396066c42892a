//! Operations on integers that are loops or tables, and so one function each: PDEP, PEXT, CRC32. SDM volume 2.

use crate::width::Width;

/// An operation on two integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntegerOp {
    /// PDEP: the first's low bits go where the second has ones.
    Deposit,
    /// PEXT: the first's bits where the second has ones become the low ones.
    Extract,
    /// CRC32: the first, a remainder, goes on with this much of the second.
    Remainder(Width),
}

impl IntegerOp {
    /// As a number.
    pub fn pack(self) -> u32 {
        match self {
            IntegerOp::Deposit => 4,
            IntegerOp::Extract => 5,
            IntegerOp::Remainder(w) => w as u32,
        }
    }

    /// What [`IntegerOp::pack`] made a number of.
    pub fn unpack(number: u32) -> Option<IntegerOp> {
        match number {
            4 => Some(IntegerOp::Deposit),
            5 => Some(IntegerOp::Extract),
            _ => Width::from_bytes(1 << number.min(31)).map(IntegerOp::Remainder),
        }
    }
}

/// `op` of its operands.
pub fn compute(op: IntegerOp, a: u64, b: u64) -> u64 {
    match op {
        IntegerOp::Deposit => by_mask(a, b, true),
        IntegerOp::Extract => by_mask(a, b, false),
        IntegerOp::Remainder(w) => {
            let bytes = b.to_le_bytes();
            let bytes = bytes[..w.bytes() as usize].iter();
            bytes.fold(a as u32, |sum, byte| sum >> 8 ^ REMAINDERS[usize::from(sum as u8 ^ byte)]).into()
        }
    }
}

fn by_mask(source: u64, mut mask: u64, deposit: bool) -> u64 {
    let (mut result, mut low) = (0, 0);
    while mask != 0 {
        let place = mask.trailing_zeros();
        let (from, to) = if deposit { (low, place) } else { (place, low) };
        result |= (source >> from & 1) << to;
        mask &= mask - 1;
        low += 1;
    }
    result
}

/// The polynomial 0x11edc6f41, its bits in reverse order.
const CASTAGNOLI: u32 = 0x82f6_3b78;

/// The remainder of one byte after a remainder of 0.
const fn remainder(byte: u8) -> u32 {
    let (mut value, mut i) = (byte as u32, 0);
    while i < 8 {
        value = value >> 1 ^ if value & 1 != 0 { CASTAGNOLI } else { 0 };
        i += 1;
    }
    value
}

static REMAINDERS: [u32; 256] = {
    let (mut all, mut i) = ([0; 256], 0);
    while i < 256 {
        all[i] = remainder(i as u8);
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_numbers() {
        let ops = [IntegerOp::Deposit, IntegerOp::Extract].into_iter().chain(Width::ALL.map(IntegerOp::Remainder));
        for op in ops {
            assert_eq!(IntegerOp::unpack(op.pack()), Some(op));
        }
        assert_eq!(IntegerOp::unpack(6), None);
    }

    #[test]
    fn known_answers() {
        assert_eq!(compute(IntegerOp::Deposit, 0b101, 0xf0f0), 0x50);
        assert_eq!(compute(IntegerOp::Extract, 0x1250, 0xf0f0), 0x15);
        // The check value of CRC-32C: of "123456789", with all bits inverted before and after.
        let sum = b"123456789"
            .iter()
            .fold(u32::MAX.into(), |sum, byte| compute(IntegerOp::Remainder(Width::W8), sum, u64::from(*byte)));
        assert_eq!(!sum as u32, 0xe306_9283);
    }
}

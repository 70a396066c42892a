//! Operations on integers that are loops or tables, and so one function each: PDEP, PEXT, CRC32, and the quotient of a dividend
//! of 128 bits. SDM volume 2.

use crate::width::Width;

/// An operation on two integers, or three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntegerOp {
    /// PDEP: the first's low bits go where the second has ones.
    Deposit,
    /// PEXT: the first's bits where the second has ones become the low ones.
    Extract,
    /// DIV of 64 bits: the quotient of the first (the dividend's high half) and the second (its low half) by the third; 0 if that
    /// does not fit 64 bits.
    Quotient,
    /// CRC32: the first, a remainder, goes on with this much of the second.
    Remainder(Width),
}

impl IntegerOp {
    /// As a number.
    pub fn pack(self) -> u32 {
        match self {
            IntegerOp::Deposit => 4,
            IntegerOp::Extract => 5,
            IntegerOp::Quotient => 6,
            IntegerOp::Remainder(w) => w as u32,
        }
    }

    /// What [`IntegerOp::pack`] made a number of.
    pub fn unpack(number: u32) -> Option<IntegerOp> {
        match number {
            4 => Some(IntegerOp::Deposit),
            5 => Some(IntegerOp::Extract),
            6 => Some(IntegerOp::Quotient),
            _ => Width::from_bytes(1 << number.min(31)).map(IntegerOp::Remainder),
        }
    }
}

/// `op` of its operands, of which those without a third do not look at it.
pub fn compute(op: IntegerOp, [a, b, c]: [u64; 3]) -> u64 {
    match op {
        IntegerOp::Deposit => by_mask(a, b, true),
        IntegerOp::Extract => by_mask(a, b, false),
        IntegerOp::Quotient => quotient(a, b, c),
        IntegerOp::Remainder(w) => {
            let bytes = b.to_le_bytes();
            let bytes = bytes[..w.bytes() as usize].iter();
            bytes.fold(a as u32, |sum, byte| sum >> 8 ^ REMAINDERS[usize::from(sum as u8 ^ byte)]).into()
        }
    }
}

fn quotient(high: u64, low: u64, divisor: u64) -> u64 {
    match high {
        0 => low.checked_div(divisor).unwrap_or(0),
        _ if high >= divisor => 0,
        _ => ((u128::from(high) << 64 | u128::from(low)) / u128::from(divisor)) as u64,
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
        let ops = [IntegerOp::Deposit, IntegerOp::Extract, IntegerOp::Quotient];
        let ops = ops.into_iter().chain(Width::ALL.map(IntegerOp::Remainder));
        for op in ops {
            assert_eq!(IntegerOp::unpack(op.pack()), Some(op));
        }
        assert_eq!(IntegerOp::unpack(7), None);
    }

    #[test]
    fn known_answers() {
        assert_eq!(compute(IntegerOp::Deposit, [0b101, 0xf0f0, 0]), 0x50);
        assert_eq!(compute(IntegerOp::Extract, [0x1250, 0xf0f0, 0]), 0x15);
        assert_eq!(compute(IntegerOp::Quotient, [0, 100, 7]), 14);
        assert_eq!(compute(IntegerOp::Quotient, [6, 5, 7]), 15_811_494_920_322_472_814);
        for does_not_fit in [[0, 1, 0], [7, 0, 7], [u64::MAX; 3]] {
            assert_eq!(compute(IntegerOp::Quotient, does_not_fit), 0);
        }
        // The check value of CRC-32C: of "123456789", with all bits inverted before and after.
        let sum = b"123456789"
            .iter()
            .fold(u32::MAX.into(), |sum, byte| compute(IntegerOp::Remainder(Width::W8), [sum, u64::from(*byte), 0]));
        assert_eq!(!sum as u32, 0xe306_9283);
    }
}

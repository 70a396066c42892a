//! String comparison: PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM. SDM volume 2, section 4.1.

use crate::flags::bit;

/// What a comparison gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// The first or last position in the low half; the word of flags in the high half.
    Index,
    /// The mask of positions.
    Mask,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextOp {
    /// The immediate.
    pub control: u8,
    /// Whether the lengths are given; else a zero ends a string.
    pub explicit: bool,
    /// What it gives.
    pub output: Output,
}

/// A string: its elements, extended to 32 bits, and how many are valid.
struct Text {
    elements: [i32; 16],
    valid: usize,
}

impl TextOp {
    fn words(self) -> bool {
        self.control & 1 != 0
    }

    /// Elements of a value: 16 bytes or 8 words.
    fn count(self) -> usize {
        if self.words() { 8 } else { 16 }
    }

    fn text(self, value: u128, length: u64) -> Text {
        let signed = self.control & 2 != 0;
        let mut elements = [0; 16];
        for (i, element) in elements.iter_mut().take(self.count()).enumerate() {
            *element = match (self.words(), signed) {
                (false, false) => i32::from((value >> (8 * i)) as u8),
                (false, true) => i32::from((value >> (8 * i)) as i8),
                (true, false) => i32::from((value >> (16 * i)) as u16),
                (true, true) => i32::from((value >> (16 * i)) as i16),
            };
        }
        let all = self.count();
        let valid = if self.explicit {
            (length as i64).unsigned_abs().min(all as u64) as usize
        } else {
            elements[..all].iter().position(|&element| element == 0).unwrap_or(all)
        };
        Text { elements, valid }
    }

    /// Whether position `j` of `b` matches, by the aggregation that the immediate names (table 4-4 and 4-7).
    fn matches(self, a: &Text, b: &Text, j: usize) -> bool {
        let count = self.count();
        let element = b.elements[j];
        match self.control >> 2 & 3 {
            0 => j < b.valid && a.elements[..a.valid].contains(&element),
            1 => {
                let ranges = a.elements[..a.valid].chunks_exact(2);
                j < b.valid && ranges.into_iter().any(|range| (range[0]..=range[1]).contains(&element))
            }
            2 => match (j < a.valid, j < b.valid) {
                (true, true) => a.elements[j] == element,
                (first, second) => first == second,
            },
            _ => (0..count - j).take(a.valid).all(|i| i + j < b.valid && a.elements[i] == b.elements[i + j]),
        }
    }

    /// The matches with their polarity: bit j for position j.
    fn positions(self, a: &Text, b: &Text) -> u32 {
        let count = self.count();
        let found: u32 = (0..count).map(|j| u32::from(self.matches(a, b, j)) << j).sum();
        match self.control >> 4 & 3 {
            1 => found ^ ((1 << count) - 1),
            3 => found ^ ((1 << b.valid) - 1),
            _ => found,
        }
    }

    fn index(self, positions: u32) -> u32 {
        match positions {
            0 => self.count() as u32,
            _ if self.control & 0x40 != 0 => positions.ilog2(),
            _ => positions.trailing_zeros(),
        }
    }

    fn mask(self, positions: u32) -> u128 {
        if self.control & 0x40 == 0 {
            return positions.into();
        }
        let (bits, ones) = if self.words() { (16, 0xffff) } else { (8, 0xff) };
        (0..self.count()).filter(|j| positions >> j & 1 != 0).fold(0, |mask, j| mask | ones << (bits * j))
    }
}

pub(super) fn compare(op: TextOp, a: u128, b: u128, lengths: u128) -> u128 {
    let (a, b) = (op.text(a, lengths as u64), op.text(b, (lengths >> 64) as u64));
    let positions = op.positions(&a, &b);
    if op.output == Output::Mask {
        return op.mask(positions);
    }
    let set = |condition: bool, bit: u64| if condition { bit } else { 0 };
    let flags = set(positions != 0, bit::CF)
        | set(b.valid < op.count(), bit::ZF)
        | set(a.valid < op.count(), bit::SF)
        | set(positions & 1 != 0, bit::OF);
    u128::from(flags) << 64 | u128::from(op.index(positions))
}

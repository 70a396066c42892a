//! A set of interrupt vectors: the layout of IRR, ISR and TMR, eight 32-bit registers.

/// 256 vectors, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vectors([u64; 4]);

impl Vectors {
    pub(crate) fn assign(&mut self, vector: u8, value: bool) {
        let bit = 1 << (vector % 64);
        let word = &mut self.0[usize::from(vector / 64)];
        *word = if value { *word | bit } else { *word & !bit };
    }

    pub(crate) fn contains(self, vector: u8) -> bool {
        self.0[usize::from(vector / 64)] >> (vector % 64) & 1 != 0
    }

    /// The highest vector, which has the highest priority.
    pub(crate) fn highest(self) -> Option<u8> {
        let word = self.0.iter().rposition(|&word| word != 0)?;
        Some((word as u32 * 64 + self.0[word].ilog2()) as u8)
    }

    /// Register `index` (0 to 7) of the eight.
    pub(crate) fn register(self, index: usize) -> u32 {
        (self.0[index / 2 % 4] >> (32 * (index % 2))) as u32
    }
}

impl crate::snapshot::codec::Field for Vectors {
    fn save(&self, to: &mut crate::snapshot::codec::Writer) {
        self.0.save(to);
    }
    fn load(from: &mut crate::snapshot::codec::Reader<'_>) -> Result<Self, crate::snapshot::codec::CodecError> {
        crate::snapshot::codec::Field::load(from).map(Vectors)
    }
}

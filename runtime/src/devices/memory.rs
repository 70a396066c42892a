//! Guest-physical memory as devices see it: checked copies in and out, never a host address.

/// A guest-physical address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Gpa(pub u64);

impl Gpa {
    /// The address `bytes` further on; `None` past the end of the address space.
    pub fn checked_add(self, bytes: u64) -> Option<Gpa> {
        self.0.checked_add(bytes).map(Gpa)
    }
}

impl std::fmt::Display for Gpa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// An access that is not wholly inside guest memory. Nothing was read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no guest memory at {gpa}, {length} bytes")]
pub struct OutOfRange {
    /// First byte of the access.
    pub gpa: Gpa,
    /// Its length in bytes.
    pub length: usize,
}

/// The guest memory that devices read and write. The machine implements it, and unbinds translated code on writes.
pub trait Memory {
    /// Copies guest memory from `gpa` on into `into`.
    ///
    /// # Errors
    /// If any byte is outside guest memory; then `into` is unspecified.
    fn read(&self, gpa: Gpa, into: &mut [u8]) -> Result<(), OutOfRange>;

    /// Copies `bytes` to guest memory from `gpa` on.
    ///
    /// # Errors
    /// If any byte is outside guest memory; then nothing was written.
    fn write(&mut self, gpa: Gpa, bytes: &[u8]) -> Result<(), OutOfRange>;
}

macro_rules! accessors {
    ($($read:ident $write:ident $integer:ty;)*) => {
        /// Little-endian integers in guest memory.
        impl dyn Memory + '_ {$(
            pub(super) fn $read(&self, gpa: Gpa) -> Result<$integer, OutOfRange> {
                let mut bytes = [0; size_of::<$integer>()];
                self.read(gpa, &mut bytes)?;
                Ok(<$integer>::from_le_bytes(bytes))
            }
            #[allow(dead_code)]
            pub(super) fn $write(&mut self, gpa: Gpa, value: $integer) -> Result<(), OutOfRange> {
                self.write(gpa, &value.to_le_bytes())
            }
        )*}
    };
}
accessors! {
    read_u16 write_u16 u16;
    read_u32 write_u32 u32;
}

/// Width of a register access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte = 1,
    /// 16 bits.
    Word = 2,
    /// 32 bits.
    Dword = 4,
    /// 64 bits.
    Qword = 8,
}

impl Width {
    /// The width of `bytes` bytes, if there is such an access.
    pub fn from_bytes(bytes: usize) -> Option<Width> {
        match bytes {
            1 => Some(Width::Byte),
            2 => Some(Width::Word),
            4 => Some(Width::Dword),
            8 => Some(Width::Qword),
            _ => None,
        }
    }

    /// Its size in bytes.
    pub fn bytes(self) -> usize {
        self as usize
    }

    /// All ones: what nobody drives reads as.
    pub fn ones(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes())
    }
}

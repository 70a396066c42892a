//! Faults, traps and aborts as values. SDM volume 3A, chapter 6.

/// Exception vectors (SDM 3A, table 6-1).
pub mod vector {
    #![allow(missing_docs)]
    pub const DE: u8 = 0;
    pub const DB: u8 = 1;
    pub const NMI: u8 = 2;
    pub const BP: u8 = 3;
    pub const OF: u8 = 4;
    pub const BR: u8 = 5;
    pub const UD: u8 = 6;
    pub const NM: u8 = 7;
    pub const DF: u8 = 8;
    pub const TS: u8 = 10;
    pub const NP: u8 = 11;
    pub const SS: u8 = 12;
    pub const GP: u8 = 13;
    pub const PF: u8 = 14;
    pub const MF: u8 = 16;
    pub const AC: u8 = 17;
    pub const XM: u8 = 19;
}

/// An exception that an instruction raised, or what else stops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    /// The vector.
    pub vector: u8,
    /// The error code, for vectors that have one.
    pub error: Option<u32>,
    /// The linear address, for #PF: goes to CR2.
    pub address: u64,
}

impl Exception {
    /// One without error code.
    pub const fn plain(vector: u8) -> Exception {
        Exception { vector, error: None, address: 0 }
    }

    /// One with error code.
    pub const fn with_error(vector: u8, error: u32) -> Exception {
        Exception { vector, error: Some(error), address: 0 }
    }

    /// #GP(0).
    pub const GP0: Exception = Exception::with_error(vector::GP, 0);
    /// #SS(0).
    pub const SS0: Exception = Exception::with_error(vector::SS, 0);
    /// An access to an address that is not canonical: becomes #SS(0) where the instruction addresses the stack, else
    /// #GP(0) (SDM 3A, 3.3.7.1).
    pub const NOT_CANONICAL: Exception = Exception { vector: vector::GP, error: Some(0), address: 1 };
    /// #UD.
    pub const UD: Exception = Exception::plain(vector::UD);

    /// #PF at `address`.
    pub const fn page_fault(address: u64, error: u32) -> Exception {
        Exception { vector: vector::PF, error: Some(error), address }
    }

    /// Whether this is of the fault class, for which the pushed RF is set (SDM 3B, 17.3.1.1): #DB is not always, and says so itself.
    pub const fn is_fault(self) -> bool {
        self.contributory()
            || matches!(self.vector, vector::UD | vector::NM | vector::PF | vector::MF | vector::AC | vector::XM)
    }

    /// Whether this is of the contributory class, for double faults (SDM 3A, table 6-4).
    pub const fn contributory(self) -> bool {
        matches!(self.vector, vector::DE | vector::TS | vector::NP | vector::SS | vector::GP)
    }
}

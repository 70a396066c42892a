//! The memory management unit: page walks, TLB fills and flushes. SDM volume 3A, chapter 4.

mod tlb;
mod walk;
mod writers;

pub use tlb::{Kept, Use, fill, flush_all, flush_non_global, flush_page};
pub use walk::{Access, Mapping, PHYSICAL_BITS, Privilege, walk};
pub use writers::Writers;

/// Whether bits 47 to 63 of a linear address are equal.
#[inline(always)]
pub const fn canonical(address: u64) -> bool {
    ((address << 16) as i64 >> 16) as u64 == address
}

/// Error code bits of #PF (SDM 3A, 4.7).
pub mod fault {
    /// The page was present: a protection fault.
    pub const PRESENT: u32 = 1;
    /// The access was a write.
    pub const WRITE: u32 = 2;
    /// The access came from user mode.
    pub const USER: u32 = 4;
    /// A reserved bit was set in a table entry.
    pub const RESERVED: u32 = 8;
    /// The access was an instruction fetch.
    pub const FETCH: u32 = 16;
}

/// Bits of a page-table entry (SDM 3A, 4.5).
pub mod entry {
    #![allow(missing_docs)]
    pub const PRESENT: u64 = 1;
    pub const WRITABLE: u64 = 1 << 1;
    pub const USER: u64 = 1 << 2;
    pub const ACCESSED: u64 = 1 << 5;
    pub const DIRTY: u64 = 1 << 6;
    pub const LARGE: u64 = 1 << 7;
    pub const GLOBAL: u64 = 1 << 8;
    pub const NO_EXECUTE: u64 = 1 << 63;
}

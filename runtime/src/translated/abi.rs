//! What translated code and the runtime agree on.
//!
//! **A region** is one Wasm function `(base: i64, entry: i32, room: i32, budget: i64) -> (i64, i64)`. `base` is the guest-virtual address that
//! the region's offsets count from; `entry` numbers its entry points, densely. On a call `Cpu::rip` already holds the
//! address of that entry point, the guest state is complete in [`Cpu`](crate::cpu::Cpu), and the region
//! 1. compares its stamp with `base + generation` (below) and returns with [`ExitReason::Stale`] where they differ;
//! 2. compares `budget` with the most instructions that it can retire before its next check, and returns with
//!    [`ExitReason::Budget`] where that is more; it does so again at every loop head;
//! 3. loads what it uses into locals and runs.
//!
//! It leaves, always with the guest state written back, RIP precise and the budget, which it passes on or returns, reduced by the
//! instructions retired:
//! - to a region that is known to hold the target: `return_call`, with that region's `base` and entry;
//! - by an indirect jump: `return_call` to the *jump* function, which looks `rip` up in [`JumpCacheEntry`]s and
//!   `return_call_indirect`s, or returns with [`ExitReason::Next`];
//! - by a guest CALL: as the first two, but by a Wasm call, if `room` has bytes left for it;
//! - by a guest RET: where `room` is not [`FULL_ROOM`] a region waits for this one, and it returns the address, without writing
//!   RIP; else by an indirect jump;
//! - by a side exit: it returns with the reason, and the interpreter takes the instruction at RIP, which has not
//!   changed any state.
//!
//! **The dispatcher** calls a region by way of the *enter* function ([`Enter`]), which the linker adds: while translated code runs, some
//! of the state is elsewhere, and `enter` brings it there and back. So what is said of `Cpu` here is meant of these places
//! where a field has one, and helpers look at no such field.
//!
//! It may call the runtime's [`helpers`](super::helpers), which leave all that is said here as it is.
//!
//! Without tail calls all but the last are a return with [`ExitReason::Next`] as well.
//!
//! **The results** are the address that guest execution goes on at, if a RET brought it there, else [`LEFT`], and the budget. A region
//! that waits goes on if it is the address after its CALL, and otherwise returns it as well. The dispatcher makes it RIP.
//!
//! **Stamps.** Each region has one 64-bit stamp for each address-space slot; kernel regions use one table of their own.
//! The stamp of region `r` is at `Cpu::stamps + 8 r` (user) or [`Layout::kernel_stamps`]` + 8 r` (kernel). Where the
//! region is bound it holds `base + generation`, modulo 2^64, with the generation in bits 48 to 63
//! (`Cpu::user_generation`, `Cpu::kernel_generation`, which hold it in that place); else 0. So one comparison tests
//! content, mapping, address space and base. Whoever writes to a page that a region's code is on zeroes its stamps.
//!
//! **Memory.** See [`TlbEntry`](crate::cpu::TlbEntry). Kernel regions use `Cpu::kernel_tlb`, user regions
//! `Cpu::user_tlb`.

/// Why translated code came back, in `Cpu::exit_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ExitReason {
    /// RIP is the start of a block that is not in the jump cache, or not chained.
    Next = 0,
    /// The memory access of the instruction at RIP missed the TLB.
    Miss = 1,
    /// The instruction at RIP has no translation.
    Unlifted = 2,
    /// A rare case of the instruction at RIP, such as a fault.
    Rare = 3,
    /// The region is not bound here.
    Stale = 4,
    /// The budget might not last.
    Budget = 5,
}

impl ExitReason {
    /// All, by number.
    pub const ALL: [ExitReason; 6] = [
        ExitReason::Next,
        ExitReason::Miss,
        ExitReason::Unlifted,
        ExitReason::Rare,
        ExitReason::Stale,
        ExitReason::Budget,
    ];
}

/// Calls a region: base, entry, room, and the region's entry of the function table.
pub type Enter = extern "C" fn(u64, u32, i32, u32) -> u64;

/// The room that the dispatcher gives: bytes of stack for the frames of regions that wait. The engine's default stack is 512
/// KiB, of which the runtime has the rest.
pub const FULL_ROOM: i32 = 192 << 10;

/// What a region returns that left for the dispatcher. No instruction is there: the address is not canonical.
pub const LEFT: u64 = 0x8000_0000_0000_0000;

/// Entries of the jump cache.
pub const JUMP_CACHE_ENTRIES: usize = 4096;

/// Where to go on from a guest address: entry [`jump_cache_index`] of the cache. It holds if `rip` is the address and
/// `generation` is that of the current privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct JumpCacheEntry {
    /// The guest-virtual address.
    pub rip: u64,
    /// `Cpu::user_generation` or `Cpu::kernel_generation` at the time, plus 3 in user mode: privileges never mix.
    pub generation: u64,
    /// The region's base.
    pub base: u64,
    /// The region's function, as an index of the module's table; 0 for none.
    pub function: u32,
    /// The entry point.
    pub entry: u32,
}

impl JumpCacheEntry {
    /// Matches no address: it is not canonical.
    pub const EMPTY: JumpCacheEntry =
        JumpCacheEntry { rip: 0x8000_0000_0000_0000, generation: 0, base: 0, function: 0, entry: 0 };
}

/// `(rip ^ rip >> 12 ^ generation >> 44) % JUMP_CACHE_ENTRIES`, with the entry's generation: processes that run the same program
/// do not take each other's entries.
#[inline(always)]
pub const fn jump_cache_index(rip: u64, generation: u64) -> usize {
    (rip ^ (rip >> 12) ^ (generation >> 44)) as usize % JUMP_CACHE_ENTRIES
}

/// Address-space slots that have stamps at the same time.
pub const STAMP_SLOTS: usize = 8;

/// Where the linker put what the runtime must find. The runtime's static of this type is exported as
/// `PRELIFT_LAYOUT`; the linker writes over it. Addresses are of linear memory, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Layout {
    /// [`Layout::MAGIC`] in a linked module, 0 in a runtime that nothing was linked to.
    pub magic: u32,
    /// Table index of region 0's function; region `r` has `first_function + r`.
    pub first_function: u32,
    /// Table index of the function that calls a region for the dispatcher: [`Enter`].
    pub enter: u32,
    /// Number of regions.
    pub regions: u32,
    /// Stamps of kernel regions.
    pub kernel_stamps: u32,
    /// Stamps of user regions: [`STAMP_SLOTS`] tables, one after the other.
    pub user_stamps: u32,
    /// The regions' descriptions, for binding.
    pub bindings: u32,
    /// Their size.
    pub bindings_size: u32,
    /// The snapshot's sections other than RAM.
    pub snapshot: u32,
    /// Their size.
    pub snapshot_size: u32,
    /// The image's configuration, as JSON.
    pub config: u32,
    /// Its size.
    pub config_size: u32,
    /// The root file system; where it is outside of the module, room for it.
    pub image: u32,
    /// Its size, a multiple of 4096; 0 where it is a drive.
    pub image_size: u32,
    /// Guest RAM.
    pub ram: u32,
    /// Its size, a multiple of 4096.
    pub ram_size: u32,
    /// What the snapshot was made from: an encoded [`Origin`](crate::snapshot::Origin).
    pub origin: u32,
    /// Name of the file that has the root file system, where that is outside of the module
    /// ([`image_file`](crate::image_file)); UTF-8.
    pub image_file: u32,
    /// Its size; 0 where the root file system is part of the module.
    pub image_file_size: u32,
    /// Pages of 4096 bytes of a root file system that is a drive; 0 where it is memory.
    pub drive_pages: u32,
}

impl Layout {
    /// The fields in order, as they lie in memory.
    pub fn words(&self) -> [u32; 20] {
        [
            self.magic,
            self.first_function,
            self.enter,
            self.regions,
            self.kernel_stamps,
            self.user_stamps,
            self.bindings,
            self.bindings_size,
            self.snapshot,
            self.snapshot_size,
            self.config,
            self.config_size,
            self.image,
            self.image_size,
            self.ram,
            self.ram_size,
            self.origin,
            self.image_file,
            self.image_file_size,
            self.drive_pages,
        ]
    }

    /// "prel", little-endian.
    pub const MAGIC: u32 = u32::from_le_bytes(*b"prel");
}

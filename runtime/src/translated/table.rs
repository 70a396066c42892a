//! The regions of this module: descriptions, stamps, jump cache and calls. The Wasm build finds them where the linker put
//! them; a native build has none.

#![allow(unsafe_code)]

use super::abi::{Enter, FULL_ROOM, JUMP_CACHE_ENTRIES, JumpCacheEntry, Layout, STAMP_SLOTS, jump_cache_index};
use super::binding::{Bindings, EntryPoint};
use crate::profile::Mode;

/// The module's jump cache, which translated code reads too.
#[unsafe(no_mangle)]
pub(super) static mut PRELIFT_JUMP_CACHE: [JumpCacheEntry; JUMP_CACHE_ENTRIES] =
    [JumpCacheEntry::EMPTY; JUMP_CACHE_ENTRIES];

/// The translated regions.
#[derive(Default)]
pub(crate) struct Translated {
    layout: Layout,
    bindings: Bindings<'static>,
    enabled: bool,
}

impl Translated {
    /// The regions that a linked module's layout names.
    ///
    /// # Safety
    /// The layout is the linker's: its addresses and sizes are those of data in this module, which nobody else writes.
    #[cfg(target_arch = "wasm32")]
    pub(crate) unsafe fn of_module(layout: Layout) -> Translated {
        // SAFETY: the caller says so.
        let data = unsafe { std::slice::from_raw_parts(layout.bindings as *const u8, layout.bindings_size as usize) };
        match Bindings::parse(data) {
            Some(bindings) if bindings.len() == layout.regions as usize && layout.regions > 0 => {
                Translated { layout, bindings, enabled: true }
            }
            _ => Translated::default(),
        }
    }

    #[inline(always)]
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Address of the stamps of an address-space slot.
    pub(crate) fn user_stamps(&self, slot: usize) -> u32 {
        self.layout.user_stamps + (slot as u32) * self.layout.regions * 8
    }

    pub(crate) fn candidates(&self, key: u64) -> impl Iterator<Item = EntryPoint> + use<> {
        self.bindings.candidates(key)
    }

    pub(crate) fn mode(&self, region: u32) -> u32 {
        self.bindings.mode(region)
    }

    pub(crate) fn home(&self, region: u32) -> u64 {
        self.bindings.home(region)
    }

    pub(crate) fn ranges(&self, region: u32) -> impl Iterator<Item = (u32, &'static [u8])> + use<> {
        self.bindings.ranges(region)
    }

    fn stamp_address(&self, region: u32, mode: Mode, slot: u32) -> *mut u64 {
        assert!(region < self.layout.regions);
        let table = if mode == Mode::Kernel { self.layout.kernel_stamps } else { slot };
        (table as usize + 8 * region as usize) as *mut u64
    }

    /// The region's stamp, in the slot whose stamps are at `slot`.
    pub(crate) fn stamp(&self, region: u32, mode: Mode, slot: u32) -> u64 {
        // SAFETY: the linker reserved a stamp for each region in each table.
        unsafe { self.stamp_address(region, mode, slot).read() }
    }

    pub(crate) fn set_stamp(&mut self, region: u32, mode: Mode, slot: u32, stamp: u64) {
        // SAFETY: as for `stamp`.
        unsafe { self.stamp_address(region, mode, slot).write(stamp) }
    }

    /// Takes away all stamps of a region.
    pub(crate) fn unbind(&mut self, region: u32) {
        if region >= self.layout.regions {
            return;
        }
        if self.mode(region) == Mode::Kernel as u32 {
            self.set_stamp(region, Mode::Kernel, 0, 0);
        } else {
            for slot in 0..STAMP_SLOTS {
                self.set_stamp(region, Mode::User, self.user_stamps(slot), 0);
            }
        }
    }

    /// Takes away all stamps, and empties the jump cache.
    pub(crate) fn forget(&mut self) {
        for region in 0..self.layout.regions {
            self.unbind(region);
        }
        for index in 0..JUMP_CACHE_ENTRIES {
            self.set_jump(index, JumpCacheEntry::EMPTY);
        }
    }

    #[inline(always)]
    fn jump(&self, index: usize) -> JumpCacheEntry {
        // SAFETY: one thread, and no reference to the static is ever made.
        unsafe { (&raw const PRELIFT_JUMP_CACHE).cast::<JumpCacheEntry>().add(index % JUMP_CACHE_ENTRIES).read() }
    }

    fn set_jump(&mut self, index: usize, entry: JumpCacheEntry) {
        // SAFETY: as for `jump`.
        unsafe { (&raw mut PRELIFT_JUMP_CACHE).cast::<JumpCacheEntry>().add(index % JUMP_CACHE_ENTRIES).write(entry) }
    }

    /// Whether the jump cache knows a region at `rip`.
    #[inline(always)]
    pub(crate) fn known(&self, rip: u64, generation: u64) -> bool {
        let entry = self.jump(jump_cache_index(rip, generation));
        entry.rip == rip && entry.generation == generation
    }

    /// Enters a bound region in the jump cache.
    pub(crate) fn enter_jump(&mut self, rip: u64, generation: u64, base: u64, to: EntryPoint) {
        let function = self.layout.first_function + to.region;
        let entry = JumpCacheEntry { rip, generation, base, function, entry: to.entry };
        self.set_jump(jump_cache_index(rip, generation), entry);
    }

    /// Forgets what the jump cache knows of `rip`.
    pub(crate) fn forget_jump(&mut self, rip: u64, generation: u64) {
        self.set_jump(jump_cache_index(rip, generation), JumpCacheEntry::EMPTY);
    }

    /// Calls the region that the jump cache knows at `rip`; gives where to go on, or [`LEFT`](super::abi::LEFT).
    #[inline(always)]
    pub(crate) fn call(&self, rip: u64, generation: u64) -> u64 {
        let entry = self.jump(jump_cache_index(rip, generation));
        // SAFETY: in Wasm a function pointer is an index into the function table, and the linker says that this one is of the
        // function with this signature. Only a linked module has regions to call.
        let enter: Enter = unsafe { std::mem::transmute(self.layout.enter as usize) };
        enter(entry.base, entry.entry, FULL_ROOM, entry.function)
    }
}

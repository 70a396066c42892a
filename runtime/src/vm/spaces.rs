//! Address spaces as far as code is concerned: which generation the current one is in.
//!
//! What was found at a code address, a decoded block or a bound region, holds for one *generation*: a number in bits 48
//! to 63, unique among those in use, that changes when a code page of the address space may have been mapped anew. User
//! generations belong to a *slot*, one for each of the last [`STAMP_SLOTS`] page-table roots, so that going back to an
//! address space finds its code still bound. Kernel code has one generation, since it is mapped everywhere.
//!
//! Bits 0 to 2 tell privileges and modes apart: a region, whose stamp and jump-cache entries are those of 64-bit mode, is
//! never found in compatibility mode.
//!
//! The pages that code was fetched from are remembered for each generation: an INVLPG elsewhere changes nothing.

use super::Vm;
use crate::mmu::{self, Kept};
use crate::translated::abi::STAMP_SLOTS;
use std::collections::HashSet;

const FIRST: u16 = 1;
const CR4_PGE: u64 = 1 << 7;
const CR4_PCIDE: u64 = 1 << 17;
/// The process-context identifier in CR3.
const PCID: u64 = 0xfff;
/// CR3 bit 63: the new PCID's translations stay (SDM 3A, 4.10.4.1).
const NO_FLUSH: u64 = 1 << 63;

#[derive(Default, Clone)]
struct Slot {
    /// CR3 without bit 63: table and PCID.
    root: u64,
    generation: u16,
    /// When it was current last.
    used: u64,
    pages: HashSet<u64>,
    /// Its translations while another address space is current.
    kept: Kept,
}

/// The slots, and the kernel's generation.
pub(crate) struct Spaces {
    slots: [Slot; STAMP_SLOTS],
    current: usize,
    next: u16,
    clock: u64,
    kernel_pages: HashSet<u64>,
    new_pages: u64,
}

impl Spaces {
    /// How many pages were found to hold code, each once in a generation; below 2^46.
    pub(crate) fn new_pages(&self) -> u64 {
        self.new_pages & ((1 << 46) - 1)
    }
}

impl Default for Spaces {
    fn default() -> Self {
        Spaces {
            slots: Default::default(),
            current: 0,
            next: FIRST,
            clock: 0,
            kernel_pages: HashSet::new(),
            new_pages: 0,
        }
    }
}

/// Whether an address is in the upper half.
fn upper(address: u64) -> bool {
    (address as i64) < 0
}

impl Vm {
    /// The generation that code at RIP must have been found in.
    #[inline(always)]
    pub(crate) fn generation(&self) -> u64 {
        let own = if self.cpu.cpl == 0 { self.cpu.kernel_generation } else { self.cpu.user_generation | 3 };
        own | (self.mode as u64) << 2
    }

    /// Notes that code was fetched from the page of `address`.
    pub(crate) fn note_code_page(&mut self, address: u64) {
        let current = self.spaces.current;
        let pages =
            if self.cpu.cpl == 0 { &mut self.spaces.kernel_pages } else { &mut self.spaces.slots[current].pages };
        self.spaces.new_pages += u64::from(pages.insert(address >> 12));
    }

    /// A number that no generation in use has. When they run out everything that was found is forgotten.
    fn fresh_generation(&mut self) -> u16 {
        if self.spaces.next == u16::MAX {
            self.spaces.next = FIRST;
            self.code.forget_front();
            self.translated.forget();
            for slot in &mut self.spaces.slots {
                *slot = Slot::default();
            }
        }
        self.spaces.next += 1;
        self.spaces.next
    }

    /// Kernel code may have been mapped anew.
    pub(crate) fn renew_kernel(&mut self) {
        let generation = self.fresh_generation();
        self.cpu.kernel_generation = u64::from(generation) << 48;
        self.spaces.kernel_pages.clear();
    }

    /// User code of the current address space may have been mapped anew.
    fn renew_user(&mut self) {
        let generation = self.fresh_generation();
        let current = self.spaces.current;
        self.spaces.slots[current].generation = generation;
        self.spaces.slots[current].pages.clear();
        self.cpu.user_generation = u64::from(generation) << 48;
    }

    /// Everything may have been mapped anew: paging was switched on or off, or global translations dropped.
    pub(crate) fn flush_everything(&mut self) {
        mmu::flush_all(&mut self.cpu);
        self.forget_kept();
        for slot in &mut self.spaces.slots {
            slot.root = u64::MAX;
        }
        self.renew_kernel();
        self.enter_space(self.cpu.cr3, false);
        self.attention = true;
    }

    /// Writes CR3, whose value was checked.
    pub(crate) fn write_cr3(&mut self, value: u64) {
        let keep = value & NO_FLUSH != 0 && self.cpu.cr4 & CR4_PCIDE != 0;
        self.cpu.cr3 = value & !NO_FLUSH;
        if self.cpu.cr4 & CR4_PGE == 0 {
            return self.flush_everything();
        }
        self.keep_translations();
        self.enter_space(value & !NO_FLUSH, keep);
        if !upper(self.cpu.rip) {
            self.renew_kernel();
        }
    }

    /// Takes the local translations out of the TLB: with process-context identifiers the guest may come back to them.
    fn keep_translations(&mut self) {
        if self.cpu.cr4 & CR4_PCIDE == 0 {
            return mmu::flush_non_global(&mut self.cpu);
        }
        let current = self.spaces.current;
        self.spaces.slots[current].kept.take(&mut self.cpu);
    }

    /// Forgets the translations of address spaces that are not current.
    pub(crate) fn forget_kept(&mut self) {
        self.spaces.slots.iter_mut().for_each(|slot| slot.kept.forget());
    }

    /// Makes the slot of `root` current; its code stays found, and its translations come back, if `keep`.
    fn enter_space(&mut self, root: u64, keep: bool) {
        self.spaces.clock += 1;
        self.forget_same_context(root);
        let found = self.spaces.slots.iter().position(|slot| slot.root == root && slot.generation != 0);
        let index = found.unwrap_or_else(|| self.least_recent_slot());
        self.spaces.current = index;
        self.spaces.slots[index].used = self.spaces.clock;
        self.spaces.slots[index].root = root;
        self.cpu.stamps = self.translated.user_stamps(index);
        let slot = &mut self.spaces.slots[index];
        if found.is_some() && keep {
            self.cpu.user_generation = u64::from(slot.generation) << 48;
            slot.kept.give(&mut self.cpu, |page| self.code.has_code(page));
        } else {
            slot.kept.forget();
            self.renew_user();
        }
    }

    /// Translations belong to a process-context identifier: another table under the same one would escape its flushes.
    fn forget_same_context(&mut self, root: u64) {
        for slot in &mut self.spaces.slots {
            if slot.root != root && (slot.root ^ root) & PCID == 0 {
                slot.root = u64::MAX;
                slot.kept.forget();
            }
        }
    }

    fn least_recent_slot(&self) -> usize {
        let slots = self.spaces.slots.iter().enumerate();
        slots.min_by_key(|(_, slot)| slot.used).map_or(0, |(index, _)| index)
    }

    /// INVLPG, and INVPCID of one address.
    pub(crate) fn invalidate_page(&mut self, address: u64) {
        mmu::flush_page(&mut self.cpu, address);
        let page = address >> 12;
        if self.spaces.kernel_pages.contains(&page) {
            self.renew_kernel();
        }
        if self.spaces.slots[self.spaces.current].pages.contains(&page) {
            self.renew_user();
        }
    }

    /// Drops the code found in every other address space than the current: INVPCID of contexts that are not current.
    pub(crate) fn forget_other_spaces(&mut self) {
        let current = self.spaces.current;
        for (index, slot) in self.spaces.slots.iter_mut().enumerate() {
            if index != current {
                slot.root = u64::MAX;
                slot.kept.forget();
            }
        }
    }

    /// All translations that are not global go, of every context.
    pub(crate) fn flush_contexts(&mut self) {
        mmu::flush_non_global(&mut self.cpu);
        self.forget_other_spaces();
        self.renew_user();
    }
}

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
//! The pages that code was fetched from are remembered for each generation, with the places that they led to. A flush
//! walks them: what leads where it did stays found, which is as if the processor had filled its TLB again at once. A few
//! user pages that do not are forgotten one by one, so that a guest's compiler can change the rights of its pages
//! without end; if there are more the generation ends. An INVLPG elsewhere changes nothing.

use super::Vm;
use crate::interp::pages::PageMap;
use crate::memory::{PAGE, Place};
use crate::mmu::{self, Access, Kept, Privilege};
use crate::profile::Mode;
use crate::translated::abi::STAMP_SLOTS;

const FIRST: u16 = 1;
const CR4_PGE: u64 = 1 << 7;
const CR4_PCIDE: u64 = 1 << 17;
/// The process-context identifier in CR3.
const PCID: u64 = 0xfff;
/// CR3 bit 63: the new PCID's translations stay (SDM 3A, 4.10.4.1).
const NO_FLUSH: u64 = 1 << 63;

/// Pages lost in one flush beyond which the generation ends.
const MOST_LOST: usize = 4;
/// Pages with code beyond which it ends: what a guest can make us hold is bounded.
const MOST_PAGES: usize = 1 << 16;

/// A page that code was fetched from.
struct CodePage {
    /// Where it leads.
    place: Place,
    /// Regions that were bound with code on it.
    regions: Vec<u32>,
}

/// Pages that code was fetched from, by number.
type CodePages = PageMap<u64, CodePage>;

#[derive(Default)]
struct Slot {
    /// CR3 without bit 63: table and PCID.
    root: u64,
    generation: u16,
    /// When it was current last.
    used: u64,
    pages: CodePages,
    /// Its translations while another address space is current.
    kept: Kept,
}

/// The slots, and the kernel's generation.
pub(crate) struct Spaces {
    slots: [Slot; STAMP_SLOTS],
    current: usize,
    next: u16,
    clock: u64,
    kernel_pages: CodePages,
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
            kernel_pages: CodePages::default(),
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

    /// Notes that code was fetched from `address`, which lies at `place`, for a region that is to be bound there if one is.
    pub(crate) fn note_code_page(&mut self, address: u64, place: Place, region: Option<u32>) {
        let (page, place) = (address >> 12, Place(place.0 & !(PAGE as u32 - 1)));
        let known = self.code_pages().get(&page).map(|known| known.place);
        if known != Some(place) {
            self.note_new_page(page, place, known.is_some());
        }
        let Some(region) = region else { return };
        if let Some(known) = self.code_pages().get_mut(&page)
            && !known.regions.contains(&region)
        {
            known.regions.push(region);
        }
    }

    fn note_new_page(&mut self, page: u64, place: Place, elsewhere: bool) {
        if elsewhere || self.code_pages().len() >= MOST_PAGES {
            self.renew();
        }
        self.code_pages().insert(page, CodePage { place, regions: Vec::new() });
        self.spaces.new_pages += 1;
    }

    /// Those of the current privilege.
    fn code_pages(&mut self) -> &mut CodePages {
        match self.cpu.cpl {
            0 => &mut self.spaces.kernel_pages,
            _ => &mut self.spaces.slots[self.spaces.current].pages,
        }
    }

    /// Ends the generation of the current privilege.
    fn renew(&mut self) {
        if self.cpu.cpl == 0 { self.renew_kernel() } else { self.renew_user() }
    }

    /// A number that no generation in use has.
    fn fresh_generation(&mut self) -> u16 {
        if self.spaces.next > u16::MAX - 3 {
            self.begin_numbers_again();
        }
        self.spaces.next += 1;
        self.spaces.next
    }

    /// Forgets everything that was found. The kernel and the current address space get new numbers at once: what is found under their
    /// old ones would still be there when others have these.
    fn begin_numbers_again(&mut self) {
        self.code.forget_front();
        self.translated.forget();
        self.spaces.slots = Default::default();
        self.spaces.kernel_pages.clear();
        let [kernel, user] = [FIRST + 1, FIRST + 2];
        self.spaces.next = user;
        self.cpu.kernel_generation = u64::from(kernel) << 48;
        self.cpu.user_generation = u64::from(user) << 48;
        let (root, used) = (self.cpu.cr3 & !NO_FLUSH, self.spaces.clock);
        self.spaces.slots[self.spaces.current] = Slot { root, generation: user, used, ..Slot::default() };
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
        if found.is_none() {
            self.spaces.slots[index].kept.forget();
            return self.renew_user();
        }
        let slot = &mut self.spaces.slots[index];
        self.cpu.user_generation = u64::from(slot.generation) << 48;
        if keep {
            slot.kept.give(&mut self.cpu, &mut self.writers, |page| self.code.has_code(page));
        } else {
            slot.kept.forget();
            self.review_user();
        }
    }

    /// Translations belong to a process-context identifier: another table under the same one would escape its flushes.
    fn forget_same_context(&mut self, root: u64) {
        if self.cpu.cr4 & CR4_PCIDE == 0 {
            return;
        }
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
        if let Some(place) = self.spaces.kernel_pages.get(&page).map(|known| known.place)
            && !self.leads(page, place, Privilege::Supervisor)
        {
            self.renew_kernel();
        }
        if let Some(place) = self.spaces.slots[self.spaces.current].pages.get(&page).map(|known| known.place)
            && !self.leads(page, place, Privilege::User)
        {
            self.lose_page(page);
        }
    }

    /// Whether code can be fetched from a page, and lies at this place. Changes nothing: a fetch marks no table entry.
    fn leads(&mut self, page: u64, place: Place, privilege: Privilege) -> bool {
        let mapping = mmu::walk(&self.cpu, &mut self.memory, page << 12, Access::Fetch, privilege);
        mapping.is_ok_and(|mapping| self.memory.place(mapping.page) == Some(place))
    }

    /// After a flush of the current address space: forgets what is mapped otherwise than it was.
    fn review_user(&mut self) {
        let pages = std::mem::take(&mut self.spaces.slots[self.spaces.current].pages);
        let moved = pages.iter().filter(|(page, known)| !self.leads(**page, known.place, Privilege::User));
        let lost: Vec<u64> = moved.map(|(page, _)| *page).take(MOST_LOST + 1).collect();
        self.spaces.slots[self.spaces.current].pages = pages;
        if lost.len() > MOST_LOST {
            return self.renew_user();
        }
        lost.into_iter().for_each(|page| self.lose_page(page));
    }

    /// Forgets what was found on a user page of the current address space.
    fn lose_page(&mut self, page: u64) {
        let Some(lost) = self.spaces.slots[self.spaces.current].pages.remove(&page) else { return };
        for region in lost.regions {
            self.translated.set_stamp(region, Mode::User, self.cpu.stamps, 0);
        }
        // In compatibility mode blocks are found by their offset in a segment.
        if self.code_window.0 == 0 { self.code.forget_page(page) } else { self.code.forget_front() }
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
        self.review_user();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Backends;
    use crate::memory::Memory;

    /// Whoever needs the number after the last, kernel and address space both have new ones then.
    #[test]
    fn numbers_begin_again_for_all() {
        let mut vm = Vm::new(Memory::new(0x4000, 0).unwrap(), 0, Backends::default());
        for renew in [Vm::renew_kernel, Vm::renew_user] {
            vm.spaces.next = u16::MAX - 8;
            (vm.cpu.kernel_generation, vm.cpu.user_generation) = (0x9000 << 48, 0x9001 << 48);
            for _ in 0..16 {
                renew(&mut vm);
                assert_ne!(vm.cpu.kernel_generation, vm.cpu.user_generation);
            }
            let now = [vm.cpu.kernel_generation, vm.cpu.user_generation];
            assert!(now.iter().all(|generation| generation >> 48 < 32), "{now:x?}");
            assert_eq!(u64::from(vm.spaces.slots[vm.spaces.current].generation) << 48, now[1]);
        }
    }
}

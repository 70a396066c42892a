//! The TLB's tables: fills, flushes, and the local translations of an address space that are kept while another is current.
//!
//! What is filled in is the machine's to decide, which knows where code is.

use super::{Privilege, Writers};
use crate::cpu::state::{LocalFills, TLB_ENTRIES, TlbTable};
use crate::cpu::{Cpu, TlbEntry};

/// Tables of both privileges.
const TABLES: u32 = 6;
/// Entries of a table.
const ENTRIES: u32 = TLB_ENTRIES as u32;

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// What may be read.
    Read = 0,
    /// What may be written.
    Write = 1,
    /// What may be fetched.
    Execute = 2,
}

/// An entry's place: table times [`TLB_ENTRIES`], and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    fn new(privilege: Privilege, usage: Use, index: usize) -> Slot {
        let table = if privilege == Privilege::User { 3 } else { 0 } + usage as u32;
        Slot(table * ENTRIES + (index % TLB_ENTRIES) as u32)
    }

    /// Its number among those of all tables.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The place of a number.
    pub(super) fn of_number(number: u32) -> Slot {
        Slot(number % (TABLES * ENTRIES))
    }

    /// All of a table.
    pub(super) fn of_table(privilege: Privilege, usage: Use) -> impl Iterator<Item = Slot> {
        let first = Slot::new(privilege, usage, 0).0;
        (first..first + ENTRIES).map(Slot)
    }

    fn index(self) -> usize {
        (self.0 % ENTRIES) as usize
    }

    fn table(self) -> u32 {
        self.0 / ENTRIES
    }

    fn is_write(self) -> bool {
        self.table() % 3 == Use::Write as u32
    }

    pub(super) fn is_user(self) -> bool {
        self.table() >= 3
    }

    fn all() -> impl Iterator<Item = Slot> {
        (0..TABLES * ENTRIES).map(Slot)
    }
}

#[inline(always)]
fn table(cpu: &mut Cpu, slot: Slot) -> &mut TlbTable {
    match slot.table() {
        0 => &mut cpu.kernel_tlb.read,
        1 => &mut cpu.kernel_tlb.write,
        2 => &mut cpu.kernel_tlb.exec,
        3 => &mut cpu.user_tlb.read,
        4 => &mut cpu.user_tlb.write,
        _ => &mut cpu.user_tlb.exec,
    }
}

#[inline(always)]
pub(super) fn at(cpu: &mut Cpu, slot: Slot) -> &mut TlbEntry {
    &mut table(cpu, slot)[slot.index()]
}

/// Fills a translation in.
#[inline]
pub fn fill(cpu: &mut Cpu, writers: &mut Writers, privilege: Privilege, usage: Use, entry: TlbEntry) {
    put(cpu, writers, Slot::new(privilege, usage, (entry.tag >> 12) as usize), entry);
}

#[inline]
fn put(cpu: &mut Cpu, writers: &mut Writers, slot: Slot, mut entry: TlbEntry) {
    if slot.is_write() {
        writers.note(cpu, entry.page(), slot);
    }
    let old = at(cpu, slot);
    entry.marks |= old.marks & TlbEntry::LISTED | TlbEntry::VALID;
    if entry.marks == TlbEntry::VALID {
        entry.marks |= TlbEntry::LISTED;
        *old = entry;
        cpu.local_fills.add(slot.0);
    } else {
        *old = entry;
    }
}

/// Drops every translation.
pub fn flush_all(cpu: &mut Cpu) {
    for slot in Slot::all() {
        *at(cpu, slot) = TlbEntry::empty(slot.index());
    }
    cpu.local_fills.count = 0;
}

/// Drops every translation that is not global.
pub fn flush_non_global(cpu: &mut Cpu) {
    take_local(cpu, |_, _| {});
}

/// Takes every translation that is not global out, and shows it.
fn take_local(cpu: &mut Cpu, mut show: impl FnMut(Slot, TlbEntry)) {
    let count = cpu.local_fills.count as usize;
    let mut take = |cpu: &mut Cpu, slot: Slot| {
        let entry = at(cpu, slot);
        if entry.is_local() {
            show(slot, *entry);
            *entry = TlbEntry::empty(slot.index());
        } else {
            entry.marks &= !TlbEntry::LISTED;
        }
    };
    if count > LocalFills::MOST {
        Slot::all().for_each(|slot| take(cpu, slot));
    }
    for place in 0..count.min(LocalFills::MOST) {
        let slot = Slot::of_number(cpu.local_fills.entries[place]);
        take(cpu, slot);
    }
    cpu.local_fills.count = 0;
}

/// Drops the translations of one page, global ones too (SDM 3A, 4.10.4.1).
pub fn flush_page(cpu: &mut Cpu, address: u64) {
    let page = address & !0xfff;
    let index = (address >> 12) as usize % TLB_ENTRIES;
    for number in 0..TABLES {
        let slot = Slot(number * ENTRIES + index as u32);
        if at(cpu, slot).tag == page {
            drop_entry(cpu, slot);
        }
    }
}

/// Drops one translation.
pub(super) fn drop_entry(cpu: &mut Cpu, slot: Slot) {
    let entry = at(cpu, slot);
    *entry = TlbEntry { marks: entry.marks & TlbEntry::LISTED, ..TlbEntry::empty(slot.index()) };
}

/// Local translations of an address space that is not current.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    entries: Vec<(Slot, TlbEntry)>,
}

impl Kept {
    /// Takes them out of the TLB.
    pub fn take(&mut self, cpu: &mut Cpu) {
        self.entries.clear();
        take_local(cpu, |slot, entry| self.entries.push((slot, entry)));
    }

    /// Brings them back. Pages that `has_code` says hold code now do not become writable.
    pub fn give(&mut self, cpu: &mut Cpu, writers: &mut Writers, mut has_code: impl FnMut(u32) -> bool) {
        for (slot, entry) in self.entries.drain(..) {
            if !(slot.is_write() && has_code(entry.page())) {
                put(cpu, writers, slot, TlbEntry { marks: 0, ..entry });
            }
        }
    }

    /// Forgets them.
    pub fn forget(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuCell;

    fn entry(page: usize, marks: u32) -> TlbEntry {
        TlbEntry { tag: (page as u64) << 12, addend: 0, marks }
    }

    fn fill_user(cpu: &mut Cpu, usage: Use, page: usize) {
        fill(cpu, &mut Writers::default(), Privilege::User, usage, entry(page, 0));
    }

    fn is_empty(table: &TlbTable) -> bool {
        table.iter().enumerate().all(|(index, entry)| *entry == TlbEntry::empty(index))
    }

    #[test]
    fn a_flush_finds_what_is_local_wherever_it_was_filled_in() {
        for fills in [3, LocalFills::MOST + 5] {
            let mut cpu = CpuCell::new();
            (0..fills).for_each(|page| fill_user(&mut cpu, Use::Read, page));
            (0..fills).for_each(|page| fill_user(&mut cpu, Use::Execute, page));
            fill(&mut cpu, &mut Writers::default(), Privilege::Supervisor, Use::Write, entry(1, 0));
            fill(&mut cpu, &mut Writers::default(), Privilege::Supervisor, Use::Read, entry(1, TlbEntry::GLOBAL));
            flush_non_global(&mut cpu);
            for table in [&cpu.user_tlb.read, &cpu.user_tlb.exec, &cpu.kernel_tlb.write] {
                assert!(is_empty(table));
            }
            assert_eq!(cpu.kernel_tlb.read[1], entry(1, TlbEntry::GLOBAL | TlbEntry::VALID));
            assert_eq!(cpu.local_fills.count, 0);
        }
    }

    #[test]
    fn a_place_is_listed_once() {
        let mut cpu = CpuCell::new();
        for page in [7, 7 + TLB_ENTRIES] {
            fill_user(&mut cpu, Use::Read, page);
            flush_page(&mut cpu, 7 << 12);
            fill(&mut cpu, &mut Writers::default(), Privilege::User, Use::Read, entry(7, TlbEntry::GLOBAL));
            fill_user(&mut cpu, Use::Read, page);
        }
        assert_eq!(cpu.local_fills.count, 1);
        flush_non_global(&mut cpu);
        assert!(is_empty(&cpu.user_tlb.read));
        fill_user(&mut cpu, Use::Read, 7);
        assert_eq!(cpu.local_fills.count, 1);
    }

    #[test]
    fn what_is_kept_comes_back_but_for_what_became_code() {
        let (mut cpu, mut kept) = (CpuCell::new(), Kept::default());
        for page in [3, 4] {
            fill_user(&mut cpu, Use::Read, page);
            fill_user(&mut cpu, Use::Write, page);
        }
        kept.take(&mut cpu);
        assert!(is_empty(&cpu.user_tlb.read) && is_empty(&cpu.user_tlb.write));
        // Addends of 0: the place is the page.
        kept.give(&mut cpu, &mut Writers::default(), |page| page == 4);
        assert!(cpu.user_tlb.read[3].is_local() && cpu.user_tlb.read[4].is_local());
        assert!(cpu.user_tlb.write[3].is_local() && !cpu.user_tlb.write[4].is_valid());
        flush_non_global(&mut cpu);
        assert!(is_empty(&cpu.user_tlb.read) && is_empty(&cpu.user_tlb.write));
    }
}

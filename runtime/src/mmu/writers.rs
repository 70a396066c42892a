//! By which entries of the write tables a page can be written: where a page becomes code these have to go, and the tables are too large
//! to look at each entry.
//!
//! For each page and privilege one place in the table is known, or that there may be several. What is known may be of an entry that
//! is gone by now, never the other way round.

use super::Privilege;
use super::tlb::{Slot, Use, at, drop_entry};
use crate::cpu::Cpu;

/// In one table: no entry, one (its place and 1), or maybe several.
type Entries = u32;
const NONE: Entries = 0;
const SEVERAL: Entries = u32::MAX;

/// For each page, by its number in the machine's memory, its entries in the tables of both privileges.
#[derive(Debug, Default)]
pub struct Writers(Vec<[Entries; 2]>);

impl Writers {
    /// With room for pages below a number: zeros, so that only what is used of it takes memory.
    pub fn new(pages: u32) -> Writers {
        Writers(vec![[NONE; 2]; pages as usize])
    }

    /// Notes an entry that was filled in.
    pub(super) fn note(&mut self, cpu: &mut Cpu, page: u32, slot: Slot) {
        if self.0.len() <= page as usize {
            self.0.resize(page as usize + 1, [NONE; 2]);
        }
        let entries = &mut self.0[page as usize][usize::from(slot.is_user())];
        let own = slot.number() + 1;
        *entries = match *entries {
            SEVERAL => SEVERAL,
            NONE => own,
            other if other != own && at(cpu, Slot::of_number(other - 1)).leads_to(page) => SEVERAL,
            _ => own,
        };
    }

    /// Drops all entries by which a page can be written.
    pub fn drop_page(&mut self, cpu: &mut Cpu, page: u32) {
        let Some(of_page) = self.0.get_mut(page as usize).map(std::mem::take) else { return };
        for (privilege, entries) in [Privilege::Supervisor, Privilege::User].into_iter().zip(of_page) {
            let mut drop = |slot: Slot| {
                if at(cpu, slot).leads_to(page) {
                    drop_entry(cpu, slot);
                }
            };
            match entries {
                NONE => {}
                SEVERAL => Slot::of_table(privilege, Use::Write).for_each(drop),
                one => drop(Slot::of_number(one - 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::state::TLB_ENTRIES;
    use crate::cpu::{CpuCell, TlbEntry};
    use crate::mmu::{Kept, fill, flush_non_global};

    /// Maps the page of an address to a page of the machine's memory.
    fn map(cpu: &mut Cpu, writers: &mut Writers, privilege: Privilege, address: u64, page: u32) {
        let entry = TlbEntry { tag: address, addend: (page << 12).wrapping_sub(address as u32), marks: 0 };
        fill(cpu, writers, privilege, Use::Write, entry);
    }

    fn writable(cpu: &Cpu, page: u32) -> usize {
        let tables = [&cpu.kernel_tlb.write, &cpu.user_tlb.write];
        tables.into_iter().flatten().filter(|entry| entry.leads_to(page)).count()
    }

    #[test]
    fn every_entry_of_a_page_goes_and_no_other() {
        let (mut cpu, mut writers) = (CpuCell::new(), Writers::new(16));
        for (privilege, address, page) in [
            (Privilege::User, 0x7000, 3),
            (Privilege::User, 0x9000, 3),
            (Privilege::User, 0x8000, 4),
            (Privilege::Supervisor, 0xffff_8880_0000_3000, 3),
            (Privilege::Supervisor, 0xffff_8880_0000_4000, 4),
        ] {
            map(&mut cpu, &mut writers, privilege, address, page);
        }
        writers.drop_page(&mut cpu, 3);
        assert_eq!((writable(&cpu, 3), writable(&cpu, 4)), (0, 2));
        writers.drop_page(&mut cpu, 4);
        assert_eq!(writable(&cpu, 4), 0);
    }

    #[test]
    fn a_page_that_moved_is_found_where_it_is() {
        let (mut cpu, mut writers) = (CpuCell::new(), Writers::default());
        map(&mut cpu, &mut writers, Privilege::User, 0x7000, 3);
        flush_non_global(&mut cpu);
        map(&mut cpu, &mut writers, Privilege::User, 0x9000, 3);
        // Another page is at the first place now.
        map(&mut cpu, &mut writers, Privilege::User, 0x7000 + ((TLB_ENTRIES as u64) << 12), 4);
        writers.drop_page(&mut cpu, 3);
        assert_eq!((writable(&cpu, 3), writable(&cpu, 4)), (0, 1));
    }

    #[test]
    fn what_was_kept_for_an_address_space_is_found_too() {
        let (mut cpu, mut writers, mut kept) = (CpuCell::new(), Writers::new(16), Kept::default());
        map(&mut cpu, &mut writers, Privilege::User, 0x7000, 3);
        kept.take(&mut cpu);
        map(&mut cpu, &mut writers, Privilege::User, 0x9000, 3);
        kept.give(&mut cpu, &mut writers, |_| false);
        assert_eq!(writable(&cpu, 3), 2);
        writers.drop_page(&mut cpu, 3);
        assert_eq!(writable(&cpu, 3), 0);
    }
}

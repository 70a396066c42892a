//! TLB flushes. Fills are the machine's, which knows where code is.

use crate::cpu::state::{LocalFills, TLB_ENTRIES, Tlb, TlbTable};
use crate::cpu::{Cpu, TlbEntry};

fn tables(tlb: &mut Tlb) -> [&mut TlbTable; 3] {
    [&mut tlb.read, &mut tlb.write, &mut tlb.exec]
}

fn all_tables(cpu: &mut Cpu) -> impl Iterator<Item = &mut TlbTable> {
    tables(&mut cpu.kernel_tlb).into_iter().chain(tables(&mut cpu.user_tlb))
}

/// Drops every translation.
pub fn flush_all(cpu: &mut Cpu) {
    for table in all_tables(cpu) {
        for (index, entry) in table.iter_mut().enumerate() {
            *entry = TlbEntry::empty(index);
        }
    }
    cpu.local_fills.count = 0;
}

/// Drops every translation that is not global.
pub fn flush_non_global(cpu: &mut Cpu) {
    let drop_local = |(index, entry): (usize, &mut TlbEntry)| {
        if entry.global == 0 {
            *entry = TlbEntry::empty(index);
        }
    };
    let count = cpu.local_fills.count as usize;
    if count > LocalFills::MOST {
        all_tables(cpu).for_each(|table| table.iter_mut().enumerate().for_each(drop_local));
    }
    for place in 0..count.min(LocalFills::MOST) {
        let index = usize::from(cpu.local_fills.entries[place]) % TLB_ENTRIES;
        all_tables(cpu).for_each(|table| drop_local((index, &mut table[index])));
    }
    cpu.local_fills.count = 0;
}

/// Drops the translations of one page, global ones too (SDM 3A, 4.10.4.1).
pub fn flush_page(cpu: &mut Cpu, address: u64) {
    let page = address & !0xfff;
    for table in all_tables(cpu) {
        let index = (address >> 12) as usize % TLB_ENTRIES;
        let entry = &mut table[index];
        if entry.tag == page {
            *entry = TlbEntry::empty(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuCell;

    #[test]
    fn a_flush_finds_what_is_local_wherever_it_was_filled_in() {
        for fills in [3, LocalFills::MOST + 5] {
            let mut cpu = CpuCell::new();
            let entry = |page: usize, global| TlbEntry { tag: (page as u64) << 12, addend: 0, global };
            for page in 0..fills {
                cpu.user_tlb.read[page] = entry(page, 0);
                cpu.local_fills.add(page);
            }
            cpu.kernel_tlb.write[1] = entry(1, 0);
            cpu.kernel_tlb.read[1] = entry(1, 1);
            flush_non_global(&mut cpu);
            for table in [&cpu.user_tlb.read, &cpu.kernel_tlb.write] {
                assert!(table.iter().enumerate().all(|(index, entry)| *entry == TlbEntry::empty(index)));
            }
            assert_eq!(cpu.kernel_tlb.read[1], entry(1, 1));
            assert_eq!(cpu.local_fills.count, 0);
        }
    }
}

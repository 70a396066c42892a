//! TLB flushes. Fills are the machine's, which knows where code is.

use crate::cpu::state::{TLB_ENTRIES, Tlb, TlbTable};
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
}

/// Drops every translation that is not global.
pub fn flush_non_global(cpu: &mut Cpu) {
    for table in all_tables(cpu) {
        for (index, entry) in table.iter_mut().enumerate().filter(|(_, entry)| entry.global == 0) {
            *entry = TlbEntry::empty(index);
        }
    }
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

//! GDT and page tables of the first instructions; the kernel replaces both early.
//!
//! SDM volume 3A, sections 3.4.5 (descriptors) and 4.5 (4-level paging).

use super::Gpa;

/// Last byte of the GDT: four descriptors.
pub(super) const GDT_LIMIT: u16 = 4 * 8 - 1;

/// Null, unused, 64-bit code (selector 0x10), data (selector 0x18): base 0, limit 4 GiB, present, ring 0, accessed.
pub(super) fn gdt() -> Vec<u8> {
    const CODE: u64 = 0x00af_9b00_0000_ffff;
    const DATA: u64 = 0x00cf_9300_0000_ffff;
    [0, 0, CODE, DATA].iter().flat_map(|descriptor: &u64| descriptor.to_le_bytes()).collect()
}

const PRESENT_WRITABLE: u64 = 0b11;
const LARGE: u64 = 1 << 7;
const PAGE: u64 = 4096;
const ENTRIES: u64 = 512;

/// PML4, page-directory-pointer table and four page directories at `base`, in this order: 4 GiB in 2 MiB pages.
pub(super) fn identity_map(base: Gpa) -> Vec<u8> {
    let table = |index: u64| (base.0 + index * PAGE) | PRESENT_WRITABLE;
    let large_page = |index: u64| (index << 21) | PRESENT_WRITABLE | LARGE;
    let directory = 4 * ENTRIES;

    let mut entries = vec![0; 2 * ENTRIES as usize];
    entries[0] = table(1);
    for (slot, index) in (2..6).enumerate() {
        entries[ENTRIES as usize + slot] = table(index);
    }
    entries.extend((0..directory).map(large_page));
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

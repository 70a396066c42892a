//! The boot image of synthetic kernels.

use super::{
    BootImage, BootRequest, COMMAND_LINE, GDT, Gpa, IMAGE_BASE, MP_TABLES, PAGE_TABLES, SETUP_DATA, ZERO_PAGE,
};
use super::{MIB, load};

const KERNEL: u64 = 0x100_0000;

/// An ELF64 file with one segment that fills 8 of its 16 bytes and starts at its first byte.
fn elf() -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2_u16, 62].iter().flat_map(|value| value.to_le_bytes())); // ET_EXEC, EM_X86_64
    file.extend(1_u32.to_le_bytes());
    file.extend([KERNEL, 64, 0].iter().flat_map(|value| value.to_le_bytes())); // e_entry, e_phoff, e_shoff
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 1, 0, 0, 0].iter().flat_map(|value| value.to_le_bytes()));
    file.extend([1_u32, 5].iter().flat_map(|value| value.to_le_bytes())); // PT_LOAD, r-x
    // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
    let program = [120, 0xffff_ffff_8100_0000, KERNEL, 8, 16, 4096];
    file.extend(program.iter().flat_map(|value: &u64| value.to_le_bytes()));
    file.extend(b"\xf4KERNEL\x90");
    file
}

const P_PADDR: usize = 64 + 24;
const P_FILESZ: usize = 64 + 32;

fn request(vmlinux: &[u8]) -> BootRequest<'_> {
    BootRequest {
        vmlinux,
        initramfs: b"cpio",
        command_line: "quiet",
        ram_size: 128 * MIB,
        image_size: 4 * MIB,
        seed: &[7; 32],
    }
}

fn at(image: &BootImage, gpa: Gpa) -> &[u8] {
    &image.stores.iter().find(|store| store.at == gpa).expect("a store there").bytes
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

#[test]
fn stores_are_disjoint_and_in_ram() {
    let image = load(&request(&elf())).unwrap();
    for pair in image.stores.windows(2) {
        assert!(pair[0].at.0 + pair[0].bytes.len() as u64 <= pair[1].at.0, "{pair:x?}");
    }
    let last = image.stores.last().unwrap();
    assert!(last.at.0 + last.bytes.len() as u64 <= 128 * MIB);
    assert_eq!(at(&image, Gpa(KERNEL)), b"\xf4KERNEL\x90");
    assert_eq!((image.entry, image.boot_params, image.cr3), (Gpa(KERNEL), ZERO_PAGE, PAGE_TABLES));
    assert_eq!(at(&image, GDT).len(), usize::from(image.gdt_limit) + 1);
}

#[test]
fn zero_page_points_at_everything() {
    let image = load(&request(&elf())).unwrap();
    let page = at(&image, ZERO_PAGE);
    assert_eq!(at(&image, Gpa(u32_at(page, 0x228).into())), b"quiet\0");
    assert_eq!(Gpa(u32_at(page, 0x228).into()), COMMAND_LINE);
    assert_eq!(at(&image, Gpa(u32_at(page, 0x218).into())), b"cpio");
    assert_eq!(u32_at(page, 0x21c), 4);
    let seed = at(&image, Gpa(u64_at(page, 0x250)));
    assert_eq!((u64_at(seed, 0), u32_at(seed, 8), u32_at(seed, 12), &seed[16..]), (0, 9, 32, &[7; 32][..]));

    let entry = |index: usize| {
        let entry = &page[0x2d0 + index * 20..][..20];
        (u64_at(entry, 0), u64_at(entry, 8), u32_at(entry, 16))
    };
    assert_eq!(page[0x1e8], 4);
    assert_eq!(entry(2), (MIB, 127 * MIB, 1));
    assert_eq!(entry(3), (IMAGE_BASE.0, 4 * MIB, 12));
}

/// Walks the tables as the processor does.
#[test]
fn identity_map_covers_4_gib() {
    let image = load(&request(&elf())).unwrap();
    let tables = at(&image, PAGE_TABLES);
    let entry = |table: u64, index: u64| u64_at(tables, (table - PAGE_TABLES.0 + index * 8) as usize);
    for address in [0, KERNEL, 0xfee0_0123, u64::from(u32::MAX)] {
        let pointers = entry(image.cr3.0, address >> 39 & 511);
        let directory = entry(pointers & !0xfff, address >> 30 & 511);
        let page = entry(directory & !0xfff, address >> 21 & 511);
        assert_eq!((pointers & 3, directory & 0x83, page & 0x83), (3, 3, 0x83));
        assert_eq!((page & !0x1f_ffff) + (address & 0x1f_ffff), address);
    }
}

/// Reads the MP tables by their own lengths and counts, as Linux does.
#[test]
fn mp_tables_are_consistent() {
    let image = load(&request(&elf())).unwrap();
    let bytes = at(&image, MP_TABLES);
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    assert!(bytes.len() <= 1024 && bytes.starts_with(b"_MP_") && sum(&bytes[..16]) == 0);
    let table = &bytes[(u64::from(u32_at(bytes, 4)) - MP_TABLES.0) as usize..];
    assert!(table.starts_with(b"PCMP") && sum(table) == 0);
    assert_eq!(usize::from(u16::from_le_bytes([table[4], table[5]])), table.len());
    let (mut at, mut kinds) = (44, [0; 5]);
    while at < table.len() {
        kinds[usize::from(table[at])] += 1;
        at += if table[at] == 0 { 20 } else { 8 };
    }
    assert_eq!(kinds, [1, 1, 1, 23, 2]);
    assert_eq!(u16::from_le_bytes([table[34], table[35]]), kinds.iter().sum::<u16>());
}

#[test]
fn absent_parts_leave_no_trace() {
    let file = elf();
    let image = load(&BootRequest { initramfs: &[], image_size: 0, seed: &[], ..request(&file) }).unwrap();
    let page = at(&image, ZERO_PAGE);
    assert_eq!((page[0x1e8], u32_at(page, 0x21c), u64_at(page, 0x250)), (3, 0, 0));
    assert!(image.stores.iter().all(|store| store.at != SETUP_DATA));
}

/// Each row breaks one thing; the message must name what was expected.
#[test]
fn malformed_kernels_are_refused() {
    let patched = |offset: usize, bytes: &[u8]| {
        let mut file = elf();
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        file
    };
    let cases: &[(Vec<u8>, &str)] = &[
        (vec![], "uncompressed"),
        (elf()[..40].to_vec(), "ELF header"),
        (patched(4, &[1]), "ELF"),
        (patched(5, &[2]), "ELF"),
        (patched(18, &[183]), "little-endian ELF64 for x86-64"),
        (patched(16, &[3]), "expected an executable"),
        (patched(24, &[9, 0, 0, 1]), "entry point 0x1000009"),
        (patched(32, &u64::MAX.to_le_bytes()), "program headers at offset"),
        (patched(56, &u16::MAX.to_le_bytes()), "program headers at offset"),
        (patched(P_PADDR, &0x9000_u64.to_le_bytes()), "between 0x100000"),
        (patched(P_PADDR, &u64::MAX.to_le_bytes()), "RAM's end 0x8000000"),
        (patched(P_FILESZ, &17_u64.to_le_bytes()), "expected at most 0x10"),
        (patched(P_FILESZ, &9_u64.to_le_bytes()), "file offset 0x78"),
    ];
    for (file, expected) in cases {
        let message = format!("{:#}", load(&request(file)).unwrap_err());
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

#[test]
fn sizes_outside_the_limits_are_refused() {
    let file = elf();
    let long = "x".repeat(2048);
    let large = vec![0; 128 << 20];
    let base = request(&file);
    let cases = [
        (BootRequest { ram_size: 4 << 30, ..base }, "16 MiB to 3 GiB"),
        (BootRequest { image_size: 4096, ..base }, "multiple of 2 MiB"),
        (BootRequest { command_line: &long, ..base }, "command line of 2048 bytes"),
        (BootRequest { initramfs: &large, ..base }, "initramfs of 134217728 bytes"),
    ];
    for (request, expected) in cases {
        let message = format!("{:#}", load(&request).unwrap_err());
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

//! The zero page, `struct boot_params` of `arch/x86/include/uapi/asm/bootparam.h`, and what hangs on it.

use super::{BootRequest, COMMAND_LINE, Gpa, HIGH_MEMORY, IMAGE_BASE, MP_TABLES, SETUP_DATA};

const SIZE: usize = 4096;
/// Offsets into the zero page (`Documentation/arch/x86/zero-page.rst`; the setup header begins at 0x1f1).
const E820_ENTRIES: usize = 0x1e8;
const BOOT_FLAG: usize = 0x1fe;
const HEADER_MAGIC: usize = 0x202;
const PROTOCOL_VERSION: usize = 0x206;
const LOADER_TYPE: usize = 0x210;
const LOAD_FLAGS: usize = 0x211;
const RAMDISK_IMAGE: usize = 0x218;
const RAMDISK_SIZE: usize = 0x21c;
const COMMAND_LINE_POINTER: usize = 0x228;
const KERNEL_ALIGNMENT: usize = 0x230;
const COMMAND_LINE_SIZE: usize = 0x238;
const SETUP_DATA_POINTER: usize = 0x250;
const E820_TABLE: usize = 0x2d0;

const UNKNOWN_LOADER: u8 = 0xff;
const LOADED_HIGH: u8 = 1;
/// `SETUP_RNG_SEED`.
const RNG_SEED: u32 = 9;

/// Types of e820 entries (ACPI 6.4, section 15; 12 is `E820_TYPE_PRAM`, legacy persistent memory).
const RAM: u32 = 1;
const RESERVED: u32 = 2;
const PERSISTENT: u32 = 12;

/// The zero page for `request`, with its initramfs at `initramfs`.
pub(super) fn zero_page(request: &BootRequest<'_>, initramfs: Gpa) -> Vec<u8> {
    let mut page = vec![0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(BOOT_FLAG, &0xaa55_u16.to_le_bytes());
    put(HEADER_MAGIC, b"HdrS");
    put(PROTOCOL_VERSION, &0x020f_u16.to_le_bytes());
    put(LOADER_TYPE, &[UNKNOWN_LOADER]);
    put(LOAD_FLAGS, &[LOADED_HIGH]);
    put(KERNEL_ALIGNMENT, &0x0100_0000_u32.to_le_bytes());
    put(COMMAND_LINE_POINTER, &(COMMAND_LINE.0 as u32).to_le_bytes());
    put(COMMAND_LINE_SIZE, &(request.command_line.len() as u32).to_le_bytes());
    if !request.initramfs.is_empty() {
        put(RAMDISK_IMAGE, &(initramfs.0 as u32).to_le_bytes());
        put(RAMDISK_SIZE, &(request.initramfs.len() as u32).to_le_bytes());
    }
    if !request.seed.is_empty() {
        put(SETUP_DATA_POINTER, &SETUP_DATA.0.to_le_bytes());
    }
    let map = memory_map(request);
    put(E820_ENTRIES, &[map.len() as u8]);
    for (index, (start, size, kind)) in map.into_iter().enumerate() {
        let entry = [&start.to_le_bytes()[..], &size.to_le_bytes(), &kind.to_le_bytes()].concat();
        put(E820_TABLE + index * entry.len(), &entry);
    }
    page
}

/// The e820 map as (start, size, type). From the MP tables to 1 MiB is firmware's, as on a PC.
fn memory_map(request: &BootRequest<'_>) -> Vec<(u64, u64, u32)> {
    let mut map = vec![
        (0, MP_TABLES.0, RAM),
        (MP_TABLES.0, HIGH_MEMORY.0 - MP_TABLES.0, RESERVED),
        (HIGH_MEMORY.0, request.ram_size - HIGH_MEMORY.0, RAM),
    ];
    if request.image_size > 0 {
        map.push((IMAGE_BASE.0, request.image_size, PERSISTENT));
    }
    map
}

/// A `struct setup_data` that seeds the kernel's random generator.
pub(super) fn seed(seed: &[u8]) -> Vec<u8> {
    let last = 0_u64.to_le_bytes();
    [&last[..], &RNG_SEED.to_le_bytes(), &(seed.len() as u32).to_le_bytes(), seed].concat()
}

//! The guest's memory and processor at the kernel's first instruction: the 64-bit boot protocol.
//!
//! `Documentation/arch/x86/boot.rst` of Linux, section "64-bit Boot Protocol", asks for: long mode with a flat
//! GDT (`__BOOT_CS` 0x10, `__BOOT_DS` 0x18), identity-mapped page tables, interrupts off and `%rsi` at the zero
//! page. The ELF `vmlinux` is placed segment by segment and entered directly: no BIOS, no boot loader, no
//! decompression. Guest-physical layout (RAM starts zeroed, only what differs is written):
//!
//! ```text
//! 0x0000_0500  GDT                          0x0009_fc00  MP tables (last KiB of conventional memory)
//! 0x0000_7000  zero page (boot_params)      0x0100_0000  kernel, where its program headers say
//! 0x0000_9000  page tables, 6 pages         behind the kernel  initramfs, page aligned
//! 0x0001_0000  setup_data with the seed     0xd000_0000  virtio-mmio   0xfec0_0000 I/O APIC   0xfee0_0000 LAPIC
//! 0x0002_0000  command line                 0x1_0000_0000  image, e820 type 12 (legacy persistent memory)
//! ```
//!
//! Limits: RAM is one range below 3 GiB; one processor.

mod elf;
mod mptable;
mod params;
mod tables;

use anyhow::{Context, Result, ensure};

/// A guest-physical address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gpa(pub u64);

/// Where the image lies: the first byte above 32 bits.
pub const IMAGE_BASE: Gpa = Gpa(1 << 32);
/// RAM ends below this, where the devices begin.
pub const MAX_RAM: u64 = 3 << 30;
/// Selector of the flat 64-bit code segment in the boot GDT.
pub const BOOT_CS: u16 = 0x10;
/// Selector of the flat data segment in the boot GDT.
pub const BOOT_DS: u16 = 0x18;

pub(crate) const GDT: Gpa = Gpa(0x500);
pub(crate) const ZERO_PAGE: Gpa = Gpa(0x7000);
pub(crate) const PAGE_TABLES: Gpa = Gpa(0x9000);
pub(crate) const SETUP_DATA: Gpa = Gpa(0x1_0000);
pub(crate) const COMMAND_LINE: Gpa = Gpa(0x2_0000);
pub(crate) const MP_TABLES: Gpa = Gpa(0x9_fc00);
pub(crate) const HIGH_MEMORY: Gpa = Gpa(0x10_0000);
const PAGE: u64 = 4096;
/// Linux's COMMAND_LINE_SIZE on x86, with the terminating zero.
const MAX_COMMAND_LINE: usize = 2048;
/// Largest seed: as much as the kernel's generator holds, many times over.
const MAX_SEED: usize = 4096;
const MIB: u64 = 1 << 20;

/// What to boot, and the machine it will find.
#[derive(Debug, Clone, Copy)]
pub struct BootRequest<'a> {
    /// The kernel: an ELF64 x86-64 executable, uncompressed.
    pub vmlinux: &'a [u8],
    /// The initramfs (cpio, plain or gzip); empty for none.
    pub initramfs: &'a [u8],
    /// The command line, without a terminating zero: at most 2,047 bytes of it.
    pub command_line: &'a str,
    /// Bytes of RAM from address 0: a multiple of 4 KiB, at most [`MAX_RAM`].
    pub ram_size: u64,
    /// Bytes of the image at [`IMAGE_BASE`]: a multiple of 2 MiB; 0 for none.
    pub image_size: u64,
    /// Bytes that seed the kernel's random generator; empty for none.
    pub seed: &'a [u8],
}

/// Bytes to store at a guest-physical address before the first instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Address of the first byte.
    pub at: Gpa,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Guest memory and processor state at the kernel's first instruction.
///
/// The rest of the state is: CS = [`BOOT_CS`], DS = ES = SS = [`BOOT_DS`], RFLAGS.IF clear, CR0 with PG and PE,
/// CR4 with PAE, EFER with LME and LMA.
#[derive(Debug, Clone)]
pub struct BootImage {
    /// Stores in ascending order of address, disjoint, all inside RAM.
    pub stores: Vec<Store>,
    /// RIP.
    pub entry: Gpa,
    /// RSI: the zero page.
    pub boot_params: Gpa,
    /// CR3: identity map of the low 4 GiB.
    pub cr3: Gpa,
    /// GDTR's base.
    pub gdt: Gpa,
    /// GDTR's limit.
    pub gdt_limit: u16,
}

/// Lays out kernel, initramfs and boot tables in guest memory.
///
/// # Errors
/// When `vmlinux` is not an ELF64 x86-64 executable with an entry inside one of its segments, when something does
/// not fit into RAM, or when a size is outside the limits of [`BootRequest`]'s fields.
pub fn load(request: &BootRequest<'_>) -> Result<BootImage> {
    check_sizes(request)?;
    let kernel = elf::parse(request.vmlinux, request.ram_size).context("vmlinux")?;
    let initramfs = place_initramfs(request, kernel.end)?;

    let mut stores = kernel.segments;
    stores.push(Store { at: GDT, bytes: tables::gdt() });
    stores.push(Store { at: PAGE_TABLES, bytes: tables::identity_map(PAGE_TABLES) });
    stores.push(Store { at: MP_TABLES, bytes: mptable::tables(MP_TABLES) });
    stores.push(Store { at: COMMAND_LINE, bytes: [request.command_line.as_bytes(), &[0]].concat() });
    stores.push(Store { at: ZERO_PAGE, bytes: params::zero_page(request, initramfs) });
    if !request.seed.is_empty() {
        stores.push(Store { at: SETUP_DATA, bytes: params::seed(request.seed) });
    }
    if !request.initramfs.is_empty() {
        stores.push(Store { at: initramfs, bytes: request.initramfs.to_vec() });
    }
    stores.sort_by_key(|store| store.at);
    Ok(BootImage {
        stores,
        entry: kernel.entry,
        boot_params: ZERO_PAGE,
        cr3: PAGE_TABLES,
        gdt: GDT,
        gdt_limit: tables::GDT_LIMIT,
    })
}

fn check_sizes(request: &BootRequest<'_>) -> Result<()> {
    let BootRequest { ram_size, image_size, .. } = *request;
    ensure!(
        (16 * MIB..=MAX_RAM).contains(&ram_size) && ram_size.is_multiple_of(PAGE),
        "RAM of {ram_size} bytes: expected a multiple of 4 KiB from 16 MiB to 3 GiB"
    );
    ensure!(
        image_size.is_multiple_of(2 * MIB) && image_size < 1 << 40,
        "image of {image_size} bytes: expected a multiple of 2 MiB below 1 TiB"
    );
    ensure!(
        request.command_line.len() < MAX_COMMAND_LINE && !request.command_line.contains('\0'),
        "kernel command line of {} bytes: expected at most {} without a zero byte",
        request.command_line.len(),
        MAX_COMMAND_LINE - 1
    );
    ensure!(request.seed.len() <= MAX_SEED, "seed of {} bytes: expected at most {MAX_SEED}", request.seed.len());
    Ok(())
}

/// The initramfs begins in the page behind the kernel, so that the upper end of RAM stays untouched: what a boot uses
/// is one dense range.
fn place_initramfs(request: &BootRequest<'_>, kernel_end: Gpa) -> Result<Gpa> {
    let size = request.initramfs.len() as u64;
    let at = kernel_end.0.next_multiple_of(PAGE);
    let room = request.ram_size.saturating_sub(at);
    ensure!(
        size <= room,
        "initramfs of {size} bytes: expected at most {room}, from the kernel's end at {at:#x} to RAM's at {:#x}",
        request.ram_size
    );
    Ok(Gpa(at))
}

#[cfg(test)]
mod tests;

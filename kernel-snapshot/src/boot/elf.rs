//! The kernel's ELF file: what is loaded where, and where it starts.
//!
//! Segments go to their *physical* addresses (`p_paddr`); the entry point of `vmlinux` is a physical address too
//! (`phys_startup_64` in the kernel's linker script).

use super::{Gpa, HIGH_MEMORY, Store};
use anyhow::{Context, Result, bail, ensure};
use goblin::elf::header::{EM_X86_64, ET_EXEC};
use goblin::elf::program_header::{PF_X, PT_LOAD, ProgramHeader};
use goblin::elf::{Elf, ProgramHeaders};

/// A kernel that fits.
pub(super) struct Kernel {
    pub(super) segments: Vec<Store>,
    pub(super) entry: Gpa,
    /// First address behind every segment, zero-filled parts included.
    pub(super) end: Gpa,
}

/// Reads `file` for a guest with `ram_size` bytes of RAM.
pub(super) fn parse(file: &[u8], ram_size: u64) -> Result<Kernel> {
    let headers = read_headers(file)?;
    let mut kernel = Kernel { segments: Vec::new(), entry: Gpa(headers.entry), end: HIGH_MEMORY };
    let mut entry_found = false;
    let mut loads: Vec<&ProgramHeader> = headers.programs.iter().filter(|header| header.p_type == PT_LOAD).collect();
    loads.sort_by_key(|header| header.p_paddr);
    for header in loads {
        let (store, end) = read_segment(file, header, kernel.end, ram_size)?;
        entry_found |=
            header.p_flags & PF_X != 0 && (header.p_paddr..header.p_paddr + header.p_filesz).contains(&headers.entry);
        kernel.end = end;
        if !store.bytes.is_empty() {
            kernel.segments.push(store);
        }
    }
    ensure!(
        entry_found,
        "entry point {:#x}: expected a physical address inside an executable PT_LOAD segment",
        headers.entry
    );
    Ok(kernel)
}

struct Headers {
    entry: u64,
    programs: ProgramHeaders,
}

/// Only the two headers are read: a kernel's symbol table is of no interest here.
fn read_headers(file: &[u8]) -> Result<Headers> {
    const COMPRESSED: &str = "expected an ELF file (the uncompressed `vmlinux`, not `vmlinuz` or `bzImage`)";
    ensure!(file.starts_with(b"\x7fELF"), "no ELF magic at offset 0: {COMPRESSED}");
    let header = Elf::parse_header(file).context("ELF header")?;
    let is_64 = header.container().context("ELF class")?.is_big();
    let little = header.endianness().context("ELF byte order")?.is_little();
    if !is_64 || !little || header.e_machine != EM_X86_64 {
        bail!("ELF machine {}, 64-bit {is_64}: expected little-endian ELF64 for x86-64", header.e_machine);
    }
    ensure!(header.e_type == ET_EXEC, "ELF type {}: expected an executable (2)", header.e_type);
    let context = goblin::container::Ctx::new(goblin::container::Container::Big, goblin::container::Endian::Little);
    let (offset, count) = (usize::try_from(header.e_phoff)?, usize::from(header.e_phnum));
    let table_end = (count * ProgramHeader::size(context)).checked_add(offset);
    ensure!(
        table_end.is_some_and(|end| end <= file.len()),
        "{count} program headers at offset {offset:#x}: expected them inside the file of {} bytes",
        file.len()
    );
    let programs = ProgramHeader::parse(file, offset, count, context).context("program headers")?;
    Ok(Headers { entry: header.e_entry, programs })
}

/// The bytes of one segment and its end in memory; it must lie between `floor` and the end of RAM.
fn read_segment(file: &[u8], header: &ProgramHeader, floor: Gpa, ram_size: u64) -> Result<(Store, Gpa)> {
    let at = header.p_paddr;
    let place = || format!("segment at physical address {at:#x}");
    let end = at.checked_add(header.p_memsz).filter(|&end| at >= floor.0 && end <= ram_size).with_context(|| {
        format!(
            "{} with {:#x} bytes: expected it between {:#x} (1 MiB or the segment before) and RAM's end {ram_size:#x}",
            place(),
            header.p_memsz,
            floor.0
        )
    })?;
    ensure!(
        header.p_filesz <= header.p_memsz,
        "{}: {:#x} bytes in the file, expected at most {:#x}, its size in memory",
        place(),
        header.p_filesz,
        header.p_memsz
    );
    let bytes = header
        .p_offset
        .checked_add(header.p_filesz)
        .and_then(|end| file.get(usize::try_from(header.p_offset).ok()?..usize::try_from(end).ok()?))
        .with_context(|| {
            format!(
                "{}: expected {:#x} bytes at file offset {:#x}, the file has {:#x}",
                place(),
                header.p_filesz,
                header.p_offset,
                file.len()
            )
        })?;
    Ok((Store { at: Gpa(at), bytes: bytes.to_vec() }, Gpa(end)))
}

//! What an ELF file tells about code: its executable segments and its functions, from symbols and `.eh_frame`.
//!
//! Everything is checked against the file: ranges that leave it, or are longer than [`MAX_FUNCTION`], are passed over.

use super::frame;
use anyhow::{Context, Result, ensure};
use goblin::elf::header::ET_EXEC;
use goblin::elf::program_header::{PF_X, PT_LOAD};
use goblin::elf::reloc::R_X86_64_RELATIVE;
use goblin::elf::section_header::SHT_PROGBITS;
use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE};
use goblin::elf::{Elf, SectionHeader, Sym};
use std::ops::Range;

/// Longest function in bytes; what claims to be longer is no function.
pub(super) const MAX_FUNCTION: u64 = 1 << 20;

/// A segment that is mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Virtual address of its first byte.
    pub(super) address: u64,
    /// Where its bytes are in the file.
    pub(super) file: Range<usize>,
}

impl Segment {
    /// Virtual addresses of the bytes that the file holds.
    pub(super) fn addresses(&self) -> Range<u64> {
        self.address..self.address + self.file.len() as u64
    }

    /// Where an address is in the file, if it is in the segment.
    pub(super) fn in_file(&self, address: u64) -> Option<usize> {
        self.addresses().contains(&address).then(|| self.file.start + (address - self.address) as usize)
    }
}

/// A function, or a guess at one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Virtual address.
    pub(super) start: u64,
    /// Bytes; 0 where the file does not say.
    pub(super) size: u64,
    /// The smaller, the better the name: global, weak, local, none; then no word of it at all.
    pub(super) rank: u8,
    /// Name of the symbol, empty without one.
    pub(super) name: String,
}

/// The code of an ELF file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ElfCode {
    /// Ascending by address, disjoint.
    pub(super) segments: Vec<Segment>,
    /// Ascending.
    pub(super) candidates: Vec<Candidate>,
    /// Addresses of the segments of code that hold code indeed, as far as sections tell. Ascending, disjoint.
    pub(super) text: Vec<Range<u64>>,
    /// Segments that are mapped and not executable.
    pub(super) data: Vec<Segment>,
    /// Addresses that the loader writes into data.
    pub(super) addends: Vec<u64>,
    /// Whether it is always at these addresses.
    pub(super) is_fixed: bool,
}

impl ElfCode {
    /// Whether an address is one of code.
    pub(super) fn holds(&self, address: u64) -> bool {
        holder(&self.text, address).is_some()
    }
}

/// Which of some ranges, ascending and disjoint, an address is in.
pub(super) fn holder(ranges: &[Range<u64>], address: u64) -> Option<&Range<u64>> {
    let after = ranges.partition_point(|range| range.start <= address);
    ranges[..after].last().filter(|range| range.contains(&address))
}

/// Reads the code of the ELF file `bytes`.
///
/// # Errors
/// It is no ELF file for x86-64, or its headers are damaged.
pub(super) fn parse(bytes: &[u8]) -> Result<ElfCode> {
    let elf = Elf::parse(bytes).context("damaged ELF headers")?;
    let machine = elf.header.e_machine;
    ensure!(machine == goblin::elf::header::EM_X86_64, "ELF machine {machine}: expected 62, x86-64");
    let segments = segments(&elf, bytes.len(), |flags| flags & PF_X != 0);
    let mut candidates = Vec::new();
    for (symbols, names) in [(&elf.syms, &elf.strtab), (&elf.dynsyms, &elf.dynstrtab)] {
        candidates.extend(symbols.iter().filter(is_code).map(|s| named(&s, names.get_at(s.st_name).unwrap_or(""))));
    }
    candidates.extend(unwound(&elf, bytes));
    let inside = |at: u64| segments.iter().any(|segment| segment.addresses().contains(&at));
    candidates.retain(|c| c.size <= MAX_FUNCTION && inside(c.start));
    candidates.sort_unstable();
    let data = self::segments(&elf, bytes.len(), |flags| flags & PF_X == 0);
    let addends = elf.dynrelas.iter().filter(|rela| rela.r_type == R_X86_64_RELATIVE);
    let addends = addends.filter_map(|rela| rela.r_addend).map(i64::cast_unsigned).collect();
    let (text, is_fixed) = (text(&elf, &segments), elf.header.e_type == ET_EXEC);
    Ok(ElfCode { segments, candidates, text, data, addends, is_fixed })
}

/// What sections tell to be code, or the whole segments where there are none.
fn text(elf: &Elf<'_>, segments: &[Segment]) -> Vec<Range<u64>> {
    let is_text = |header: &&SectionHeader| header.sh_type == SHT_PROGBITS && header.is_executable();
    let sections = elf.section_headers.iter().filter(is_text);
    let inside = |range: &Range<u64>| {
        let whole = segments.iter().map(Segment::addresses).find(|whole| whole.contains(&range.start))?;
        Some(range.start..range.end.min(whole.end))
    };
    let ranges = sections.map(|header| header.sh_addr..header.sh_addr.saturating_add(header.sh_size));
    let mut text: Vec<Range<u64>> = ranges.filter_map(|range| inside(&range)).collect();
    if text.is_empty() {
        text = segments.iter().map(Segment::addresses).collect();
    }
    text.sort_unstable_by_key(|range| range.start);
    text.dedup_by(|next, last| next.start < last.end);
    text
}

fn segments(elf: &Elf<'_>, length: usize, wanted: impl Fn(u32) -> bool) -> Vec<Segment> {
    let loaded = elf.program_headers.iter().filter(|h| h.p_type == PT_LOAD && wanted(h.p_flags));
    let mut segments: Vec<Segment> = loaded
        .filter_map(|h| {
            let start = usize::try_from(h.p_offset).ok()?;
            let end = start.checked_add(usize::try_from(h.p_filesz).ok()?)?;
            h.p_vaddr.checked_add(h.p_filesz)?;
            (end <= length && start < end).then_some(Segment { address: h.p_vaddr, file: start..end })
        })
        .collect();
    segments.sort_unstable_by_key(|segment| (segment.address, segment.file.start));
    let mut free = 0;
    segments.retain(|segment| {
        let fits = segment.address >= free;
        if fits {
            free = segment.addresses().end;
        }
        fits
    });
    segments
}

/// Assembly in the kernel has sizes but often no type.
fn is_code(symbol: &Sym) -> bool {
    symbol.st_shndx != 0
        && match symbol.st_type() {
            STT_FUNC | STT_GNU_IFUNC => true,
            STT_NOTYPE => symbol.st_size > 0,
            _ => false,
        }
}

fn named(symbol: &Sym, name: &str) -> Candidate {
    let rank = match symbol.st_bind() {
        STB_GLOBAL => 0,
        STB_LOCAL => 2,
        _ => 1,
    };
    Candidate { start: symbol.st_value, size: symbol.st_size, rank, name: name.to_owned() }
}

fn unwound(elf: &Elf<'_>, bytes: &[u8]) -> Vec<Candidate> {
    let section = |name: &str| -> Option<&SectionHeader> {
        elf.section_headers.iter().find(|header| elf.shdr_strtab.get_at(header.sh_name) == Some(name))
    };
    let Some(header) = section(".eh_frame") else { return Vec::new() };
    let Some(data) = header.file_range().and_then(|range| bytes.get(range)) else { return Vec::new() };
    let text = section(".text").map_or(0, |header| header.sh_addr);
    frame::ranges(data, header.sh_addr, text)
        .into_iter()
        .filter(|range| !range.is_empty())
        .map(|range| Candidate { start: range.start, size: range.end - range.start, rank: 3, name: String::new() })
        .collect()
}

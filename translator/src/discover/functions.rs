//! Functions as code is named in a profile, and the stretches of code that keep their shape wherever they are mapped.
//!
//! Kernel functions are `vmlinux`'s. Of the image only the files are read that have code that ran; a file is contiguous
//! in the image, so a function lies at `image + offset of the file + offset in the file`. A *stretch* is code whose
//! addresses keep their distances: all of the kernel, one executable segment of a file, or a page of RAM that runs in
//! user mode, since nobody knows what is mapped beside it.

use super::elf::{self, Candidate, ElfCode};
use super::sweep::{Places, sweep};
use super::text::FileCode;
use super::{Coverage, ImageCode, Inputs, Options};
use crate::image::erofs::FileExtent;
use anyhow::{Context, Result};
use rayon::prelude::*;
use runtime::memory::{IMAGE_BASE, PAGE};
use runtime::profile::{CodeAddress, Mode, Profile};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Longest guess at a function whose symbol has no size, in bytes.
const MAX_SIZELESS: u64 = 4096;
/// Largest file that is read for its symbols, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// A function, or code that is treated as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Whose code it is.
    pub mode: Mode,
    /// Its addresses, as [`CodeAddress`] has them.
    pub range: Range<u64>,
    /// `file:symbol`, `kernel:symbol`, or with an address in place of the symbol.
    pub name: String,
}

impl Function {
    /// Where it begins.
    pub(super) fn start(&self) -> CodeAddress {
        CodeAddress { mode: self.mode, address: self.range.start }
    }
}

/// What the files tell.
#[derive(Default)]
pub(super) struct Known<'a> {
    /// Ascending by mode and address, disjoint.
    pub(super) functions: Vec<Function>,
    /// Bytes of executable segments.
    pub(super) code: Vec<FileCode<'a>>,
    /// User code that is mapped as one piece: ascending, disjoint, with the file's name.
    pub(super) stretches: Vec<(Range<u64>, String)>,
    /// Where computed jumps may lead in user mode.
    pub(super) places: Places,
    /// Files of which nothing could be learned, and why.
    pub(super) notes: Vec<String>,
}

impl<'a> Known<'a> {
    /// Reads `vmlinux`, and the files of the image that ran; if functions that never ran are wanted, other programs too.
    ///
    /// # Errors
    /// `vmlinux` is no ELF file, or the image cannot be read.
    pub(super) fn read(inputs: Inputs<'a>, options: &Options) -> Result<Known<'a>> {
        let mut known = Known::default();
        if let Some(bytes) = inputs.vmlinux {
            let code = elf::parse(bytes).context("vmlinux")?;
            for segment in &code.segments {
                let start = CodeAddress { mode: Mode::Kernel, address: segment.address };
                known.code.push(FileCode { start, bytes: Cow::Borrowed(&bytes[segment.file.clone()]) });
            }
            known.functions = place(&code, Mode::Kernel, "kernel", |segment| segment.address);
        }
        if let Some(image) = inputs.image {
            let mut files = files_that_ran(inputs.profile, image);
            if options.coverage == Coverage::All {
                add_programs(&mut files, image, options.max_bytes)?;
            }
            let files: Vec<&FileExtent> = files.into_values().collect();
            let read: Vec<Known<'_>> = files.par_iter().map(|file| read_file(file, image)).collect::<Result<_>>()?;
            for file in read {
                known.functions.extend(file.functions);
                known.code.extend(file.code);
                known.stretches.extend(file.stretches);
                known.places.entries.extend(file.places.entries);
                known.places.jumps.extend(file.places.jumps);
                known.notes.extend(file.notes);
            }
            known.places.entries.sort_unstable();
            known.places.jumps.sort_unstable();
        }
        Ok(known)
    }

    /// The stretch that an address lies in, and a name for it.
    pub(super) fn stretch(&self, at: CodeAddress) -> (Range<u64>, &str) {
        if at.mode == Mode::Kernel {
            return (0..u64::MAX, "kernel");
        }
        let after = self.stretches.partition_point(|(range, _)| range.start <= at.address);
        match self.stretches[..after].last() {
            Some((range, name)) if range.contains(&at.address) => (range.clone(), name),
            _ => (at.page().address..at.page().address.saturating_add(PAGE as u64), "memory"),
        }
    }

    /// The function that holds an address, and where the next one begins.
    pub(super) fn function(&self, at: CodeAddress) -> (Option<usize>, u64) {
        let key = |f: &Function| (f.mode, f.range.start);
        let after = self.functions.partition_point(|f| key(f) <= (at.mode, at.address));
        let holder = after.checked_sub(1).filter(|&index| {
            let function = &self.functions[index];
            function.mode == at.mode && function.range.contains(&at.address)
        });
        let next = self.functions.get(after).filter(|f| f.mode == at.mode).map_or(u64::MAX, |f| f.range.start);
        (holder, next)
    }
}

/// Files by their offset in the image.
type Files<'i> = BTreeMap<u64, &'i FileExtent>;

/// Adds other ELF files, small ones first, as long as all together are not larger than what may be translated, several
/// times over: most of a program is no code, and much of that is data.
fn add_programs<'i>(files: &mut Files<'i>, image: ImageCode<'i>, max_bytes: u64) -> Result<()> {
    const TIMES: u64 = 8;
    let mut others: Vec<&FileExtent> = image.layout.files.iter().filter(|file| file.len >= 64).collect();
    others.sort_by_key(|file| (file.len, file.offset));
    let mut left = max_bytes.saturating_mul(TIMES);
    for file in others.into_iter().filter(|file| file.len <= MAX_FILE) {
        if files.contains_key(&file.offset) {
            continue;
        }
        if file.is_elf(image.bytes)? {
            left = match left.checked_sub(file.len) {
                Some(left) => left,
                None => return Ok(()),
            };
            files.insert(file.offset, file);
        }
    }
    Ok(())
}

/// Files that code ran of.
fn files_that_ran<'i>(profile: &Profile, image: ImageCode<'i>) -> Files<'i> {
    let start = CodeAddress { mode: Mode::User, address: IMAGE_BASE.0 };
    let mut files = Files::new();
    for at in profile.blocks.range(start..).map(|(at, _)| at) {
        if let Some(file) = image.layout.file_at(at.address - IMAGE_BASE.0) {
            files.insert(file.offset, file);
        }
    }
    files
}

fn read_file(file: &FileExtent, image: ImageCode<'_>) -> Result<Known<'static>> {
    let path = file.path.to_string_lossy();
    let name = path.trim_start_matches('/');
    let start = IMAGE_BASE.0.saturating_add(file.offset);
    let whole = (start..start.saturating_add(file.len), name.to_owned());
    let unknown = |note: String| Known { stretches: vec![whole.clone()], notes: vec![note], ..Known::default() };
    if file.len > MAX_FILE || start.checked_add(file.len).is_none() {
        return Ok(unknown(format!("{path}: {} bytes at {:#x}: expected at most {MAX_FILE}", file.len, file.offset)));
    }
    let mut bytes = vec![0; file.len as usize];
    image
        .bytes
        .read_exact_at(&mut bytes, file.offset)
        .with_context(|| format!("{path}: cannot read it in the image"))?;
    let mut code = match elf::parse(&bytes) {
        Ok(code) => code,
        Err(error) => return Ok(unknown(format!("{path}: {error:#}"))),
    };
    let places = sweep(&mut code, &bytes);
    let moved = |at: u64| Some(start + code.segments.iter().find_map(|segment| segment.in_file(at))? as u64);
    let entries = places.entries.into_iter().filter_map(moved).collect();
    let jumps = places.jumps.into_iter().filter_map(|(from, to)| Some((moved(from)?, moved(to)?))).collect();
    let places = Places { entries, jumps };
    let mut known = Known {
        functions: place(&code, Mode::User, name, |s| start + s.file.start as u64),
        places,
        ..Known::default()
    };
    let mut free = start;
    let mut segments = code.segments;
    segments.sort_by_key(|segment| segment.file.start);
    for segment in segments {
        let address = start + segment.file.start as u64;
        if address < free {
            known.notes.push(format!("{path}: segments overlap in the file at {:#x}", segment.file.start));
            continue;
        }
        free = address + segment.file.len() as u64;
        known.stretches.push((address..free, name.to_owned()));
        let start = CodeAddress { mode: Mode::User, address };
        known.code.push(FileCode { start, bytes: Cow::Owned(bytes[segment.file].to_vec()) });
    }
    Ok(known)
}

/// Makes functions of a file's candidates; `moved` tells at which address a segment's code is named.
fn place(code: &ElfCode, mode: Mode, file: &str, moved: impl Fn(&elf::Segment) -> u64) -> Vec<Function> {
    let mut functions: Vec<Function> = Vec::new();
    for segment in &code.segments {
        let addresses = segment.addresses();
        let to = moved(segment);
        for (range, name) in disjoint(&code.candidates, addresses.clone()) {
            let name = if name.is_empty() { format!("{file}:{:#x}", range.start) } else { format!("{file}:{name}") };
            let range = to + (range.start - addresses.start)..to + (range.end - addresses.start);
            functions.push(Function { mode, range, name });
        }
    }
    functions.sort_by_key(|f| f.range.start);
    functions.dedup_by(|next, last| next.range.start < last.range.end);
    functions
}

/// Disjoint ranges within a segment: of those with one start the longest, under the best name; one that begins inside
/// another belongs to it, unless it also ends after it: then the other ends where it begins.
pub(super) fn disjoint(candidates: &[Candidate], segment: Range<u64>) -> Vec<(Range<u64>, &str)> {
    let first = candidates.partition_point(|c| c.start < segment.start);
    let last = candidates.partition_point(|c| c.start < segment.end);
    let inside = &candidates[first..last];
    let mut found: Vec<(Range<u64>, &str)> = Vec::new();
    let mut rest = inside;
    for same in inside.chunk_by(|a, b| a.start == b.start) {
        let start = same[0].start;
        rest = &rest[same.len()..];
        let next = rest.first().map_or(segment.end, |c| c.start);
        let longest = same.iter().map(|c| c.size).max().unwrap_or(0);
        let size = if longest == 0 { (next - start).min(MAX_SIZELESS) } else { longest };
        let end = start.saturating_add(size).min(segment.end);
        let name = same.iter().filter(|c| !c.name.is_empty()).min_by_key(|c| (c.rank, c.name.len(), &c.name));
        match found.last_mut() {
            Some((last, _)) if start < last.end && (end <= last.end || longest == 0) => continue,
            Some((last, _)) if start < last.end => last.end = start,
            _ => {}
        }
        found.push((start..end, name.map_or("", |c| &c.name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(start: u64, size: u64, rank: u8, name: &str) -> Candidate {
        Candidate { start, size, rank, name: name.to_owned() }
    }

    #[test]
    fn candidates_become_disjoint_functions() {
        let mut given = vec![
            candidate(0x10, 0x20, 0, "long_name"),
            candidate(0x10, 0x20, 0, "name"),
            candidate(0x10, 0x18, 2, "l"),
            candidate(0x18, 0x08, 0, "inside"),
            candidate(0x40, 0x20, 3, ""),
            candidate(0x50, 0x20, 1, "overlap"),
            candidate(0x90, 0, 0, "sizeless"),
            candidate(0xa0, 0x1000, 0, "cut"),
            candidate(0x200, 4, 0, "outside"),
        ];
        given.sort();
        let found = disjoint(&given, 0x10..0x100);
        let expected = [
            (0x10..0x30, "name"),
            (0x40..0x50, ""),
            (0x50..0x70, "overlap"),
            (0x90..0xa0, "sizeless"),
            (0xa0..0x100, "cut"),
        ];
        assert_eq!(found, expected);
    }
}

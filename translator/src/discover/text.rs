//! Bytes of code: the profile's pages where it has them, since the kernel patches itself, else those of the files.

use super::functions::Function;
use runtime::memory::PAGE;
use runtime::profile::{CodeAddress, Mode, Profile};
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a file at the addresses that name them.
#[derive(Debug, Clone)]
pub(super) struct FileCode<'a> {
    pub(super) start: CodeAddress,
    pub(super) bytes: Cow<'a, [u8]>,
}

/// All bytes that are known.
pub(super) struct Bytes<'a> {
    profile: &'a Profile,
    /// Ascending, disjoint within a mode.
    files: Vec<&'a FileCode<'a>>,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(profile: &'a Profile, files: &'a [FileCode<'a>]) -> Self {
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|file| file.start);
        Bytes { profile, files }
    }

    /// The bytes of a function.
    pub(super) fn of(&self, function: &Function) -> Text {
        self.text(function.mode, function.range.clone())
    }

    /// The bytes of a range of addresses, as far as they are known.
    pub(super) fn text(&self, mode: Mode, range: Range<u64>) -> Text {
        let mut text = Text { start: range.start, bytes: Vec::new(), gaps: Vec::new() };
        let mut at = range.start;
        while at < range.end {
            let address = CodeAddress { mode, address: at };
            let within = at as usize % PAGE;
            let length = (PAGE - within).min((range.end - at) as usize);
            match self.profile.pages.get(&address.page()) {
                Some(page) => text.bytes.extend_from_slice(&page[within..within + length]),
                None => self.add_file_bytes(address, length, &mut text),
            }
            at = match at.checked_add(length as u64) {
                Some(next) => next,
                None => break,
            };
        }
        text
    }

    /// Bytes of one page.
    fn add_file_bytes(&self, from: CodeAddress, length: usize, text: &mut Text) {
        let after = self.files.partition_point(|file| file.start <= from);
        let holder = self.files[..after].last().filter(|file| file.start.mode == from.mode);
        let known = holder.and_then(|file| file.bytes.get((from.address - file.start.address) as usize..));
        let known = known.unwrap_or_default();
        let known = &known[..known.len().min(length)];
        text.bytes.extend_from_slice(known);
        if known.len() < length {
            let here = text.bytes.len();
            text.gaps.push(here..here + length - known.len());
            text.bytes.resize(here + length - known.len(), 0);
        }
    }
}

/// Bytes of a function.
#[derive(Debug, Clone)]
pub(super) struct Text {
    start: u64,
    bytes: Vec<u8>,
    /// Offsets of bytes that nobody knows, ascending.
    gaps: Vec<Range<usize>>,
}

impl Text {
    /// At most `most` bytes from `address` on, up to the first that is not known.
    pub(super) fn window(&self, address: u64, most: usize) -> &[u8] {
        let Some(offset) = address.checked_sub(self.start).and_then(|offset| usize::try_from(offset).ok()) else {
            return &[];
        };
        let gap = self.gaps.partition_point(|gap| gap.end <= offset);
        let end = self.gaps.get(gap).map_or(self.bytes.len(), |gap| gap.start);
        self.bytes.get(offset..end.min(offset.saturating_add(most))).unwrap_or_default()
    }
}

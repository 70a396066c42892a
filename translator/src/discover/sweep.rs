//! Functions that neither symbols nor unwind tables name, and places inside functions that only computed jumps lead to.
//!
//! Between the functions that are known all is read as one line of code ([`super::survey`]). A function begins there where the line
//! does, where a call leads, or where an address is named that control does not come to from before. It ends where the next
//! begins; what runs into bytes that are no code is no function.
//!
//! Places inside functions are those that data or code name (labels, landing pads of tables of addresses), and the entries of jump
//! tables as compilers make them: signed 32-bit distances from the table's start, which the function itself names.

use super::elf::{Candidate, ElfCode, MAX_FUNCTION, Segment, holder};
use super::functions::disjoint;
use super::survey::{Named, Survey};
use std::collections::BTreeSet;
use std::ops::Range;

/// Most entries of a jump table.
const MAX_TABLE: usize = 4096;
/// Rank of a function that nothing names.
const RANK: u8 = 4;

/// Where computed jumps may lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Inside functions. Ascending.
    pub(super) entries: Vec<u64>,
    /// Last byte of a jump, and where it may go by its table. Ascending.
    pub(super) jumps: Vec<(u64, u64)>,
}

/// Adds functions to the candidates, and finds the places inside functions.
pub(super) fn sweep(code: &mut ElfCode, bytes: &[u8]) -> Places {
    let named = ranges(code);
    let gaps: Vec<Range<u64>> = code.text.iter().flat_map(|text| gaps(&named, text)).collect();
    let survey = Survey::of(code, bytes, &[&named[..], &gaps[..]].concat());
    for gap in gaps {
        code.candidates.extend(functions(&survey, gap));
    }
    code.candidates.sort_unstable();
    places(code, bytes, &survey)
}

/// The functions, ascending.
fn ranges(code: &ElfCode) -> Vec<Range<u64>> {
    let of = |segment: &Segment| disjoint(&code.candidates, segment.addresses());
    code.segments.iter().flat_map(of).map(|(range, _)| range).collect()
}

/// What of `text` is in none of the ranges.
fn gaps(ranges: &[Range<u64>], text: &Range<u64>) -> Vec<Range<u64>> {
    let first = ranges.partition_point(|range| range.end <= text.start);
    let inside = ranges[first..].iter().take_while(|range| range.start < text.end);
    let mut gaps = Vec::new();
    let mut at = text.start;
    for range in inside {
        if at < range.start {
            gaps.push(at..range.start);
        }
        at = at.max(range.end);
    }
    if at < text.end {
        gaps.push(at..text.end);
    }
    gaps
}

/// The functions of a gap.
fn functions(survey: &Survey, gap: Range<u64>) -> Vec<Candidate> {
    let mut starts = BTreeSet::new();
    starts.extend(within(&survey.called, &gap).iter().filter(|&&at| survey.begins(at)));
    starts.extend(within(&survey.pointed, &gap).iter().filter(|&&at| survey.begins_afresh(at)));
    starts.extend(gap.clone().take_while(|&at| !survey.is_nonsense(at)).find(|&at| survey.begins_afresh(at)));
    let starts: Vec<u64> = starts.into_iter().collect();
    let ends = starts.iter().skip(1).copied().chain([gap.end]);
    let ranges = starts.iter().zip(ends).map(|(&start, end)| start..end);
    let whole = ranges.filter(|range| !range.clone().any(|at| survey.is_nonsense(at)));
    let function = |range: Range<u64>| Candidate {
        start: range.start,
        size: range.end - range.start,
        rank: RANK,
        name: String::new(),
    };
    whole.filter(|range| range.end - range.start <= MAX_FUNCTION).map(function).collect()
}

fn within<'a>(addresses: &'a [u64], range: &Range<u64>) -> &'a [u64] {
    let first = addresses.partition_point(|&at| at < range.start);
    let last = addresses.partition_point(|&at| at < range.end);
    &addresses[first..last]
}

fn places(code: &ElfCode, bytes: &[u8], survey: &Survey) -> Places {
    let functions = ranges(code);
    let mut places = Places::default();
    for named in &survey.named {
        let Some(function) = holder(&functions, named.by) else { continue };
        for target in table(code, bytes, named).take_while(|target| function.contains(target)) {
            if survey.begins(target) {
                places.entries.push(target);
                places.jumps.extend(named.jump.filter(|jump| function.contains(jump)).map(|jump| (jump, target)));
            }
        }
    }
    let inside = |at: &u64| survey.begins(*at) && holder(&functions, *at).is_some_and(|function| function.start != *at);
    places.entries.extend(survey.pointed.iter().copied().filter(inside));
    places.entries.sort_unstable();
    places.entries.dedup();
    places.jumps.sort_unstable();
    places.jumps.dedup();
    places
}

/// Where the entries of a jump table lead, if it is one.
fn table<'b>(code: &ElfCode, bytes: &'b [u8], named: &Named) -> impl Iterator<Item = u64> + use<'b> {
    let address = named.address;
    let holder = code.data.iter().chain(&code.segments).find(|segment| segment.addresses().contains(&address));
    let data = holder.map(|segment| &bytes[segment.file.clone()][(address - segment.address) as usize..]);
    let words = data.unwrap_or_default().as_chunks::<4>().0.iter().take(MAX_TABLE);
    words.map(move |word| address.wrapping_add_signed(i32::from_le_bytes(*word).into()))
}

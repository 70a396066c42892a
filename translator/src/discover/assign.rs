//! Gives each block of a profile to the function that it lies in; what lies in none forms functions of its own.
//!
//! A profile may be nonsense: lengths are cut, and what would wrap around the address space is passed over.

use super::elf::MAX_FUNCTION;
use super::explore::{Ran, Work};
use super::functions::{Function, Known};
use runtime::profile::{CodeAddress, Mode, Profile};
use std::collections::BTreeMap;
use std::ops::Range;

/// Longest block in bytes: 64 instructions of 15.
const MAX_BLOCK: u64 = 15 * 64;
/// Code that is in no known function and closer together than this, in bytes, is one function.
const GAP: u64 = 64;

/// Where indirect transfers went: by the address of their last byte, targets of the same mode and how often.
pub(super) type Seen = BTreeMap<Mode, Sites>;
/// Those of one mode.
pub(super) type Sites = BTreeMap<u64, BTreeMap<u64, u64>>;

/// What is to be explored, ascending and disjoint.
pub(super) fn assign(profile: &Profile, known: &Known<'_>) -> Vec<Work> {
    let mut works: BTreeMap<usize, Work> = BTreeMap::new();
    let mut loose: Vec<(CodeAddress, Ran)> = Vec::new();
    for (&start, block) in &profile.blocks {
        let length = u64::from(block.length).min(MAX_BLOCK);
        let Some(end) = start.address.checked_add(length) else { continue };
        let mut at = start.address;
        while at < end {
            let here = CodeAddress { mode: start.mode, address: at };
            let (function, next) = known.function(here);
            let stretch = known.stretch(here).0;
            let stop = end.min(stretch.end).min(function.map_or(next, |index| known.functions[index].range.end));
            let ran = Ran { address: at, length: stop - at, count: block.count };
            match function {
                Some(index) => works.entry(index).or_insert_with(|| work(known, index)).ran.push(ran),
                None => loose.push((here, ran)),
            }
            // A function may run on into the next; what follows a stretch may be anything.
            at = if stop == stretch.end { end } else { stop };
        }
    }
    let mut works: Vec<Work> = works.into_values().chain(gather(loose, known)).collect();
    works.sort_by_key(|work| (work.function.mode, work.function.range.start));
    for work in &mut works {
        work.ran.sort_by_key(|ran| ran.address);
    }
    works
}

fn work(known: &Known<'_>, index: usize) -> Work {
    let function = known.functions[index].clone();
    let stretch = known.stretch(function.start()).0;
    new_work(function, stretch)
}

/// A function of which nothing ran.
pub(super) fn new_work(function: Function, stretch: Range<u64>) -> Work {
    Work { function, stretch, ran: Vec::new(), targets: Vec::new(), external: Vec::new() }
}

/// Functions of code that lies in no known one; `loose` ascends but for what ran on from other blocks.
fn gather(mut loose: Vec<(CodeAddress, Ran)>, known: &Known<'_>) -> Vec<Work> {
    loose.sort_by_key(|(at, ran)| (*at, ran.length));
    let mut works: Vec<Work> = Vec::new();
    for (at, ran) in loose {
        let end = ran.address + ran.length;
        if let Some(last) = works.last_mut()
            && continues(last, at, end, known)
        {
            last.function.range.end = last.function.range.end.max(end);
            last.ran.push(ran);
            continue;
        }
        let (stretch, file) = known.stretch(at);
        let name = format!("{file}:{:#x}", at.address);
        let function = Function { mode: at.mode, range: ran.address..end, name };
        works.push(Work { ran: vec![ran], ..new_work(function, stretch) });
    }
    works
}

fn continues(last: &Work, at: CodeAddress, end: u64, known: &Known<'_>) -> bool {
    let Range { start, end: so_far } = last.function.range;
    let before = CodeAddress { mode: at.mode, address: start };
    last.function.mode == at.mode
        && last.stretch.contains(&at.address)
        && at.address < so_far.saturating_add(GAP)
        && end - start <= MAX_FUNCTION
        && known.function(before).1 >= end
}

/// Tells the functions where indirect transfers went, and gives where from.
pub(super) fn indirect(profile: &Profile, works: &mut [Work]) -> Seen {
    let mut seen = Seen::new();
    for (&(from, to), &count) in &profile.indirect {
        let (Some(block), true) = (profile.blocks.get(&from), profile.blocks.contains_key(&to)) else { continue };
        if let Some(work) = holder(works, to) {
            works[work].targets.push(to.address);
        }
        let last_byte = from.address.checked_add(u64::from(block.length).saturating_sub(1));
        if let (Some(last_byte), true) = (last_byte, from.mode == to.mode) {
            let targets = seen.entry(from.mode).or_default().entry(last_byte).or_default();
            let known = targets.entry(to.address).or_default();
            *known = known.saturating_add(count);
        }
    }
    for work in works {
        work.targets.sort_unstable();
        work.targets.dedup();
    }
    seen
}

/// The function that holds an address.
pub(super) fn holder(works: &[Work], at: CodeAddress) -> Option<usize> {
    let after = works.partition_point(|work| (work.function.mode, work.function.range.start) <= (at.mode, at.address));
    let index = after.checked_sub(1)?;
    let function = &works[index].function;
    (function.mode == at.mode && function.range.contains(&at.address)).then_some(index)
}

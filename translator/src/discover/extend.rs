//! Functions that never ran: those that fixed calls and jumps lead to from what ran, then the rest of the files that ran, the
//! image's other programs, small ones first, and the kernel's rest. As far as the budget lasts, in whole functions.

use super::assign::new_work;
use super::explore::Work;
use super::functions::Known;
use super::text::Bytes;
use super::{Leaves, Options, leads_to};
use runtime::profile::Mode;
use std::collections::BTreeSet;

struct Extension<'a> {
    known: &'a Known<'a>,
    works: &'a mut Vec<Work>,
    /// Numbers of the functions that are taken.
    taken: BTreeSet<usize>,
    /// Bytes that may still be taken.
    left: u64,
}

/// Adds functions, and keeps the order.
pub(super) fn extend(
    works: &mut Vec<Work>,
    known: &Known<'_>,
    bytes: &Bytes<'_>,
    leaves: &Leaves<'_>,
    options: &Options,
) {
    let taken = works.iter().filter_map(|work| known.function(work.function.start()).0).collect();
    let used = works.iter().map(size).fold(0u64, u64::saturating_add);
    let mut extension = Extension { known, works, taken, left: options.max_bytes.saturating_sub(used) };
    let mut first = 0;
    while first < extension.works.len() {
        let last = extension.works.len();
        let led = leads_to(&extension.works[first..last], bytes, leaves, options);
        led.into_iter().filter_map(|at| known.function(at).0).for_each(|index| extension.take(index));
        first = last;
    }
    extension.take_the_rest();
    works.sort_by_key(|work| (work.function.mode, work.function.range.start));
}

fn size(work: &Work) -> u64 {
    work.function.range.end - work.function.range.start
}

impl Extension<'_> {
    /// Takes a function, if it is not taken yet and there is room.
    fn take(&mut self, index: usize) {
        let function = &self.known.functions[index];
        let work = new_work(function.clone(), self.known.stretch(function.start()).0);
        if let Some(left) = self.left.checked_sub(size(&work))
            && self.taken.insert(index)
        {
            self.left = left;
            self.works.push(work);
        }
    }

    fn take_the_rest(&mut self) {
        let ran = self.works.iter().filter(|work| !work.ran.is_empty() && work.function.mode == Mode::User);
        let ran: BTreeSet<u64> = ran.map(|work| work.stretch.start).collect();
        let mut rest: Vec<(bool, bool, u64, usize)> = Vec::new();
        for (index, function) in self.known.functions.iter().enumerate().filter(|(i, _)| !self.taken.contains(i)) {
            let stretch = self.known.stretch(function.start()).0;
            let other = !ran.contains(&stretch.start);
            rest.push((function.mode == Mode::Kernel, other, stretch.end - stretch.start, index));
        }
        rest.sort_unstable();
        rest.into_iter().for_each(|(_, _, _, index)| self.take(index));
    }
}

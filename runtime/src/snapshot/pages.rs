//! RAM as runs of pages: those that hold anything but zeros, in ascending order, with as few runs as can be.
//!
//! Pages that the run has added are counted on from the others ([`Memory::ram_page`]).

use super::codec::{CodecError, Reader};
use super::{SnapshotError, page_bytes};
use crate::devices::Gpa;
use crate::memory::{Memory, PAGE};
use std::ops::Range;

/// Neighbouring pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRun {
    /// Number of the first.
    pub first: u32,
    /// How many, not 0.
    pub count: u32,
}
crate::fields!(PageRun { first, count } where PageRun::is_valid, "a run of pages below 4 GiB that is not empty");

impl PageRun {
    fn is_valid(&self) -> bool {
        self.count > 0 && u64::from(self.first) + u64::from(self.count) <= 1 << 20
    }

    /// The page behind the last.
    pub fn end(&self) -> u32 {
        self.first + self.count
    }

    /// Size in bytes.
    pub fn size(&self) -> usize {
        self.count as usize * PAGE
    }

    /// Guest-physical address of the first byte, in a machine to which nothing was added.
    pub fn gpa(&self) -> Gpa {
        Gpa(u64::from(self.first) << 12)
    }
}

/// The pages of RAM that are not zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RamPages {
    runs: Vec<PageRun>,
    bytes: Vec<u8>,
}

impl RamPages {
    /// RAM's pages as they are now.
    pub fn of(memory: &Memory) -> RamPages {
        let runs = runs_of(memory);
        let numbers = runs.iter().flat_map(|run| run.first..run.end());
        let bytes = numbers.flat_map(|number| page_bytes(memory, number).iter().copied()).collect();
        RamPages { runs, bytes }
    }

    /// These runs, with the bytes of their pages.
    pub(super) fn new(runs: Vec<PageRun>, bytes: Vec<u8>) -> RamPages {
        RamPages { runs, bytes }
    }

    /// The runs in ascending order.
    pub(super) fn run_list(&self) -> &[PageRun] {
        &self.runs
    }

    /// The runs with their bytes, in ascending order of address.
    pub fn runs(&self) -> impl Iterator<Item = (PageRun, &[u8])> + '_ {
        let mut rest = self.bytes.as_slice();
        self.runs.iter().map(move |&run| {
            let (bytes, later) = rest.split_at(run.size());
            rest = later;
            (run, bytes)
        })
    }

    /// How many pages there are.
    pub fn count(&self) -> usize {
        self.bytes.len() / PAGE
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.runs.len()
    }

    /// How many pages lie between the first and the last, themselves counted.
    pub fn span(&self) -> usize {
        let (first, last) = (self.runs.first(), self.runs.last());
        first.zip(last).map_or(0, |(first, last)| (last.end() - first.first) as usize)
    }

    /// Copies the pages into `memory`, whose RAM is zero.
    ///
    /// # Errors
    /// If one lies outside of RAM.
    pub fn place(&self, memory: &mut Memory) -> Result<(), SnapshotError> {
        for (run, bytes) in self.runs() {
            check(run, memory)?;
            for (number, bytes) in (run.first..).zip(bytes.chunks_exact(PAGE)) {
                page_mut(memory, number).copy_from_slice(bytes);
            }
        }
        Ok(())
    }
}

/// The runs of RAM's pages that are not zero.
pub(super) fn runs_of(memory: &Memory) -> Vec<PageRun> {
    let mut runs: Vec<PageRun> = Vec::new();
    for number in (0..memory.ram_pages()).filter(|&number| !is_zero(page_bytes(memory, number))) {
        match runs.last_mut() {
            Some(run) if run.end() == number => run.count += 1,
            _ => runs.push(PageRun { first: number, count: 1 }),
        }
    }
    runs
}

/// Checks that a run lies in RAM.
pub(super) fn check(run: PageRun, memory: &Memory) -> Result<(), SnapshotError> {
    let ram_pages = memory.ram_pages();
    if run.end() <= ram_pages { Ok(()) } else { Err(SnapshotError::OutsideRam { run, ram_pages }) }
}

/// The bytes of RAM's page `number`.
pub(super) fn page_mut(memory: &mut Memory, number: u32) -> &mut [u8] {
    let place = memory.place(memory.ram_page(number)).expect("the caller counts RAM's pages");
    memory.bytes_mut(place, PAGE)
}

/// Makes pages of RAM zero, and does not touch those that are: the system has not given them yet.
pub(super) fn clear(memory: &mut Memory, numbers: Range<u32>) {
    for number in numbers {
        if !is_zero(page_bytes(memory, number)) {
            page_mut(memory, number).fill(0);
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// The number of runs, and the runs.
pub(super) fn load_runs(from: &mut Reader<'_>) -> Result<Vec<PageRun>, CodecError> {
    let mut runs = Vec::new();
    let mut behind = None;
    for _ in 0..from.field::<u32>()? {
        let run: PageRun = from.field()?;
        from.check(behind.is_none_or(|end| run.first > end), "runs in ascending order with gaps between them")?;
        behind = Some(run.end());
        runs.push(run);
    }
    Ok(runs)
}

//! RAM as runs of pages: those that hold anything but zeros, in ascending order, with as few runs as can be.

use super::codec::{CodecError, Field, Reader, Writer};
use super::{SnapshotError, page_bytes};
use crate::devices::Gpa;
use crate::memory::{Memory, PAGE};

/// Neighbouring pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRun {
    /// Number of the first: its guest-physical address divided by 4096.
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

    /// Guest-physical address of the first byte.
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
        let mut pages = RamPages { runs: Vec::new(), bytes: Vec::new() };
        for number in 0..(memory.ram_size() / PAGE as u64) as u32 {
            let bytes = page_bytes(memory, number);
            if bytes.iter().any(|&byte| byte != 0) {
                pages.push(number, bytes);
            }
        }
        pages
    }

    fn push(&mut self, number: u32, bytes: &[u8]) {
        match self.runs.last_mut() {
            Some(run) if run.end() == number => run.count += 1,
            _ => self.runs.push(PageRun { first: number, count: 1 }),
        }
        self.bytes.extend_from_slice(bytes);
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

    /// Makes RAM hold these pages and no others.
    ///
    /// # Errors
    /// As [`RamPages::place`].
    pub fn replace(&self, memory: &mut Memory) -> Result<(), SnapshotError> {
        let mut next = 0;
        let last = PageRun { first: (memory.ram_size() / PAGE as u64) as u32, count: 1 };
        for run in self.runs.iter().chain([&last]) {
            (next..run.first).for_each(|number| clear(memory, number));
            next = run.end();
        }
        self.place(memory)
    }

    /// Copies the pages into `memory`, whose RAM is zero.
    ///
    /// # Errors
    /// If one lies outside of RAM.
    pub fn place(&self, memory: &mut Memory) -> Result<(), SnapshotError> {
        for (run, bytes) in self.runs() {
            let inside = u64::from(run.end()) << 12 <= memory.ram_size();
            let place = memory.place(run.gpa()).filter(|_| inside);
            let place = place.ok_or(SnapshotError::OutsideRam { run, ram_size: memory.ram_size() })?;
            memory.bytes_mut(place, bytes.len()).copy_from_slice(bytes);
        }
        Ok(())
    }
}

/// Makes a page of RAM zero, and does not touch one that is: the system has not given it yet. None beyond RAM.
fn clear(memory: &mut Memory, number: u32) {
    let Some(place) = memory.place(Gpa(u64::from(number) << 12)) else { return };
    if memory.bytes(place, PAGE).iter().any(|&byte| byte != 0) {
        memory.bytes_mut(place, PAGE).fill(0);
    }
}

/// The number of runs, the runs, then the bytes of their pages.
impl Field for RamPages {
    fn save(&self, to: &mut Writer) {
        to.field(&(self.runs.len() as u32));
        self.runs.iter().for_each(|run| to.field(run));
        to.raw(&self.bytes);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut runs = Vec::new();
        let mut behind = None;
        let mut size = 0;
        for _ in 0..from.field::<u32>()? {
            let run: PageRun = from.field()?;
            from.check(behind.is_none_or(|end| run.first > end), "runs in ascending order with gaps between them")?;
            behind = Some(run.end());
            size += run.size() as u64;
            runs.push(run);
        }
        Ok(RamPages { runs, bytes: from.raw(size)?.to_vec() })
    }
}

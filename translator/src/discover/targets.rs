//! Which region holds which code: for exits that lead straight to another region.

use super::regions::{Region, RegionId};
use runtime::profile::{CodeAddress, Mode};
use std::collections::HashMap;
use std::ops::Range;

/// The entries of all regions, by address.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    entries: HashMap<CodeAddress, Entered>,
}

#[derive(Debug, Clone)]
struct Entered {
    region: RegionId,
    entry: u32,
    base: u64,
    stretch: Range<u64>,
}

/// An entry of another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The region.
    pub region: RegionId,
    /// Number of its entry.
    pub entry: u32,
    /// Its base less the base of the region that leaves.
    pub base_delta: i64,
}

impl Directory {
    /// Enters all regions. Of regions with an entry at one address the first has it.
    pub fn new(regions: &[Region]) -> Directory {
        let mut entries = HashMap::new();
        for region in regions {
            for (entry, &offset) in (0..).zip(&region.entries) {
                let address = CodeAddress { mode: region.mode, address: region.base.wrapping_add(offset.into()) };
                let entered = Entered { region: region.id, entry, base: region.base, stretch: region.stretch.clone() };
                entries.entry(address).or_insert(entered);
            }
        }
        Directory { entries }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The region that has an entry at an address.
    pub fn at(&self, address: CodeAddress) -> Option<(RegionId, u32)> {
        self.entries.get(&address).map(|entered| (entered.region, entered.entry))
    }

    /// What a region's exits may lead to.
    pub fn seen_from(&self, region: &Region) -> Exits<'_> {
        Exits { directory: self, mode: region.mode, base: region.base, stretch: region.stretch.clone() }
    }
}

/// What the exits of one region may lead to.
#[derive(Debug, Clone)]
pub struct Exits<'d> {
    directory: &'d Directory,
    mode: Mode,
    base: u64,
    stretch: Range<u64>,
}

impl Exits<'_> {
    /// The region that is entered at an offset from the base of the region that leaves, in the same stretch of code.
    pub fn resolve(&self, offset: i64) -> Option<Target> {
        let address = CodeAddress { mode: self.mode, address: self.base.wrapping_add_signed(offset) };
        let entered = self.directory.entries.get(&address).filter(|entered| entered.stretch == self.stretch)?;
        let base_delta = entered.base.wrapping_sub(self.base) as i64;
        Some(Target { region: entered.region, entry: entered.entry, base_delta })
    }
}

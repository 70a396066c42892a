//! Whose code ran: the kernel's, that of a file of the image, or code in memory that is in no file that is known.

use super::functions::Known;
use super::regions::Region;
use runtime::profile::{CodeAddress, Mode, Profile};
use std::collections::BTreeMap;

/// Number of a binary, dense from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BinaryId(pub u32);

/// What code comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Whose code it is.
    pub mode: Mode,
    /// `kernel`, a file's path in the image without its first `/`, or `memory`. Functions' names begin with it.
    pub name: String,
    /// How often instructions of it ran while the profile was recorded, added up.
    pub ran: u64,
}

/// The binaries of all that ran and of all regions, ascending by mode and name; tells the regions which is theirs.
pub(super) fn assign(profile: &Profile, known: &Known<'_>, regions: &mut [Region]) -> Vec<Binary> {
    let mut ran: BTreeMap<(Mode, &str), u64> = BTreeMap::new();
    for (&at, block) in &profile.blocks {
        let so_far = ran.entry(holder(known, at)).or_default();
        *so_far = so_far.saturating_add(block.count.saturating_mul(block.insns.into()));
    }
    for region in regions.iter() {
        ran.entry(holder(known, start(region))).or_default();
    }
    let numbers: BTreeMap<_, _> = ran.keys().copied().zip((0..).map(BinaryId)).collect();
    for region in regions {
        region.binary = numbers[&holder(known, start(region))];
    }
    ran.into_iter().map(|((mode, name), ran)| Binary { mode, name: name.to_owned(), ran }).collect()
}

fn holder<'k>(known: &'k Known<'_>, at: CodeAddress) -> (Mode, &'k str) {
    (at.mode, known.stretch(at).1)
}

/// An address of the region's own code, not of what is inlined.
fn start(region: &Region) -> CodeAddress {
    let offset = region.blocks.first().map_or(0, |block| block.offset);
    CodeAddress { mode: region.mode, address: region.base + u64::from(offset) }
}

//! What is known of a region once it is translated.

use super::{RegionFigures, Unlifted};
use crate::discover::{Region, RegionBlock};
use crate::lower::{SideExits, Translated};
use runtime::translated::binding::RegionCode;
use std::collections::BTreeMap;

impl RegionFigures {
    /// Of a region with its translation.
    pub(in crate::convert) fn translated(region: &Region, binding: &RegionCode, translated: &Translated) -> Self {
        RegionFigures {
            instructions: translated.lifted,
            left: region.left_to_interpreter.min(region.weight),
            side_exits: translated.side_exits,
            unlifted: unlifted(region, &translated.unlifted),
            ..RegionFigures::refused(region, binding)
        }
    }

    /// Of a region that could not be translated.
    pub(in crate::convert) fn refused(region: &Region, binding: &RegionCode) -> Self {
        RegionFigures {
            binary: region.binary,
            entries: binding.entries.len() as u32,
            instructions: 0,
            guest_bytes: binding.ranges.iter().map(|(_, bytes)| bytes.len() as u32).sum(),
            ran: region.weight,
            left: region.weight,
            side_exits: SideExits::default(),
            unlifted: Vec::new(),
        }
    }
}

/// The places that are left to the interpreter, by mnemonic.
fn unlifted(region: &Region, places: &[(i64, x86::Mnemonic)]) -> Vec<Unlifted> {
    let mut found = BTreeMap::<String, (u32, u64)>::new();
    for (offset, mnemonic) in places {
        let (places, ran) = found.entry(format!("{mnemonic:?}")).or_default();
        *places += 1;
        *ran = ran.saturating_add(times_run(region, *offset));
    }
    found.into_iter().map(|(mnemonic, (places, ran))| Unlifted { mnemonic, places, ran }).collect()
}

/// How often the region's instruction at an offset ran in training.
fn times_run(region: &Region, offset: i64) -> u64 {
    let holds = |block: &&RegionBlock| {
        let start = i64::from(block.offset);
        (start..start + block.bytes.len() as i64).contains(&offset)
    };
    region.blocks.iter().find(holds).map_or(0, |block| block.count)
}

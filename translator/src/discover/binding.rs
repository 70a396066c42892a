//! What the runtime compares before it binds a region: see [`runtime::translated::binding`].

use super::regions::Region;
use runtime::translated::binding::RegionCode;

impl Region {
    /// The region's mode, entries and bytes; ranges ascend, and those that touch or overlap are one.
    pub fn code(&self) -> RegionCode {
        let mut ranges: Vec<(u32, Vec<u8>)> = Vec::new();
        let inlined = self.inlined.iter().flat_map(|callee| &callee.blocks);
        let mut blocks: Vec<_> = self.blocks.iter().chain(inlined).collect();
        blocks.sort_by_key(|block| (block.offset, block.bytes.len()));
        blocks.dedup();
        for block in blocks {
            match ranges.last_mut() {
                Some((start, bytes)) if (block.offset - *start) as usize <= bytes.len() => {
                    let known = bytes.len() - (block.offset - *start) as usize;
                    bytes.extend_from_slice(block.bytes.get(known..).unwrap_or_default());
                }
                _ => ranges.push((block.offset, block.bytes.clone())),
            }
        }
        RegionCode { mode: self.mode, home: self.base, entries: self.entries.clone(), ranges }
    }
}

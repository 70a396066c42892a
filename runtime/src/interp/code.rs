//! Decoded code by physical page, and the pieces of pages that hold code of any kind.
//!
//! A page is tracked in 64 pieces of 64 bytes, so that data beside code does not drop the code when it is written.
//! Blocks are held by reference count: the running one stays whole when its page is dropped.

use crate::memory::Place;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use x86::{CodeMode, Insn};

/// Instructions that are executed one after the other; the last may be a jump.
#[derive(Debug)]
pub struct Block {
    /// The instructions, at least one; all begin in one page.
    pub insns: Box<[Insn]>,
    /// The mode that they were decoded in.
    pub mode: CodeMode,
    /// Where the first begins.
    pub start: Place,
    /// Bytes of all.
    pub length: u32,
    /// When no region could be bound here, by generation and pages seen: no use to try again before these change.
    pub tried: Cell<u64>,
}

impl Block {
    /// A block that no region was looked for at yet.
    pub fn new(insns: Vec<Insn>, mode: CodeMode, start: Place, length: u32) -> Block {
        Block { insns: insns.into(), mode, start, length, tried: Cell::new(u64::MAX) }
    }
}

/// Most instructions of a block.
pub const MAX_BLOCK: usize = 64;
/// Blocks beyond which everything decoded is dropped: what a guest can make us hold is bounded.
const MAX_BLOCKS: usize = 200_000;
const FRONT: usize = 8192;

#[derive(Default)]
struct CodePage {
    /// Bit n: bytes 64 n to 64 n + 63 hold decoded or bound code.
    pieces: u64,
    /// By mode and offset.
    blocks: HashMap<u16, Rc<Block>>,
    /// Regions bound to this page.
    regions: Vec<u32>,
}

struct Front {
    rip: u64,
    generation: u64,
    block: Option<Rc<Block>>,
}

/// What is known of the code in the machine's memory.
pub struct CodeCache {
    pages: HashMap<u32, CodePage>,
    front: Box<[Front]>,
    blocks: usize,
}

impl Default for CodeCache {
    fn default() -> Self {
        let front = (0..FRONT).map(|_| Front { rip: 0, generation: 0, block: None }).collect();
        CodeCache { pages: HashMap::new(), front, blocks: 0 }
    }
}

/// What a block is found by in its page.
fn block_key(mode: CodeMode, start: Place) -> u16 {
    (mode as u16) << 12 | (start.0 & 0xfff) as u16
}

/// Bits of the pieces that `length` bytes from `offset` in a page touch.
fn pieces(offset: u32, length: u32) -> u64 {
    let (first, last) = (offset / 64, (offset + length.max(1) - 1).min(4095) / 64);
    (u64::MAX >> (63 - (last - first))) << first
}

impl CodeCache {
    #[inline(always)]
    fn front_index(rip: u64) -> usize {
        (rip ^ (rip >> 13)) as usize % FRONT
    }

    /// The block at `rip`, if it was found there since the generation began.
    #[inline(always)]
    pub fn at(&self, rip: u64, generation: u64) -> Option<Rc<Block>> {
        let front = &self.front[Self::front_index(rip)];
        if front.rip == rip && front.generation == generation { front.block.clone() } else { None }
    }

    /// Remembers which block is at `rip` in this generation.
    pub fn remember(&mut self, rip: u64, generation: u64, block: Rc<Block>) {
        self.front[Self::front_index(rip)] = Front { rip, generation, block: Some(block) };
    }

    /// The block that begins at a place, decoded in a mode.
    pub fn decoded(&self, mode: CodeMode, start: Place) -> Option<Rc<Block>> {
        self.pages.get(&start.page())?.blocks.get(&block_key(mode, start)).cloned()
    }

    /// Keeps a decoded block. Returns whether the page had no code before, so that the caller takes it out of the write
    /// TLB.
    pub fn insert(&mut self, block: Rc<Block>) -> bool {
        if self.blocks >= MAX_BLOCKS {
            self.drop_decoded();
        }
        self.blocks += 1;
        let offset = block.start.0 & 0xfff;
        let page = self.pages.entry(block.start.page()).or_default();
        let fresh = page.pieces == 0;
        page.pieces |= pieces(offset, block.length);
        page.blocks.insert(block_key(block.mode, block.start), block);
        fresh
    }

    /// Marks `length` bytes of one page as code of a bound region. Returns whether the page had no code before.
    pub fn bind(&mut self, place: Place, length: u32, region: u32) -> bool {
        let page = self.pages.entry(place.page()).or_default();
        let fresh = page.pieces == 0;
        page.pieces |= pieces(place.0 & 0xfff, length);
        if !page.regions.contains(&region) {
            page.regions.push(region);
        }
        fresh
    }

    /// Whether the page has code: such a page is not in the write TLB.
    #[inline]
    pub fn has_code(&self, page: u32) -> bool {
        self.pages.contains_key(&page)
    }

    /// Tells of a write of `length` bytes, in one page. If it touched code, forgets what is known of the page and gives
    /// the regions that were bound there.
    pub fn written(&mut self, place: Place, length: u32) -> Option<Vec<u32>> {
        let page = self.pages.get(&place.page())?;
        if page.pieces & pieces(place.0 & 0xfff, length) == 0 {
            return None;
        }
        let page = self.pages.remove(&place.page())?;
        self.blocks -= page.blocks.len();
        self.forget_front();
        Some(page.regions)
    }

    /// Drops all decoded blocks; what regions are bound to stays.
    fn drop_decoded(&mut self) {
        for page in self.pages.values_mut() {
            page.blocks.clear();
        }
        self.blocks = 0;
        self.forget_front();
    }

    /// Forgets which block is at which address.
    pub fn forget_front(&mut self) {
        for front in &mut *self.front {
            front.generation = u64::MAX;
            front.block = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86::decode;

    fn block(start: u32) -> Rc<Block> {
        let insn = decode(&[0x90]).unwrap();
        Rc::new(Block::new(vec![insn], CodeMode::Long, Place(start), 1))
    }

    #[test]
    fn the_same_bytes_are_one_block_a_mode() {
        let mut code = CodeCache::default();
        code.insert(block(0x5040));
        assert!(code.decoded(CodeMode::Compatibility, Place(0x5040)).is_none());
        assert!(code.decoded(CodeMode::Long, Place(0x5040)).is_some());
    }

    #[test]
    fn a_write_drops_code_only_where_it_is() {
        let mut code = CodeCache::default();
        assert!(code.insert(block(0x5040)));
        code.remember(0x1040, 1, block(0x5040));
        assert!(code.written(Place(0x5000), 64).is_none());
        assert!(code.written(Place(0x5080), 8).is_none());
        assert!(code.at(0x1040, 1).is_some());
        code.bind(Place(0x5100), 32, 7);
        assert_eq!(code.written(Place(0x507f), 1), Some(vec![7]));
        assert!(code.at(0x1040, 1).is_none());
        assert!(code.decoded(CodeMode::Long, Place(0x5040)).is_none() && !code.has_code(5));
    }
}

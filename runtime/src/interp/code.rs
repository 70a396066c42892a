//! Decoded code by physical page, and the pieces of pages that hold code of any kind.
//!
//! A page is tracked in 64 pieces of 64 bytes, so that data beside code does not drop the code when it is written. A
//! write drops the blocks that it touched and no others: a guest's compiler writes code beside code that runs.
//! Blocks are held by reference count: the running one stays whole when it is dropped. What still holds a dropped block
//! knows it by [`Block::dropped`].

use super::pages::PageMap;
use crate::memory::Place;
use std::cell::Cell;
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
    /// Bit [`profile::Mode`](crate::profile::Mode): no region begins with this block's code, whatever is mapped.
    pub unknown: Cell<u8>,
    /// Its bytes were written to.
    dropped: Cell<bool>,
}

impl Block {
    /// A block that no region was looked for at yet.
    pub fn new(insns: Vec<Insn>, mode: CodeMode, start: Place, length: u32) -> Block {
        let (tried, unknown, dropped) = (Cell::new(u64::MAX), Cell::new(0), Cell::new(false));
        Block { insns: insns.into(), mode, start, length, tried, unknown, dropped }
    }

    fn pieces(&self) -> u64 {
        pieces(self.start.0 & 0xfff, self.length)
    }

    /// Whether one of `length` bytes from `place` on, in one page, is the block's.
    fn touches(&self, place: Place, length: u32) -> bool {
        self.start.0 < place.0 + length && place.0 < self.start.0 + self.length
    }
}

/// Most instructions of a block.
pub const MAX_BLOCK: usize = 64;
/// Blocks beyond which everything decoded is dropped: what a guest can make us hold is bounded.
const MAX_BLOCKS: usize = 200_000;
const FRONT: usize = 8192;
/// Addresses of a page.
const PAGE: usize = 4096;

/// A bit for each piece of a page: bit n stands for bytes 64 n to 64 n + 63.
type Pieces = u64;

#[derive(Default)]
struct CodePage {
    /// Those that hold decoded or bound code.
    pieces: Pieces,
    /// By mode and offset.
    blocks: PageMap<u16, Rc<Block>>,
    /// Regions bound to this page, and where their code is.
    regions: Vec<(u32, Pieces)>,
}

impl CodePage {
    /// Drops the blocks that a write touched, and gives the regions that it may have touched. What is left has its pieces.
    fn drop_written(&mut self, place: Place, length: u32) -> Vec<u32> {
        let written = pieces(place.0 & 0xfff, length);
        self.pieces = 0;
        self.blocks.retain(|_, block| {
            block.dropped.set(block.touches(place, length));
            self.pieces |= if block.dropped.get() { 0 } else { block.pieces() };
            !block.dropped.get()
        });
        let mut unbound = Vec::new();
        self.regions.retain(|&(region, pieces)| {
            let stays = pieces & written == 0;
            if stays {
                self.pieces |= pieces;
            } else {
                unbound.push(region);
            }
            stays
        });
        unbound
    }
}

struct Front {
    rip: u64,
    generation: u64,
    block: Option<Rc<Block>>,
}

/// What is known of the code in the machine's memory.
pub struct CodeCache {
    pages: PageMap<u32, CodePage>,
    front: Box<[Front]>,
    blocks: usize,
}

impl Default for CodeCache {
    fn default() -> Self {
        let front = (0..FRONT).map(|_| Front { rip: 0, generation: 0, block: None }).collect();
        CodeCache { pages: PageMap::default(), front, blocks: 0 }
    }
}

/// What a block is found by in its page.
fn block_key(mode: CodeMode, start: Place) -> u16 {
    (mode as u16) << 12 | (start.0 & 0xfff) as u16
}

/// Those that `length` bytes from `offset` in a page touch.
fn pieces(offset: u32, length: u32) -> Pieces {
    let (first, last) = (offset / 64, (offset + length.max(1) - 1).min(4095) / 64);
    (u64::MAX >> (63 - (last - first))) << first
}

impl CodeCache {
    /// Which of [`FRONT`] places; those of one page's addresses are in one run of [`PAGE`], whatever the generation.
    #[inline(always)]
    fn front_index(rip: u64, generation: u64) -> usize {
        (rip ^ (rip >> 13) ^ ((generation >> 44) % PAGE as u64)) as usize % FRONT
    }

    /// The block at `rip`, if it was found there since the generation began.
    #[inline(always)]
    pub fn at(&self, rip: u64, generation: u64) -> Option<Rc<Block>> {
        let front = &self.front[Self::front_index(rip, generation)];
        if front.rip != rip || front.generation != generation {
            return None;
        }
        front.block.as_ref().filter(|block| !block.dropped.get()).cloned()
    }

    /// Remembers which block is at `rip` in this generation.
    pub fn remember(&mut self, rip: u64, generation: u64, block: Rc<Block>) {
        self.front[Self::front_index(rip, generation)] = Front { rip, generation, block: Some(block) };
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
        let page = self.pages.entry(block.start.page()).or_default();
        let fresh = page.pieces == 0;
        page.pieces |= block.pieces();
        page.blocks.insert(block_key(block.mode, block.start), block);
        fresh
    }

    /// Marks `length` bytes of one page as code of a bound region. Returns whether the page had no code before.
    pub fn bind(&mut self, place: Place, length: u32, region: u32) -> bool {
        let page = self.pages.entry(place.page()).or_default();
        let fresh = page.pieces == 0;
        let touched = pieces(place.0 & 0xfff, length);
        page.pieces |= touched;
        match page.regions.iter_mut().find(|(bound, _)| *bound == region) {
            Some((_, pieces)) => *pieces |= touched,
            None => page.regions.push((region, touched)),
        }
        fresh
    }

    /// Whether the page has code: such a page is not in the write TLB.
    #[inline]
    pub fn has_code(&self, page: u32) -> bool {
        self.pages.contains_key(&page)
    }

    /// Tells of a write of `length` bytes, in one page. If it touched code, forgets what it touched and gives the regions
    /// that were bound there.
    pub fn written(&mut self, place: Place, length: u32) -> Option<Vec<u32>> {
        let page = self.pages.get_mut(&place.page())?;
        if page.pieces & pieces(place.0 & 0xfff, length) == 0 {
            return None;
        }
        let before = page.blocks.len();
        let unbound = page.drop_written(place, length);
        self.blocks -= before - page.blocks.len();
        if page.pieces == 0 {
            self.pages.remove(&place.page());
        }
        Some(unbound)
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
        self.front.iter_mut().for_each(Front::forget);
    }

    /// Forgets which blocks are at the addresses of a page.
    pub fn forget_page(&mut self, page: u64) {
        // The lower bits of its addresses are hashed to all numbers below 4096, in some order.
        let first = Self::front_index(page << 12, 0) / PAGE * PAGE;
        self.front[first..first + PAGE].iter_mut().filter(|front| front.rip >> 12 == page).for_each(Front::forget);
    }
}

impl Front {
    fn forget(&mut self) {
        self.generation = u64::MAX;
        self.block = None;
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
        let known = |code: &CodeCache, start: u32| {
            let found = code.at(0x1000 + u64::from(start & 0xfff), 1).is_some();
            assert_eq!(found, code.decoded(CodeMode::Long, Place(start)).is_some());
            found
        };
        for start in [0x5040, 0x507e, 0x507f] {
            let block = block(start);
            assert_eq!(code.insert(block.clone()), start == 0x5040);
            code.remember(0x1000 + u64::from(start & 0xfff), 1, block);
        }
        code.bind(Place(0x5100), 32, 7);
        assert!(code.written(Place(0x5000), 64).is_none());
        assert!(code.written(Place(0x5080), 8).is_none());
        assert_eq!(code.written(Place(0x507f), 1), Some(vec![]));
        assert!(known(&code, 0x5040) && known(&code, 0x507e) && !known(&code, 0x507f));
        assert_eq!(code.written(Place(0x5041), 0x3d + 1), Some(vec![]));
        assert!(known(&code, 0x5040) && !known(&code, 0x507e));
        assert_eq!(code.written(Place(0x5000), 0x140), Some(vec![7]));
        assert!(!known(&code, 0x5040) && !code.has_code(5) && code.blocks == 0);
    }

    #[test]
    fn the_addresses_of_one_page_are_forgotten() {
        let mut code = CodeCache::default();
        let addresses = [0x7fff_f000, 0x7fff_f123, 0x7fff_ffff, 0x7fff_e000, 0x8000_0000u64];
        for &address in &addresses {
            code.remember(address, 1, block(0x5000));
        }
        code.forget_page(0x7_ffff);
        assert_eq!(addresses.map(|address| code.at(address, 1).is_some()), [false, false, false, true, true]);
    }
}

//! Translated code: how it is called, bound to guest memory, and left.
//!
//! ```text
//! RIP ── jump cache ──► call region ──► exit ──► interpreter takes over, or the next region
//!   └ miss: the block's candidates ──► same bytes at every range? ──► stamp, jump cache, call
//! ```
//!
//! A region is *bound* when its stamp in the current address-space slot holds: its bytes were compared through the current
//! translations. Binding marks the pages as code, so that every write to them comes by here and unbinds it.

pub mod abi;
pub mod binding;
#[cfg(target_arch = "wasm32")]
mod exports;
pub mod helpers;
mod table;

use crate::interp::Block;
use crate::memory::{PAGE, Place};
use crate::mmu::canonical;
use crate::profile::{CodeAddress, Mode};
use crate::vm::{Counts, Mnemonics, Vm};
use abi::{ExitReason, LEFT};
use binding::{EntryPoint, key};
pub(crate) use table::Translated;
use x86::CodeMode;

/// What a region has to do with some code that one of its entries fits, the best first.
///
/// A region is bound at one base. Where code repeats, several of its entries may fit, each with a base of its own, and so may entries
/// of regions that were found elsewhere. None of these takes a region from where it is bound, or two places would take it from each
/// other for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It was found here.
    Home,
    /// It is bound here.
    Bound,
    /// It is bound nowhere.
    Free,
    /// It is bound elsewhere.
    Elsewhere,
}

impl Vm {
    /// Unbinds regions whose code was written to.
    pub(crate) fn unbind(&mut self, regions: &[u32]) {
        for &region in regions {
            self.translated.unbind(region);
        }
    }

    /// Runs translated code at RIP; whether there was some. What stopped it is then up to the interpreter.
    #[inline(always)]
    pub(crate) fn run_translated(&mut self) -> bool {
        if !self.translated.enabled() {
            return false;
        }
        let generation = self.generation();
        if !self.translated.known(self.cpu.rip, generation) && !self.find_region(generation) {
            return false;
        }
        let back = self.translated.call(self.cpu.rip, generation);
        if back != LEFT {
            // No region waited for that address.
            self.cpu.rip = back;
            self.cpu.exit_reason = ExitReason::Next as u32;
        }
        self.after_region();
        true
    }

    fn after_region(&mut self) {
        let reason = self.cpu.exit_reason as usize % ExitReason::ALL.len();
        self.counts.exits[reason] += 1;
        match ExitReason::ALL[reason] {
            ExitReason::Next => {}
            ExitReason::Stale => self.translated.forget_jump(self.cpu.rip, self.generation()),
            // The instruction after one without translation is an entry point.
            ExitReason::Unlifted if self.cpu.budget > 0 => self.interpret_counted(1, |counts| &mut counts.unlifted),
            ExitReason::Budget if self.cpu.budget > 0 && self.take_overtime() => {}
            ExitReason::Rare if self.cpu.budget > 0 => self.interpret_counted(usize::MAX, |counts| &mut counts.rare),
            ExitReason::Miss | ExitReason::Budget if self.cpu.budget > 0 => self.interpret(usize::MAX),
            _ => {}
        }
    }

    /// Interprets at most so many instructions from RIP on, and counts the first, for which the region was left.
    fn interpret_counted(&mut self, most: usize, by: fn(&mut Counts) -> &mut Mnemonics) {
        let Ok(block) = self.fetch() else { return self.interpret(most) };
        by(&mut self.counts).add(block.insns[0].mnemonic);
        self.interpret_block(&block, most);
    }

    /// Looks for a region to bind at RIP, and enters it in the jump cache.
    fn find_region(&mut self, generation: u64) -> bool {
        if self.mode != CodeMode::Long {
            return false;
        }
        // The fault of a fetch is the interpreter's to deliver.
        let Ok(block) = self.fetch() else { return false };
        // A page that the region is on may be mapped since: then it is worth another try.
        let attempt = generation + (self.spaces.new_pages() << 2);
        let CodeAddress { mode, address: here } = self.code_address(self.cpu.rip, block.start);
        if block.tried.get() == attempt || block.unknown.get() & 1 << mode as u8 != 0 {
            return false;
        }
        let mut candidates = self.translated.candidates(self.block_key(&block, mode)).peekable();
        if candidates.peek().is_none() {
            block.unknown.set(block.unknown.get() | 1 << mode as u8);
        }
        let claims = candidates.map(|candidate| (self.claim(candidate, mode, here), candidate));
        let mut claims: Vec<_> = claims.filter(|(claim, _)| *claim != Claim::Elsewhere).collect();
        claims.sort_by_key(|(claim, candidate)| (candidate.region, *claim));
        let mut found = None;
        // All regions that can be are bound: a fixed exit of another one may lead to any of them.
        for (_, candidate) in claims {
            let base = self.base(candidate);
            if found == Some(candidate.region) || !self.bind(candidate.region, mode, base) {
                continue;
            }
            if found.is_none() {
                self.translated.enter_jump(self.cpu.rip, generation, base, candidate);
            }
            found = Some(candidate.region);
        }
        if found.is_none() {
            block.tried.set(attempt);
        }
        found.is_some()
    }

    fn block_key(&self, block: &Block, mode: Mode) -> u64 {
        let offset = block.start.0 & 0xfff;
        let rest = PAGE - offset as usize;
        key(mode, offset, self.memory.bytes(block.start, rest.min(block.insns[0].length.into())))
    }

    /// The base of a region whose entry is at RIP.
    fn base(&self, entry: EntryPoint) -> u64 {
        self.cpu.rip.wrapping_sub(entry.offset.into())
    }

    /// What a region has to do with the code at RIP, whose address in a profile is `here`.
    fn claim(&self, candidate: EntryPoint, mode: Mode, here: u64) -> Claim {
        if self.translated.home(candidate.region) == here.wrapping_sub(candidate.offset.into()) {
            return Claim::Home;
        }
        match self.bound_at(candidate.region, mode) {
            Some(bound) if bound == self.base(candidate) => Claim::Bound,
            Some(_) => Claim::Elsewhere,
            None => Claim::Free,
        }
    }

    /// Where a region is bound in the current generation.
    fn bound_at(&self, region: u32, mode: Mode) -> Option<u64> {
        let stamp = self.translated.stamp(region, mode, self.cpu.stamps);
        let base = stamp.wrapping_sub(self.stamp_generation(mode));
        // No other generation's stamp comes out canonical.
        canonical(base).then_some(base)
    }

    fn stamp_generation(&self, mode: Mode) -> u64 {
        if mode == Mode::Kernel { self.cpu.kernel_generation } else { self.cpu.user_generation }
    }

    /// Binds a region at `base` in the current address space, if its code is there.
    fn bind(&mut self, region: u32, mode: Mode, base: u64) -> bool {
        if !base.is_multiple_of(PAGE as u64) || self.translated.mode(region) != mode as u32 {
            return false;
        }
        let current = self.generation();
        if self.bound_at(region, mode) == Some(base) {
            return true;
        }
        let Some(pieces) = self.matching_places(region, base) else { return false };
        for (address, place, length) in pieces {
            if self.code.bind(place, length, region) {
                self.protect_code(place.page());
            }
            self.note_code_page(address, place, Some(region));
        }
        if self.generation() != current {
            // The generation ended on the way, and what was noted of the first pages with it.
            return false;
        }
        let stamp = base.wrapping_add(self.stamp_generation(mode));
        self.translated.set_stamp(region, mode, self.cpu.stamps, stamp);
        self.counts.bound += 1;
        true
    }

    /// Where the region's code lies, page by page, if its bytes are those that were translated.
    fn matching_places(&mut self, region: u32, base: u64) -> Option<Vec<(u64, Place, u32)>> {
        let mut pieces = Vec::new();
        for (offset, expected) in self.translated.ranges(region) {
            let mut done = 0;
            while done < expected.len() {
                let address = base.wrapping_add(u64::from(offset) + done as u64);
                let length = (PAGE - address as usize % PAGE).min(expected.len() - done);
                let place = self.fetch_place(address).ok()?;
                if self.memory.bytes(place, length) != &expected[done..done + length] {
                    return None;
                }
                pieces.push((address, place, length as u32));
                done += length;
            }
        }
        (!pieces.is_empty()).then_some(pieces)
    }
}

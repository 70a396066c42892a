//! Lifting: guest code to IR.
//!
//! ```text
//! bytes ─ piece ─► straight lines ─ dataflow ─► lazy flags at their starts ─ assemble ─► ir::Region
//! ```
//!
//! Each piece becomes a block. Beside them there are *stubs* (one for an entry point that must test something before its
//! block), blocks that only leave (one for each static exit), and the root, which goes to the entry point that was asked
//! for.

mod assemble;
mod constants;
mod dataflow;
mod exact;
mod flags;
mod float;
mod group;
mod machine;
mod memory;
mod ordinary;
mod piece;
mod privileged;
mod source;
mod vector;
mod x87;

pub use source::{
    Addresses, BranchHints, Calls, Chain, Checks, ColdChecks, FloatTests, Guesses, Helpers, Inlined, Jumps, LoopChecks,
    NoTargets, Options, Peeling, Placement, Privilege, Products, RegionSource, Registers, SourceBlock, SystemCode,
    TailCalls, Targets, Twins, WriteBack,
};

use crate::ir::{Builder, FlagsAt, Inst, Reg, Region, Value};
use anyhow::{Context, Result, ensure};
use piece::{Piece, Pieces, Site};
use std::collections::BTreeSet;

/// A lifted region.
#[derive(Debug, Clone)]
pub struct Lifted {
    /// The code.
    pub region: Region,
    /// Offsets of all entry points: those given, and after them those that calls of the region itself lead to, and where a
    /// callee or the interpreter comes back to.
    pub entries: Vec<i64>,
    /// Guest instructions that have a translation.
    pub lifted: u32,
    /// Guest instructions left to the interpreter: offset and mnemonic.
    pub unlifted: Vec<(i64, x86::Mnemonic)>,
}

/// Lifts a region.
///
/// # Errors
/// An entry point at which no block starts, or an instruction body that breaks its rules.
pub fn lift(source: &RegionSource, options: &Options) -> Result<Lifted> {
    let in_region = || format!("region {} ({})", source.index, source.name);
    let mut pieces = Pieces::new();
    let frames = std::iter::once(&source.blocks).chain(source.inlined.iter().map(|callee| &callee.blocks));
    for (frame, blocks) in frames.enumerate() {
        piece::cut(&mut pieces, frame, blocks, source.privilege, options).with_context(in_region)?;
    }
    piece::inline(&mut pieces, &source.inlined);
    for &entry in &source.entries {
        let found = pieces.contains_key(&Site::own(entry));
        ensure!(found, "{}: no block starts at entry point {entry:#x}", in_region());
    }
    ensure!(!source.entries.is_empty(), "{}: no entry point", in_region());
    let (pieces, entries) = reachable(pieces, &source.entries);
    assemble::assemble(pieces, entries, source.privilege, options).with_context(in_region)
}

/// What the entry points lead to, and the entry points with those that are found on the way.
fn reachable(mut pieces: Pieces, given: &[i64]) -> (Vec<Piece>, Vec<i64>) {
    let mut found = BTreeSet::new();
    let mut work: Vec<Site> = given.iter().copied().map(Site::own).collect();
    while let Some(site) = work.pop() {
        let Some(piece) = pieces.get(&site) else { continue };
        if !found.insert(site) {
            continue;
        }
        work.extend(piece.continues_at());
        work.extend(piece.called_back_at());
        work.extend(entered_by(piece));
    }
    let entered: BTreeSet<Site> = found.iter().flat_map(|site| entered_by(&pieces[site])).collect();
    let entered = entered.into_iter().filter(|site| found.contains(site)).map(|site| site.offset);
    let entries = given.iter().copied().chain(entered.filter(|offset| !given.contains(offset))).collect();
    pieces.retain(|site, _| found.contains(site));
    (pieces.into_values().collect(), entries)
}

/// Where the region is entered on account of a piece: at what it calls, and where the interpreter or a callee comes back.
/// An inlined callee is no place for that: there is the callee's own region.
fn entered_by(piece: &Piece) -> impl Iterator<Item = Site> + use<> {
    let resumed = piece.resumes_at.map(|at| piece.start.at(at));
    resumed.into_iter().chain(piece.callee()).filter(|site| site.frame == 0)
}

/// Records a block's instructions: the word of flags that the variables make under an operation, into
/// [`Reg::FLAG_DST`].
pub(crate) fn flags_word(region: &mut Region, op: x86::FlagOp, width: x86::Width) -> Vec<Value> {
    let state = flags::FlagState::At(FlagsAt::Known(op, width));
    let mut lifter = machine::Lifter::new(Builder::new(region), Privilege::User, Options::default(), state);
    let now = lifter.lazy_flags();
    let word = x86::flags::word(&mut lifter, now);
    lifter.builder.push(Inst::Set(Reg::FLAG_DST, word));
    lifter.builder.finish()
}

/// Whether an instruction is left to the interpreter, which goes on with the next.
pub fn leaves(insn: &x86::Insn, options: &Options) -> bool {
    piece::is_unlifted(insn, options)
}

//! Pieces: the source's blocks, decoded, and cut where control leaves a straight line. A piece becomes one block of IR.
//!
//! Each piece is recorded once for itself, to learn where its control goes (whether an instruction is translated shows
//! only when its body runs) and what it does to the flags.

use super::constants::Sets;
use super::dataflow::Leaves;
use super::flags::FlagState;
use super::machine::{Lifter, Outcome};
use super::source::{Inlined, Options, Privilege, SourceBlock};
use crate::ir::{Builder, FlagsAt, Inst, Region};
use crate::passes::dce;
use anyhow::{Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use x86::{Insn, Mnemonic};

/// A place in the region's code. A callee that is inlined has a frame for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site {
    pub(super) frame: usize,
    pub(super) offset: i64,
}

impl Site {
    /// A place in the region's own code, where alone it can be entered.
    pub(super) fn own(offset: i64) -> Site {
        Site { frame: 0, offset }
    }

    /// The place at another offset of the same frame.
    pub(super) fn at(self, offset: i64) -> Site {
        Site { offset, ..self }
    }
}

/// Where control goes after a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// To an offset: the instruction after the piece, or the target of a jump.
    To(i64),
    /// To the first offset under a condition, else to the second.
    Either(i64, i64),
    /// To a computed address.
    Indirect,
    /// To the interpreter.
    Unlifted,
}

/// What a transfer of control has to do with callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linkage {
    /// Nothing.
    Jump,
    /// The target comes back.
    Call,
    /// It goes back.
    Return,
}

/// A straight line of instructions.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) start: Site,
    /// Each with its offset. One without a translation is the last and does not retire.
    pub(super) insns: Vec<(i64, Insn)>,
    pub(super) next: Next,
    /// Offset at which the interpreter, or a callee, comes back.
    pub(super) resumes_at: Option<i64>,
    /// How its last instruction uses the stack of callers.
    pub(super) linkage: Linkage,
    /// Of a call, the callee's code if that is inlined; of an inlined callee's return, where the caller goes on.
    pub(super) inlined: Option<Site>,
    /// Of a jump (or SYSCALL) that leads out of an inlined callee, where that goes back to: who is jumped to returns there.
    pub(super) tail: Option<Site>,
    /// Whether it reads the flags that it starts with.
    pub(super) reads_flags: bool,
    pub(super) leaves: Leaves,
    /// What it sets registers to.
    pub(super) sets: Sets,
    /// How often it ran, where that is known.
    pub(super) runs: Option<u64>,
}

impl Piece {
    /// The places that control may go to within the region: calls that are not inlined leave it, even for itself.
    pub(super) fn continues_at(&self) -> Vec<Site> {
        match (self.inlined, self.linkage) {
            (Some(site), _) => vec![site],
            (None, Linkage::Call) => Vec::new(),
            (None, _) => self.successors(),
        }
    }

    /// Whether it leads out of these places. Code with jumps that are computed, but stay in the function, is not inlined.
    fn leads_out(&self, places: &BTreeSet<Site>) -> bool {
        self.next == Next::Indirect || self.successors().iter().any(|to| !places.contains(to))
    }

    /// The target of a call that leaves the region, if it is fixed.
    pub(super) fn callee(&self) -> Option<Site> {
        if self.linkage == Linkage::Call { self.successors().first().copied() } else { None }
    }

    /// Where a callee that is not inlined comes back.
    pub(super) fn called_back_at(&self) -> Option<Site> {
        let called = self.resumes_at.filter(|_| self.linkage == Linkage::Call && self.inlined.is_none());
        called.map(|at| self.start.at(at)).or(self.tail)
    }

    /// The places of the same frame that control may go to, without jumps whose target is computed.
    pub(super) fn successors(&self) -> Vec<Site> {
        match self.next {
            Next::To(to) => vec![self.start.at(to)],
            Next::Either(then, other) => vec![self.start.at(then), self.start.at(other)],
            Next::Indirect | Next::Unlifted => Vec::new(),
        }
    }
}

/// Pieces by where they start.
pub(super) type Pieces = BTreeMap<Site, Piece>;

/// Cuts the blocks of a frame into pieces.
///
/// # Errors
/// A body that could leave after it had changed state.
pub(super) fn cut(
    pieces: &mut Pieces,
    frame: usize,
    blocks: &[SourceBlock],
    privilege: Privilege,
    options: &Options,
) -> Result<()> {
    for block in blocks {
        let mut at = 0;
        while at < block.bytes.len() {
            let start = Site { frame, offset: block.offset.wrapping_add(at as i64) };
            let (piece, length) = first_piece(privilege, options, start, &block.bytes[at..])?;
            pieces.entry(start).or_insert(Piece { runs: block.runs, ..piece });
            if length == 0 {
                break;
            }
            at += length;
        }
    }
    Ok(())
}

/// Leads calls into the callees that are inlined, and these back. What does not fit stays a call, and where a callee ends with a jump
/// to another function, that becomes a call too, since the region is who waits for its return.
pub(super) fn inline(pieces: &mut Pieces, inlined: &[Inlined]) {
    let mut backs: BTreeMap<usize, Site> = BTreeMap::new();
    for (frame, callee) in (1..).zip(inlined) {
        let entry = Site { frame, offset: callee.entry };
        let calls = |piece: &&mut Piece| {
            piece.start.frame == callee.caller
                && piece.linkage == Linkage::Call
                && piece.insns.last().is_some_and(|(offset, _)| *offset == callee.site)
                && piece.next == Next::To(callee.entry)
        };
        if callee.caller >= frame || !pieces.contains_key(&entry) {
            continue;
        }
        for piece in pieces.values_mut().filter(calls) {
            piece.inlined = Some(entry);
            backs.extend(piece.resumes_at.map(|back| (frame, piece.start.at(back))));
        }
    }
    let known: BTreeSet<Site> = pieces.keys().copied().collect();
    for piece in pieces.values_mut() {
        let back = backs.get(&piece.start.frame).copied().filter(|back| known.contains(back));
        match piece.linkage {
            Linkage::Return => piece.inlined = back,
            Linkage::Jump if piece.runs != Some(0) && piece.leads_out(&known) => piece.tail = back,
            Linkage::Jump | Linkage::Call => {}
        }
    }
}

/// The piece at the start of `bytes`, and the bytes to the next; 0 where what follows is no instruction.
fn first_piece(privilege: Privilege, options: &Options, start: Site, bytes: &[u8]) -> Result<(Piece, usize)> {
    let offset = start.offset;
    let mut region = Region::new();
    let flags = FlagState::At(FlagsAt::Dynamic);
    let mut lifter = Lifter::new(Builder::new(&mut region), privilege, *options, flags);
    let mut insns = Vec::new();
    let mut at = 0;
    while at < bytes.len() && lifter.outcome.is_none() {
        let here = offset.wrapping_add(at as i64);
        let Ok(insn) = x86::decode_for(options.level, &bytes[at..]) else { break };
        lifter.lift(here, &insn);
        ensure!(!lifter.imprecise, "{:?} at {here:#x} may leave after it has changed state", insn.mnemonic);
        insns.push((here, insn));
        at += usize::from(insn.length);
    }
    lifter.commit();
    let end = offset.wrapping_add(at as i64);
    let decoded_all = at >= bytes.len() || lifter.outcome.is_some();
    let next = match lifter.outcome {
        None if decoded_all => Next::To(end),
        None | Some(Outcome::Unlifted) => Next::Unlifted,
        Some(Outcome::Jump(to)) => Next::To(to),
        Some(Outcome::Branch(_, to)) => Next::Either(to, end),
        Some(Outcome::Indirect(_) | Outcome::Across(_)) => Next::Indirect,
    };
    let linkage = match (lifter.outcome, insns.last().map(|(_, insn)| insn.mnemonic)) {
        (Some(Outcome::Jump(_) | Outcome::Indirect(_)), Some(Mnemonic::Call)) => Linkage::Call,
        (Some(Outcome::Indirect(_)), Some(Mnemonic::Ret)) => Linkage::Return,
        _ => Linkage::Jump,
    };
    let calls_kernel = insns.last().is_some_and(|(_, insn)| insn.mnemonic == Mnemonic::Syscall);
    let comes_back = lifter.outcome == Some(Outcome::Unlifted) || calls_kernel;
    let resumes_at = (linkage == Linkage::Call || comes_back).then_some(end);
    let leaves = match lifter.flags {
        FlagState::At(FlagsAt::Dynamic) => Leaves::Same,
        FlagState::At(known) => Leaves::Known(known),
        FlagState::Kept(_) => Leaves::Kept,
    };
    let sets = lifter.sets;
    let used = lifter.outcome.and_then(|outcome| outcome.operand());
    let order = lifter.builder.finish();
    let live = dce::live(&region, &order, used);
    let reads_flags = live.iter().any(|value| matches!(region.inst(*value), Inst::EntryFlags));
    let length = if decoded_all { at } else { 0 };
    let (inlined, tail, runs) = (None, None, None);
    Ok((Piece { start, insns, next, resumes_at, linkage, inlined, tail, reads_flags, leaves, sets, runs }, length))
}

/// Whether an instruction has no translation, even in the kernel.
pub(super) fn is_unlifted(insn: &Insn, options: &Options) -> bool {
    let mut region = Region::new();
    let flags = FlagState::At(FlagsAt::Dynamic);
    let mut lifter = Lifter::new(Builder::new(&mut region), Privilege::Kernel, *options, flags);
    lifter.lift(0, insn);
    lifter.outcome == Some(Outcome::Unlifted)
}

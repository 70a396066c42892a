//! Pieces: the source's blocks, decoded, and cut where control leaves a straight line. A piece becomes one block of IR.
//!
//! Each piece is recorded once for itself, to learn where its control goes (whether an instruction is translated shows
//! only when its body runs) and what it does to the flags.

use super::dataflow::Leaves;
use super::flags::FlagState;
use super::machine::{Lifter, Outcome};
use super::source::{Options, Privilege, SourceBlock};
use crate::ir::{Builder, FlagsAt, Inst, Region};
use crate::passes::dce;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use x86::{Insn, Mnemonic};

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
    pub(super) offset: i64,
    /// Each with its offset. One without a translation is the last and does not retire.
    pub(super) insns: Vec<(i64, Insn)>,
    pub(super) next: Next,
    /// Offset at which the interpreter, or a callee, comes back.
    pub(super) resumes_at: Option<i64>,
    /// How its last instruction uses the stack of callers.
    pub(super) linkage: Linkage,
    /// Whether it reads the flags that it starts with.
    pub(super) reads_flags: bool,
    pub(super) leaves: Leaves,
}

impl Piece {
    /// The offsets that control may go to within the region: calls leave it, even for itself.
    pub(super) fn continues_at(&self) -> Vec<i64> {
        if self.linkage == Linkage::Call { Vec::new() } else { self.successors() }
    }

    /// The target of a call, if it is fixed.
    pub(super) fn callee(&self) -> Option<i64> {
        if self.linkage == Linkage::Call { self.successors().first().copied() } else { None }
    }

    /// The offsets that control may go to, without calls and jumps whose target is computed.
    pub(super) fn successors(&self) -> Vec<i64> {
        match self.next {
            Next::To(to) => vec![to],
            Next::Either(then, other) => vec![then, other],
            Next::Indirect | Next::Unlifted => Vec::new(),
        }
    }
}

/// Cuts blocks into pieces, by their offsets.
///
/// # Errors
/// A body that could leave after it had changed state.
pub(super) fn cut(blocks: &[SourceBlock], privilege: Privilege, options: &Options) -> Result<BTreeMap<i64, Piece>> {
    let mut pieces = BTreeMap::new();
    for block in blocks {
        let mut at = 0;
        while at < block.bytes.len() {
            let offset = block.offset.wrapping_add(at as i64);
            let (piece, length) = first_piece(privilege, options, offset, &block.bytes[at..])?;
            pieces.entry(offset).or_insert(piece);
            if length == 0 {
                break;
            }
            at += length;
        }
    }
    Ok(pieces)
}

/// The piece at the start of `bytes`, and the bytes to the next; 0 where what follows is no instruction.
fn first_piece(privilege: Privilege, options: &Options, offset: i64, bytes: &[u8]) -> Result<(Piece, usize)> {
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
    let used = lifter.outcome.and_then(|outcome| outcome.operand());
    let order = lifter.builder.finish();
    let live = dce::live(&region, &order, used);
    let reads_flags = live.iter().any(|value| matches!(region.inst(*value), Inst::EntryFlags));
    let length = if decoded_all { at } else { 0 };
    Ok((Piece { offset, insns, next, resumes_at, linkage, reads_flags, leaves }, length))
}

/// Whether an instruction has no translation, even in the kernel.
pub(super) fn is_unlifted(insn: &Insn, options: &Options) -> bool {
    let mut region = Region::new();
    let flags = FlagState::At(FlagsAt::Dynamic);
    let mut lifter = Lifter::new(Builder::new(&mut region), Privilege::Kernel, *options, flags);
    lifter.lift(0, insn);
    lifter.outcome == Some(Outcome::Unlifted)
}

//! Pieces to a region: blocks recorded with the flags known, edges resolved, stubs and exits added.

use super::Lifted;
use super::constants::{Constants, Sets};
use super::dataflow::{self, Plan, Summary};
use super::flags::FlagState;
use super::machine::{Lifter, Outcome};
use super::piece::{Linkage, Next, Piece, Site};
use super::source::{Options, Privilege, Products};
use crate::ir::{Block, BlockId, Builder, Exit, ExitKind, FlagsAt, Inst, Reg, Region, Terminator, Value};
use anyhow::{Result, ensure};
use runtime::translated::abi::ExitReason;
use std::collections::{BTreeMap, BTreeSet};
use x86::{Compare, Width};

struct Assembly {
    region: Region,
    privilege: Privilege,
    options: Options,
    pieces: Vec<Piece>,
    plan: Plan,
    constants: Constants,
    numbers: BTreeMap<Site, BlockId>,
    /// Blocks beside the pieces' that leave, and whose.
    aside: Vec<(BlockId, usize)>,
}

/// Makes a region of the pieces, which the entry points reach.
///
/// # Errors
/// Flags that are read where they cannot be known, which would be a defect of the plan.
pub(super) fn assemble(
    pieces: Vec<Piece>,
    entries: Vec<i64>,
    privilege: Privilege,
    options: &Options,
) -> Result<Lifted> {
    let numbers: BTreeMap<Site, BlockId> = (0..).map(BlockId).zip(&pieces).map(|(id, p)| (p.start, id)).collect();
    let plan = dataflow::solve(&summaries(&pieces, &numbers, &entries));
    let region = Region { wide_products: options.products == Products::Wide, ..Region::new() };
    let constants = Sets::constants(pieces.iter().map(|piece| &piece.sets));
    let mut assembly =
        Assembly { region, privilege, options: *options, pieces, plan, constants, numbers, aside: Vec::new() };
    assembly.reserve();
    for number in 0..assembly.pieces.len() {
        assembly.block(number)?;
    }
    let stubs = assembly.root(&entries);
    assembly.pair_calls(stubs);
    let (mut lifted, mut unlifted) = (0, Vec::new());
    for piece in &assembly.pieces {
        lifted += piece.insns.len() as u32;
        if let (Next::Unlifted, Some((offset, insn))) = (piece.next, piece.insns.last()) {
            lifted -= 1;
            unlifted.push((*offset, insn.mnemonic));
        }
    }
    Ok(Lifted { region: assembly.region, entries, lifted, unlifted })
}

fn summaries(pieces: &[Piece], numbers: &BTreeMap<Site, BlockId>, entries: &[i64]) -> Vec<Summary> {
    let known = |site: &Site| numbers.get(site).map(|id| id.index());
    let returned_to: BTreeSet<Site> = pieces.iter().filter_map(Piece::called_back_at).collect();
    pieces
        .iter()
        .map(|piece| Summary {
            reads: piece.reads_flags,
            leaves: piece.leaves,
            entry: returned_to.contains(&piece.start)
                || piece.start.frame == 0 && entries.contains(&piece.start.offset),
            returned_to: returned_to.contains(&piece.start),
            successors: piece.continues_at().iter().filter_map(known).collect(),
        })
        .collect()
}

impl Assembly {
    /// Blocks of the pieces come first, under the pieces' numbers.
    fn reserve(&mut self) {
        for (piece, &flags) in self.pieces.iter().zip(&self.plan.starts) {
            // The terminator is replaced when the block is recorded.
            let empty = Block::empty(piece.start.offset, flags, Terminator::Switch(Vec::new()));
            self.region.add_block(Block { runs: piece.runs, ..empty });
        }
    }

    fn block(&mut self, number: usize) -> Result<()> {
        let piece = &self.pieces[number];
        let explicit = self.plan.explicit[number];
        let successors: Vec<_> = piece.continues_at().iter().filter_map(|site| self.numbers.get(site)).collect();
        let dynamic = successors.iter().any(|id| self.plan.starts[id.index()] == FlagsAt::Dynamic);
        let flags = FlagState::At(self.plan.starts[number]);
        let mut lifter = Lifter::new(Builder::new(&mut self.region), self.privilege, self.options, flags);
        lifter.constants = self.constants;
        for (offset, insn) in &piece.insns {
            lifter.lift(*offset, insn);
        }
        lifter.commit();
        if piece.next != Next::Unlifted {
            lifter.settle_flags(explicit, dynamic);
        }
        let (flags, retired, held, outcome) = (lifter.flags.at(), lifter.retired, lifter.held, lifter.outcome);
        for id in successors {
            let expected = self.plan.starts[id.index()];
            let fits = expected == FlagsAt::Dynamic || expected == flags;
            ensure!(fits, "block {:#x} leaves {flags:?} where {expected:?} is expected", piece.start.offset);
        }
        let insts = lifter.builder.finish();
        let end = piece.insns.last().map_or(piece.start.offset, |(at, insn)| at.wrapping_add(i64::from(insn.length)));
        let terminator = self.terminator(number, outcome, end, retired, flags);
        let block = &mut self.region.blocks[number];
        (block.insts, block.retired, block.held, block.terminator) = (insts, retired, held, terminator);
        Ok(())
    }

    fn terminator(
        &mut self,
        number: usize,
        outcome: Option<Outcome>,
        end: i64,
        retired: u32,
        flags: FlagsAt,
    ) -> Terminator {
        let Piece { start, next, linkage, inlined, .. } = self.pieces[number];
        let last = self.pieces[number].insns.last().map(|(at, _)| *at);
        let inlined = inlined.and_then(|site| self.numbers.get(&site)).copied();
        let mut leave = |kind, offset, target| {
            let exit = self.region.add_exit(Exit { kind, offset, retired, flags });
            Terminator::Leave { exit, target }
        };
        match outcome {
            Some(Outcome::Unlifted) => leave(ExitKind::Side(ExitReason::Unlifted), last.unwrap_or(start.offset), None),
            // What follows is no instruction: the interpreter finds out which fault that is.
            None if next == Next::Unlifted => leave(ExitKind::Side(ExitReason::Unlifted), end, None),
            Some(Outcome::Indirect(target)) => {
                let kind = match linkage {
                    Linkage::Return => ExitKind::Return,
                    Linkage::Call | Linkage::Jump => ExitKind::Indirect,
                };
                let offset = last.unwrap_or(end);
                match inlined {
                    Some(back) => {
                        let exit = self.region.add_exit(Exit { kind, offset, retired, flags });
                        Terminator::Return { exit, target, back }
                    }
                    None => leave(kind, offset, Some(target)),
                }
            }
            Some(Outcome::Across(target)) => leave(ExitKind::Across, end, Some(target)),
            Some(Outcome::Jump(to)) if linkage == Linkage::Call => match inlined {
                Some(callee) => Terminator::Jump(callee),
                None => leave(ExitKind::Static, to, None),
            },
            Some(Outcome::Jump(to)) => self.jump(start.at(to), retired, flags),
            None => self.jump(start.at(end), retired, flags),
            Some(Outcome::Branch(condition, to)) => {
                let [then, other] = [to, end].map(|offset| self.destination(number, start.at(offset), flags));
                Terminator::Branch { condition, then, other }
            }
        }
    }

    fn jump(&mut self, to: Site, retired: u32, flags: FlagsAt) -> Terminator {
        match self.numbers.get(&to) {
            Some(&block) => Terminator::Jump(block),
            None => {
                let exit = self.region.add_exit(Exit { kind: ExitKind::Static, offset: to.offset, retired, flags });
                Terminator::Leave { exit, target: None }
            }
        }
    }

    /// The block at a place that a piece leads to; where the region has none, one that leaves for it.
    fn destination(&mut self, piece: usize, to: Site, flags: FlagsAt) -> BlockId {
        match self.numbers.get(&to) {
            Some(&block) => block,
            None => {
                let terminator = self.jump(to, 0, flags);
                let block = self.region.add_block(Block::empty(to.offset, flags, terminator));
                self.aside.push((block, piece));
                block
            }
        }
    }

    /// Adds the root; gives the entry points' stubs.
    fn root(&mut self, entries: &[i64]) -> BTreeMap<Site, BlockId> {
        let sites: Vec<Site> = entries.iter().copied().map(Site::own).collect();
        let targets: Vec<BlockId> = sites.iter().map(|site| self.stub(self.numbers[site])).collect();
        let stubs = sites.into_iter().zip(targets.iter().copied()).collect();
        let terminator = match targets[..] {
            [only] => Terminator::Jump(only),
            _ => Terminator::Switch(targets),
        };
        self.region.root = self.region.add_block(Block::empty(entries[0], FlagsAt::Dynamic, terminator));
        stubs
    }

    /// Calls, and jumps out of an inlined callee, come back to the stub of the instruction after the call; in an inlined callee, that is
    /// no entry point.
    fn pair_calls(&mut self, mut stubs: BTreeMap<Site, BlockId>) {
        let own = (0..self.pieces.len()).map(|number| (BlockId(number as u32), number));
        for (block, piece) in own.chain(std::mem::take(&mut self.aside)).collect::<Vec<_>>() {
            let back = self.pieces[piece].called_back_at().filter(|site| self.numbers.contains_key(site));
            let Terminator::Leave { exit, target } = self.region.block(block).terminator else { continue };
            if let Some(site) = back {
                let back = *stubs.entry(site).or_insert_with(|| self.stub(self.numbers[&site]));
                self.region.blocks[block.index()].terminator = Terminator::Call { exit, target, back };
            }
        }
    }

    /// What an entry point goes through before its block, if that reads the flags. A word of flags is computed of any;
    /// where a certain operation is expected (at loop heads, mostly), others are left to the interpreter, which soon
    /// comes back with it.
    fn stub(&mut self, block: BlockId) -> BlockId {
        let offset = self.region.block(block).offset;
        let mut insts = Vec::new();
        if let FlagsAt::Known(op, w) = self.plan.starts[block.index()]
            && self.plan.reads[block.index()]
        {
            let explicit = FlagsAt::Known(op, w) == FlagsAt::EXPLICIT;
            insts = if explicit { self.flags_word() } else { self.flags_guard(offset, op.pack(w)) };
        }
        let mut stub = Block::empty(offset, FlagsAt::Dynamic, Terminator::Jump(block));
        stub.insts = insts;
        self.region.add_block(stub)
    }

    fn flags_guard(&mut self, offset: i64, packed: u32) -> Vec<Value> {
        let kind = ExitKind::Side(ExitReason::Rare);
        let exit = self.region.add_exit(Exit { kind, offset, retired: 0, flags: FlagsAt::Dynamic });
        let mut builder = Builder::new(&mut self.region);
        let op = builder.get(Reg::FLAG_OP);
        let expected = builder.constant(packed.into());
        let condition = builder.compare(Compare::Ne, Width::W64, op, expected);
        builder.push(Inst::ExitIf { condition, exit });
        builder.finish()
    }

    fn flags_word(&mut self) -> Vec<Value> {
        let mut builder = Builder::new(&mut self.region);
        let op = builder.get(Reg::FLAG_OP);
        let operands = [Reg::FLAG_DST, Reg::FLAG_SRC, Reg::FLAG_CARRY].map(|reg| builder.get(reg));
        let word = builder.push(Inst::FlagsWord { op, operands });
        builder.set(Reg::FLAG_DST, word);
        builder.finish()
    }
}

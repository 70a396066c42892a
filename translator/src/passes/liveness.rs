//! Liveness of the variables over the region, and what may differ from the processor's state where the region is left.
//!
//! Leaving uses what must be written back there: the variables set on some way there, and for a side exit what else is stored
//! from its rung of the [`Ladder`] on; of the flags what their operation needs. After a call nothing differs, and what is live
//! is loaded again.

use super::dce;
use super::ladder::Ladder;
use crate::ir::{BlockId, ExitId, ExitKind, FlagsAt, Inst, RegSet, Region};
use crate::lift::WriteBack;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    /// For each block the variables that it, or what follows, reads before setting them.
    pub live_in: Vec<RegSet>,
    /// For each block the variables that may have been set when it ends.
    pub dirty_out: Vec<RegSet>,
    /// What side exits write back.
    pub ladder: Ladder,
}

impl Liveness {
    /// What is written back where `block` leaves by an exit.
    pub fn written_back(&self, region: &Region, block: BlockId, id: ExitId) -> RegSet {
        let exit = &region.exits[id.index()];
        let stored = match exit.kind {
            ExitKind::Side(_) => self.ladder.stored_from(self.ladder.rung(id)),
            ExitKind::Static | ExitKind::Indirect | ExitKind::Return | ExitKind::Across => {
                self.dirty_out[block.index()]
            }
        };
        let state = stored.minus(RegSet::FLAGS);
        match exit.flags {
            FlagsAt::Dynamic if stored.intersection(RegSet::FLAGS).is_empty() => state,
            flags => state.union(flags.registers()),
        }
    }
}

/// Removes sets that nobody sees and what only they used, and gives what then holds.
pub fn run(region: &mut Region, write_back: WriteBack) -> Liveness {
    dce::run(region);
    loop {
        let liveness = analyse(region, write_back);
        if !remove_dead_sets(region, &liveness) {
            return liveness;
        }
        dce::run(region);
    }
}

fn analyse(region: &Region, write_back: WriteBack) -> Liveness {
    let dirty_in = dirty_in(region);
    let dirty_out =
        region.block_ids().map(|id| leaves_dirty(region, id, dirty_in[id.index()], sets(region, id))).collect();
    let mut differing = differing(region, &dirty_in);
    if write_back == WriteBack::All {
        let all = differing.iter().fold(RegSet::EMPTY, |all, set| all.union(*set));
        differing.fill(all);
    }
    let ladder = Ladder::new(&differing);
    let mut liveness = Liveness { live_in: vec![RegSet::EMPTY; region.blocks.len()], dirty_out, ladder };
    loop {
        let mut changed = false;
        for id in region.block_ids().rev() {
            let live = walk(region, &liveness, id, |_| {});
            changed |= live != liveness.live_in[id.index()];
            liveness.live_in[id.index()] = live;
        }
        if !changed {
            return liveness;
        }
    }
}

/// What may differ from the processor's state at the end of a block.
fn leaves_dirty(region: &Region, id: BlockId, dirty: RegSet, sets: RegSet) -> RegSet {
    let block = region.block(id);
    dirty.minus(block.loaded).union(sets).minus(block.stored)
}

/// The variables that a block sets.
pub(super) fn sets(region: &Region, id: BlockId) -> RegSet {
    region.block(id).insts.iter().fold(RegSet::EMPTY, |all, value| match region.inst(*value) {
        Inst::Set(reg, _) => all.with(*reg),
        _ => all,
    })
}

/// For each block the variables that may have been set when it begins.
pub(super) fn dirty_in(region: &Region) -> Vec<RegSet> {
    let sets: Vec<RegSet> = region.block_ids().map(|id| sets(region, id)).collect();
    let mut dirty = vec![RegSet::EMPTY; region.blocks.len()];
    loop {
        let mut changed = false;
        for id in region.block_ids() {
            let out = leaves_dirty(region, id, dirty[id.index()], sets[id.index()]);
            for to in region.block(id).terminator.continues_at() {
                let more = dirty[to.index()].union(out);
                changed |= more != dirty[to.index()];
                dirty[to.index()] = more;
            }
        }
        if !changed {
            return dirty;
        }
    }
}

/// For each side exit the variables that may differ there from the processor's state.
fn differing(region: &Region, dirty_in: &[RegSet]) -> Vec<RegSet> {
    let mut differing = vec![RegSet::EMPTY; region.exits.len()];
    let mut leaves = |id: ExitId, dirty: RegSet| {
        let exit = &region.exits[id.index()];
        if let ExitKind::Side(_) = exit.kind {
            let set = &mut differing[id.index()];
            *set = set.union(dirty);
            if exit.flags != FlagsAt::Dynamic {
                // The operation may be another than the state's, though no variable was set.
                *set = set.union(RegSet::FLAGS);
            }
        }
    };
    for id in region.block_ids() {
        let block = region.block(id);
        let mut dirty = dirty_in[id.index()];
        if let Some(check) = block.check {
            leaves(check.exit, dirty);
        }
        dirty = dirty.minus(block.loaded);
        for value in &block.insts {
            let inst = region.inst(*value);
            if let Some(exit) = inst.exit() {
                leaves(exit, dirty);
            }
            if let Inst::Set(reg, _) = inst {
                dirty = dirty.with(*reg);
            }
        }
        if let Some(exit) = block.terminator.exit() {
            leaves(exit, dirty.minus(block.stored));
        }
    }
    differing
}

/// Goes through a block backwards. `dead` sees the position of each set that nobody reads. Gives what is live at the start.
fn walk(region: &Region, liveness: &Liveness, id: BlockId, mut dead: impl FnMut(usize)) -> RegSet {
    let block = region.block(id);
    let mut live =
        block.terminator.continues_at().iter().fold(RegSet::EMPTY, |all, to| all.union(liveness.live_in[to.index()]));
    let leaving = |exit: ExitId| liveness.written_back(region, id, exit);
    if let Some(exit) = block.terminator.exit() {
        live = live.union(leaving(exit));
    }
    live = live.union(block.stored);
    for (position, value) in block.insts.iter().enumerate().rev() {
        let inst = region.inst(*value);
        if let Some(exit) = inst.exit() {
            live = live.union(leaving(exit));
        }
        match inst {
            Inst::Get(reg) => live = live.with(*reg),
            Inst::Set(reg, _) => {
                if !live.contains(*reg) {
                    dead(position);
                }
                live = live.without(*reg);
            }
            _ => {}
        }
    }
    live = live.minus(block.loaded);
    match block.check {
        Some(check) => live.union(leaving(check.exit)),
        None => live,
    }
}

fn remove_dead_sets(region: &mut Region, liveness: &Liveness) -> bool {
    let mut any = false;
    for id in region.block_ids() {
        let mut dead = Vec::new();
        walk(region, liveness, id, |position| dead.push(position));
        any |= !dead.is_empty();
        // Positions come last first, so removing one leaves the others.
        let insts = &mut region.blocks[id.index()].insts;
        for position in dead {
            insts.remove(position);
        }
    }
    any
}

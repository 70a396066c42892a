//! Liveness of the variables over the region, and what may differ from the processor's state where the region is left.
//!
//! Leaving uses what must be written back there: for a side exit all variables that the region ever sets (one piece of
//! code serves all of them), for a block's end those set on some way there; of the flags what their operation needs. After
//! a call nothing differs, and what is live is loaded again.

use super::dce;
use crate::ir::{BlockId, Exit, ExitId, ExitKind, FlagsAt, Inst, RegSet, Region};

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Liveness {
    /// For each block the variables that it, or what follows, reads before setting them.
    pub live_in: Vec<RegSet>,
    /// For each block the variables that may have been set when it ends.
    pub dirty_out: Vec<RegSet>,
    /// The variables that the region sets anywhere.
    pub dirty: RegSet,
}

impl Liveness {
    /// What is written back where `block` leaves by `exit`.
    pub fn written_back(&self, block: BlockId, exit: &Exit) -> RegSet {
        let dirty = match exit.kind {
            ExitKind::Side(_) => self.dirty,
            ExitKind::Static | ExitKind::Indirect | ExitKind::Return | ExitKind::Across => {
                self.dirty_out[block.index()]
            }
        };
        let state = dirty.minus(RegSet::FLAGS);
        match exit.flags {
            FlagsAt::Dynamic if dirty.intersection(RegSet::FLAGS).is_empty() => state,
            flags => state.union(flags.registers()),
        }
    }
}

/// Removes sets that nobody sees and what only they used, and gives what then holds.
pub fn run(region: &mut Region) -> Liveness {
    dce::run(region);
    loop {
        let liveness = analyse(region);
        if !remove_dead_sets(region, &liveness) {
            return liveness;
        }
        dce::run(region);
    }
}

fn analyse(region: &Region) -> Liveness {
    let sets: Vec<RegSet> = region.block_ids().map(|id| sets(region, id)).collect();
    let dirty = sets.iter().fold(RegSet::EMPTY, |all, set| all.union(*set));
    let dirty_out = dirty_out(region, &sets);
    let mut liveness = Liveness { live_in: vec![RegSet::EMPTY; region.blocks.len()], dirty_out, dirty };
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

fn sets(region: &Region, id: BlockId) -> RegSet {
    region.block(id).insts.iter().fold(RegSet::EMPTY, |all, value| match region.inst(*value) {
        Inst::Set(reg, _) => all.with(*reg),
        _ => all,
    })
}

fn dirty_out(region: &Region, sets: &[RegSet]) -> Vec<RegSet> {
    let mut out = sets.to_vec();
    loop {
        let mut changed = false;
        for id in region.block_ids() {
            for to in region.block(id).terminator.continues_at() {
                let more = out[to.index()].union(out[id.index()]);
                changed |= more != out[to.index()];
                out[to.index()] = more;
            }
        }
        if !changed {
            return out;
        }
    }
}

/// Goes through a block backwards. `dead` sees the position of each set that nobody reads. Gives what is live at the start.
fn walk(region: &Region, liveness: &Liveness, id: BlockId, mut dead: impl FnMut(usize)) -> RegSet {
    let block = region.block(id);
    let mut live =
        block.terminator.continues_at().iter().fold(RegSet::EMPTY, |all, to| all.union(liveness.live_in[to.index()]));
    let leaving = |exit: ExitId| liveness.written_back(id, &region.exits[exit.index()]);
    if let Some(exit) = block.terminator.exit() {
        live = live.union(leaving(exit));
    }
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

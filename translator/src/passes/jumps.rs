//! Indirect jumps to the region's own entry points stay in it: the cases of a switch, the operations of an interpreter.
//!
//! Leaving and coming back would store and load every register and test the stamp. Here the target is compared with the
//! entry points that the profile names, by halves where they are many, and the root's switch leads on. What is none of them
//! leaves as before.

use crate::ir::{Block, BlockId, Builder, ExitKind, FlagsAt, Inst, Reg, Region, Temp, Terminator};
use crate::lift::Targets;
use std::collections::BTreeMap;
use x86::{BinOp, Compare, Width};

/// Most entry points that one jump is compared with.
const MOST_TARGETS: usize = 32;
/// So many are compared one after the other.
const FEW: usize = 3;

/// Where a jump stands: its offset, and the flags there.
#[derive(Clone, Copy)]
struct Site {
    offset: i64,
    flags: FlagsAt,
    target: Temp,
}

/// Runs the pass; entry points have their numbers by their place in `entries`.
pub fn run(region: &mut Region, entries: &[i64], targets: &dyn Targets) {
    let numbers: BTreeMap<i64, u32> = entries.iter().copied().zip(0..).collect();
    for id in region.block_ids() {
        let Terminator::Leave { exit, target: Some(target) } = region.block(id).terminator else { continue };
        let leaving = region.exits[exit.index()];
        if leaving.kind != ExitKind::Indirect {
            continue;
        }
        let near = targets.jumps(leaving.offset).into_iter().filter_map(|to| Some((to, *numbers.get(&to)?)));
        let near: BTreeMap<i64, u32> = near.take(MOST_TARGETS).collect();
        if near.is_empty() {
            continue;
        }
        let site = Site { offset: leaving.offset, flags: leaving.flags, target: region.add_temp() };
        // What the block retires is carried on.
        region.exits[exit.index()].retired -= region.block(id).retired;
        let mut builder = Builder::new(region);
        let value = builder.push(Inst::Temp(site.target));
        let insts = builder.finish();
        let leave = Block { insts, ..site.block(Terminator::Leave { exit, target: Some(value) }) };
        let leave = region.add_block(leave);
        let steps: Vec<(i64, BlockId)> =
            near.into_iter().map(|(to, number)| (to, step(region, site, number))).collect();
        let first = compare(region, site, &steps, leave);
        let mut builder = Builder::new(region);
        builder.push(Inst::SetTemp(site.target, target));
        // The root expects the operation of the lazy flags in its variable.
        if let FlagsAt::Known(op, w) = site.flags {
            let packed = builder.constant(op.pack(w).into());
            builder.set(Reg::FLAG_OP, packed);
        }
        let set = builder.finish();
        let block = &mut region.blocks[id.index()];
        block.insts.extend(set);
        block.terminator = Terminator::Jump(first);
    }
}

impl Site {
    fn block(self, terminator: Terminator) -> Block {
        Block::empty(self.offset, self.flags, terminator)
    }
}

/// Goes to an entry point by way of the root.
fn step(region: &mut Region, site: Site, number: u32) -> BlockId {
    let root = region.root;
    region.add_block(Block { select: Some(number), ..site.block(Terminator::Jump(root)) })
}

/// Compares the target with ascending offsets; gives the first block.
fn compare(region: &mut Region, site: Site, steps: &[(i64, BlockId)], leave: BlockId) -> BlockId {
    match steps {
        [] => leave,
        [(offset, step), rest @ ..] if steps.len() <= FEW => {
            let other = compare(region, site, rest, leave);
            branch(region, site, Compare::Eq, *offset, *step, other)
        }
        _ => {
            let (low, high) = steps.split_at(steps.len() / 2);
            let (first, middle) = (compare(region, site, low, leave), high.first().map_or(0, |(offset, _)| *offset));
            let second = compare(region, site, high, leave);
            branch(region, site, Compare::LtUnsigned, middle, first, second)
        }
    }
}

fn branch(region: &mut Region, site: Site, op: Compare, offset: i64, then: BlockId, other: BlockId) -> BlockId {
    let mut builder = Builder::new(region);
    let (target, base, offset) = (builder.push(Inst::Temp(site.target)), builder.push(Inst::Base), offset as u64);
    let offset = builder.constant(offset);
    let address = builder.bin(BinOp::Add, Width::W64, base, offset);
    let condition = builder.compare(op, Width::W64, target, address);
    let insts = builder.finish();
    region.add_block(Block { insts, ..site.block(Terminator::Branch { condition, then, other }) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};
    use crate::passes;

    struct Everywhere;

    impl Targets for Everywhere {
        fn resolve(&self, _: i64) -> Option<crate::lift::Chain> {
            None
        }

        fn jumps(&self, _: i64) -> Vec<i64> {
            vec![0x40, 0x10, 0x20, 0x30, 0x77]
        }
    }

    /// Five jumps through RAX, each entered, all to four of them.
    #[test]
    fn a_jump_is_compared_with_entry_points_by_halves() {
        let offsets = [0, 0x10, 0x20, 0x30, 0x40];
        let blocks = offsets
            .map(|offset| SourceBlock { offset, bytes: vec![0x48, 0xff, 0xc0, 0xff, 0xe0], runs: None })
            .to_vec();
        let (entries, inlined) = (offsets.to_vec(), Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name: "t".into(), blocks, entries, inlined };
        let lifted = lift(&source, &Options::default()).unwrap();
        let mut region = lifted.region;
        run(&mut region, &lifted.entries, &Everywhere);
        passes::run(&mut region, &Options::default()).unwrap();
        let branches = region.blocks.iter().filter(|block| matches!(block.terminator, Terminator::Branch { .. }));
        assert_eq!(branches.count(), 5 * 5, "{region}");
        let steps = region.blocks.iter().filter(|block| block.select.is_some());
        assert_eq!(steps.count(), 5 * 4, "{region}");
    }
}

//! Indirect jumps to the region's own entry points stay in it: the cases of a switch, the operations of an interpreter.
//!
//! Leaving and coming back would store and load every register and test the stamp. Here a jump to few entry points compares its
//! target with those that the profile names, and the root's switch leads on. Where they are many, the root's switch goes by a
//! [`hash`](mod@super::hash) of the target, which then is compared:
//!
//! ```text
//! target = …                       the jump's block
//! selector = entries + hash(target - base)
//! root: switch selector            entry points first, then a place for each hash
//! place: unless target = base + offset of the entry point: the next one of this hash, or leave
//! ```
//!
//! What is none of them leaves as before.

use super::hash::{self, Hash};
use crate::ir::{Block, BlockId, Builder, Exit, ExitId, ExitKind, FlagsAt, Inst, Reg, Region, Temp, Terminator, Value};
use crate::lift::Targets;
use std::collections::{BTreeMap, BTreeSet};
use x86::{BinOp, Compare, Width};

/// So many entry points are compared with, by halves where they are more than [`IN_ORDER`].
const FEW: usize = 8;
/// So many are compared one after the other.
const IN_ORDER: usize = 3;

/// An indirect jump to entry points of its own region.
struct Site {
    block: BlockId,
    exit: Exit,
    target: Value,
    /// Offsets of the entry points that it went to, and their numbers.
    near: BTreeMap<i64, u32>,
}

/// Runs the pass; entry points have their numbers by their place in `entries`.
pub fn run(region: &mut Region, entries: &[i64], targets: &dyn Targets) {
    let (many, few): (Vec<Site>, Vec<Site>) =
        sites(region, entries, targets).into_iter().partition(|site| site.near.len() > FEW);
    for site in few {
        compare_here(region, &site);
    }
    let Terminator::Switch(stubs) = region.block(region.root).terminator.clone() else { return };
    if !many.is_empty() {
        by_hash(region, &many, stubs);
    }
}

fn sites(region: &Region, entries: &[i64], targets: &dyn Targets) -> Vec<Site> {
    let numbers: BTreeMap<i64, u32> = entries.iter().copied().zip(0..).collect();
    let site = |block: BlockId| {
        let Terminator::Leave { exit, target: Some(target) } = region.block(block).terminator else { return None };
        let exit = region.exits[exit.index()];
        let near = targets.jumps(exit.offset).into_iter().filter_map(|to| Some((to, *numbers.get(&to)?)));
        let near: BTreeMap<i64, u32> = near.collect();
        (exit.kind == ExitKind::Indirect && !near.is_empty()).then_some(Site { block, exit, target, near })
    };
    region.block_ids().filter_map(site).collect()
}

/// Compares the target with each entry point where the jump is.
fn compare_here(region: &mut Region, site: &Site) {
    let target = region.add_temp();
    let empty = |terminator| Block::empty(site.exit.offset, site.exit.flags, terminator);
    // What the block retires is carried on.
    let exit = region.add_exit(Exit { retired: site.exit.retired - region.block(site.block).retired, ..site.exit });
    let away = leave(region, target, empty, exit);
    let mut step = |(&offset, &number): (&i64, &u32)| {
        let mut builder = Builder::new(region);
        expect_operation(&mut builder, site.exit.flags);
        let (insts, root) = (builder.finish(), region.root);
        (offset, region.add_block(Block { insts, select: Some(number), ..empty(Terminator::Jump(root)) }))
    };
    let steps: Vec<(i64, BlockId)> = site.near.iter().map(&mut step).collect();
    let first = compare_by_halves(region, target, empty, &steps, away);
    let mut builder = Builder::new(region);
    builder.push(Inst::SetTemp(target, site.target));
    let insts = builder.finish();
    go_on(region, site.block, insts, first);
}

/// Compares the target with ascending offsets; gives the first block.
fn compare_by_halves(
    region: &mut Region,
    target: Temp,
    empty: impl Fn(Terminator) -> Block + Copy,
    steps: &[(i64, BlockId)],
    away: BlockId,
) -> BlockId {
    if steps.len() <= IN_ORDER {
        let steps = steps.iter().rev();
        return steps
            .fold(away, |next, (offset, step)| compare(region, target, empty, (Compare::Eq, *offset), *step, next));
    }
    let (low, high) = steps.split_at(steps.len() / 2);
    let first = compare_by_halves(region, target, empty, low, away);
    let second = compare_by_halves(region, target, empty, high, away);
    compare(region, target, empty, (Compare::LtUnsigned, high[0].0), first, second)
}

/// Sends the jumps to the root, whose switch goes by a hash.
fn by_hash(region: &mut Region, sites: &[Site], stubs: Vec<BlockId>) {
    let target = region.add_temp();
    let offsets: BTreeSet<i64> = sites.iter().flat_map(|site| site.near.keys().copied()).collect();
    let numbers: BTreeMap<i64, u32> = sites.iter().flat_map(|site| site.near.clone()).collect();
    let (hash, places) = hash::find(&offsets.into_iter().collect::<Vec<i64>>());
    // The variables say what the flags are, and nothing is retired that is not taken off.
    let away = Exit { kind: ExitKind::Indirect, offset: sites[0].exit.offset, retired: 0, flags: FlagsAt::Dynamic };
    let exit = region.add_exit(away);
    let empty = |terminator| Block::empty(away.offset, FlagsAt::Dynamic, terminator);
    let away = leave(region, target, empty, exit);
    let mut switch = stubs.clone();
    for place in places {
        let chain = place.iter().rev().fold(away, |next, offset| {
            let stub = stubs[numbers[offset] as usize];
            compare(region, target, empty, (Compare::Eq, *offset), stub, next)
        });
        switch.push(chain);
    }
    let root = region.root;
    region.blocks[root.index()].terminator = Terminator::Switch(switch);
    for site in sites {
        let mut builder = Builder::new(region);
        builder.push(Inst::SetTemp(target, site.target));
        expect_operation(&mut builder, site.exit.flags);
        let number = hashed(&mut builder, site.target, hash, stubs.len() as u64);
        builder.push(Inst::SetSelector(number));
        let insts = builder.finish();
        go_on(region, site.block, insts, root);
    }
}

/// The place in the root's switch for a target.
fn hashed(builder: &mut Builder<'_>, target: Value, hash: Hash, first: u64) -> Value {
    let base = builder.push(Inst::Base);
    let offset = builder.bin(BinOp::Sub, Width::W64, target, base);
    let [low, factor, shift, first] =
        [u32::MAX.into(), hash.factor.into(), hash.shift.into(), first].map(|number| builder.constant(number));
    let offset = builder.bin(BinOp::And, Width::W64, offset, low);
    let product = builder.bin(BinOp::Mul, Width::W32, offset, factor);
    let place = builder.bin(BinOp::Shr, Width::W32, product, shift);
    builder.bin(BinOp::Add, Width::W32, place, first)
}

/// The root expects the operation of the lazy flags in its variable.
fn expect_operation(builder: &mut Builder<'_>, flags: FlagsAt) {
    if let FlagsAt::Known(op, w) = flags {
        let packed = builder.constant(op.pack(w).into());
        builder.set(Reg::FLAG_OP, packed);
    }
}

/// Lets the block go on elsewhere, after what is still to be done.
fn go_on(region: &mut Region, block: BlockId, insts: Vec<Value>, to: BlockId) {
    let block = &mut region.blocks[block.index()];
    block.insts.extend(insts);
    block.terminator = Terminator::Jump(to);
}

fn leave(region: &mut Region, target: Temp, empty: impl Fn(Terminator) -> Block, exit: ExitId) -> BlockId {
    let mut builder = Builder::new(region);
    let value = builder.push(Inst::Temp(target));
    let insts = builder.finish();
    region.add_block(Block { insts, ..empty(Terminator::Leave { exit, target: Some(value) }) })
}

/// Goes to `then` if the target compares so with the offset's address.
fn compare(
    region: &mut Region,
    target: Temp,
    empty: impl Fn(Terminator) -> Block,
    (op, offset): (Compare, i64),
    then: BlockId,
    other: BlockId,
) -> BlockId {
    let mut builder = Builder::new(region);
    let (target, base) = (builder.push(Inst::Temp(target)), builder.push(Inst::Base));
    let offset = builder.constant(offset as u64);
    let address = builder.bin(BinOp::Add, Width::W64, base, offset);
    let condition = builder.compare(op, Width::W64, target, address);
    let insts = builder.finish();
    region.add_block(Block { insts, ..empty(Terminator::Branch { condition, then, other }) })
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
            (1..11).rev().map(|number| 0x10 * number).chain([0x77]).collect()
        }
    }

    /// Twelve jumps through RAX, each entered, all to ten of them.
    #[test]
    fn many_entry_points_are_found_by_a_hash() {
        let offsets: Vec<i64> = (0..12).map(|number| 0x10 * number).collect();
        let block = |&offset: &i64| SourceBlock { offset, bytes: vec![0x48, 0xff, 0xc0, 0xff, 0xe0], runs: None };
        let (blocks, entries, inlined) = (offsets.iter().map(block).collect(), offsets.clone(), Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name: "t".into(), blocks, entries, inlined };
        let lifted = lift(&source, &Options::default()).unwrap();
        let mut region = lifted.region;
        run(&mut region, &lifted.entries, &Everywhere);
        passes::run(&mut region, &Options::default()).unwrap();
        let compared = region.blocks.iter().filter(|block| matches!(block.terminator, Terminator::Branch { .. }));
        assert_eq!(compared.count(), 10, "{region}");
        let leaves = region.blocks.iter().filter(|block| matches!(block.terminator, Terminator::Leave { .. }));
        assert_eq!(leaves.count(), 1, "{region}");
        let checks = region.blocks.iter().filter(|block| block.check.is_some());
        assert_eq!(checks.count(), 12, "each entry point tests the budget, and nothing else does: {region}");
    }
}

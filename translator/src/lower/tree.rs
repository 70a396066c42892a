//! Which values of a block become part of the expression that uses them, and which get a local.
//!
//! Wasm is a stack machine: a value used once is best computed where it is used. That place may be later than the
//! instruction's, so a `Get` must not pass a `Set` of its variable, nor a load a store. Blocks are walked backwards: when a
//! value is met, the place where its users are emitted is known already. (The idea of waffle's *treeify*.)
//!
//! What only the second of two conditions of an exit uses is written out there, since it is seldom computed: more than once
//! where it is small.

use crate::ir::{Block, Inst, Reg, Region, Value};
use std::collections::{HashMap, HashSet};

/// Longest chain of expressions, which bounds the emitter's recursion.
const DEEPEST: u32 = 48;
/// Most instructions that are written out more than once.
const LARGEST: u32 = 16;

/// The plan for one block. Positions are those of `Block::insts`; the terminator's is their number.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// Values in locals, with the position of their last use.
    pub(super) locals: HashMap<Value, usize>,
}

#[derive(Clone, Copy, Default)]
struct Uses {
    count: u32,
    last: usize,
}

struct Planner<'r> {
    region: &'r Region,
    uses: HashMap<Value, Uses>,
    next_set: [usize; Reg::COUNT],
    next_store: usize,
    /// Where no load may be written out: the block's end, if it has a twin.
    barrier: Option<usize>,
    trees: Trees,
}

/// Plans a block, which has a twin or none. Where it has one its end may not load, since places differ between the two.
pub(super) fn plan(region: &Region, block: &Block, twin: bool) -> Trees {
    let end = block.insts.len();
    let seldom = seldom(region, block);
    let deep = deep(region, block, &seldom);
    let mut planner = Planner {
        region,
        uses: HashMap::new(),
        next_set: [usize::MAX; Reg::COUNT],
        next_store: usize::MAX,
        barrier: twin.then_some(end),
        trees: Trees::default(),
    };
    if let Some(operand) = block.terminator.operand() {
        // An indirect target is stored and passed on.
        let times = if region.inst(operand).ty() == crate::ir::Type::Int { 2 } else { 1 };
        planner.used(operand, end, times);
    }
    for (position, &value) in block.insts.iter().enumerate().rev() {
        let cut = deep.get(&value).copied().unwrap_or_default();
        planner.visit(position, value, cut, seldom.contains(&value));
    }
    planner.trees
}

/// Values that nothing uses but second conditions of exits: see `Emitter::exit_if`.
fn seldom(region: &Region, block: &Block) -> HashSet<Value> {
    let mut often: HashSet<Value> = block.terminator.operand().into_iter().collect();
    let mut seldom = HashSet::new();
    for &value in block.insts.iter().rev() {
        let inst = region.inst(value);
        match *inst {
            Inst::ExitIf { condition, .. } => match *region.inst(condition) {
                Inst::Both(first, second) => {
                    often.insert(first);
                    seldom.extend([condition, second]);
                }
                _ => drop(often.insert(condition)),
            },
            _ if inst.is_effect() || often.contains(&value) || !seldom.contains(&value) => {
                often.extend(inst.operands());
            }
            _ => seldom.extend(inst.operands()),
        }
    }
    seldom.retain(|value| !often.contains(value) && region.inst(*value).is_pure());
    keep_small(region, block, &mut seldom);
    seldom
}

/// Takes out what is used more than once and is large with all that is written out in it.
fn keep_small(region: &Region, block: &Block, seldom: &mut HashSet<Value>) {
    let mut uses: HashMap<Value, u32> = HashMap::new();
    for operand in block.insts.iter().flat_map(|value| region.inst(*value).operands()) {
        *uses.entry(operand).or_default() += 1;
    }
    let mut sizes: HashMap<Value, u32> = HashMap::new();
    for &value in &block.insts {
        if !seldom.contains(&value) {
            continue;
        }
        let size = region.inst(value).operands().filter_map(|o| sizes.get(&o)).sum::<u32>() + 1;
        if size > LARGEST && uses.get(&value).is_some_and(|count| *count > 1) {
            seldom.remove(&value);
        } else {
            sizes.insert(value, size);
        }
    }
}

/// Values that a chain must be cut at. What is seldom computed only counts what is part of it: the rest is in locals.
fn deep(region: &Region, block: &Block, seldom: &HashSet<Value>) -> HashMap<Value, bool> {
    let mut heights: HashMap<Value, u32> = HashMap::new();
    let mut deep = HashMap::new();
    for &value in &block.insts {
        let counts = |operand: &Value| !seldom.contains(&value) || seldom.contains(operand);
        let operands = region.inst(value).operands().filter(counts);
        let height = operands.filter_map(|o| heights.get(&o)).max().map_or(0, |h| h + 1);
        let cut = height >= DEEPEST;
        heights.insert(value, if cut { 0 } else { height });
        deep.insert(value, cut);
    }
    deep
}

impl Planner<'_> {
    fn used(&mut self, value: Value, position: usize, times: u32) {
        let uses = self.uses.entry(value).or_default();
        uses.count += times;
        uses.last = uses.last.max(position);
    }

    fn visit(&mut self, position: usize, value: Value, deep: bool, seldom: bool) {
        let inst = *self.region.inst(value);
        let uses = self.uses.get(&value).copied().unwrap_or_default();
        let stays = inst.is_effect() || deep || !(seldom || self.may_move(&inst, uses));
        // A group has locals of its own.
        if stays && uses.count > 0 && !matches!(inst, Inst::Group { .. }) {
            self.trees.locals.insert(value, uses.last);
        }
        let emitted_at = if stays { position } else { uses.last };
        let times = match inst {
            // The address of a check is read several times.
            Inst::Check { .. } | Inst::Probe { .. } => 3,
            // Written out at each use.
            _ if !stays => uses.count.max(1),
            _ => 1,
        };
        inst.operands().for_each(|operand| self.used(operand, emitted_at, times));
        match inst {
            Inst::Set(reg, _) => self.next_set[reg.index()] = position,
            _ if inst.writes_memory() => self.next_store = position,
            _ => {}
        }
    }

    fn may_move(&self, inst: &Inst, uses: Uses) -> bool {
        match inst {
            Inst::Const(_) | Inst::ConstBool(_) | Inst::Base | Inst::Member { .. } | Inst::Temp(_) => true,
            // Free, if the operand is in a local.
            Inst::Bits(..) => true,
            // What changes them is not tracked.
            Inst::Read(_) | Inst::Budget(_) => false,
            Inst::Get(reg) => self.next_set[reg.index()] >= uses.last,
            Inst::Load(..) | Inst::LoadVec(..) | Inst::LoadLow(..) => {
                uses.count == 1 && self.next_store >= uses.last && self.barrier != Some(uses.last)
            }
            _ => uses.count == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Builder, Exit, ExitKind, FlagsAt, Terminator};
    use runtime::translated::abi::ExitReason;
    use x86::{BinOp, Compare, Gpr, Width};

    /// A block that leaves where RAX is 0 and what `links` additions make of it is, each of a sum to the last or to RCX.
    fn chain(links: u32, doubling: bool) -> (Region, Block) {
        let mut region = Region::new();
        let kind = ExitKind::Side(ExitReason::Rare);
        let exit = region.add_exit(Exit { kind, offset: 0, retired: 0, flags: FlagsAt::EXPLICIT });
        let mut builder = Builder::new(&mut region);
        let (rax, rcx) = (builder.get(Reg::gpr(Gpr(0))), builder.get(Reg::gpr(Gpr(1))));
        let zero = builder.constant(0);
        let mut sum = rax;
        for _ in 0..links {
            sum = builder.push(Inst::Bin(BinOp::Add, Width::W64, sum, if doubling { sum } else { rcx }));
        }
        let [first, second] = [rax, sum].map(|a| builder.push(Inst::Compare(Compare::Eq, Width::W64, a, zero)));
        let condition = builder.push(Inst::Both(first, second));
        builder.push(Inst::ExitIf { condition, exit });
        let insts = builder.finish();
        let mut block = Block::empty(0, FlagsAt::EXPLICIT, Terminator::Switch(Vec::new()));
        block.insts = insts;
        (region, block)
    }

    /// Instructions that are written out for the largest expression, and how deep the deepest is.
    fn largest(region: &Region, block: &Block) -> (u64, u64) {
        let trees = plan(region, block, false);
        let mut sizes: HashMap<Value, (u64, u64)> = HashMap::new();
        for &value in &block.insts {
            let inline = |operand: &Value| !trees.locals.contains_key(operand);
            let parts: Vec<_> = region.inst(value).operands().filter(inline).map(|operand| sizes[&operand]).collect();
            let size = parts.iter().fold(1u64, |sum, (size, _)| sum.saturating_add(*size));
            sizes.insert(value, (size, 1 + parts.iter().map(|(_, depth)| *depth).max().unwrap_or(0)));
        }
        let largest = sizes.values().fold((0, 0), |(a, b), (size, depth)| (a.max(*size), b.max(*depth)));
        assert!(largest.0 > 1);
        largest
    }

    #[test]
    fn what_is_seldom_computed_is_not_written_out_without_end() {
        let (region, block) = chain(60, true);
        assert!(largest(&region, &block).0 < 100);
        let (region, block) = chain(4000, false);
        assert!(largest(&region, &block).1 < 2 * u64::from(DEEPEST));
    }

    #[test]
    fn what_is_seldom_computed_is_computed_there() {
        let (region, block) = chain(3, true);
        assert!(plan(&region, &block, false).locals.is_empty());
    }
}

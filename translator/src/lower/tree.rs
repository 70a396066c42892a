//! Which values of a block become part of the expression that uses them, and which get a local.
//!
//! Wasm is a stack machine: a value used once is best computed where it is used. That place may be later than the
//! instruction's, so a `Get` must not pass a `Set` of its variable, nor a load a store. Blocks are walked backwards: when a
//! value is met, the place where its users are emitted is known already. (The idea of waffle's *treeify*.)
//!
//! What only the second of two conditions of an exit uses is written out there, however often, since it is seldom computed.

use crate::ir::{Block, Inst, Reg, Region, Value};
use std::collections::{HashMap, HashSet};

/// Longest chain of expressions, which bounds the emitter's recursion.
const DEEPEST: u32 = 48;

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
    trees: Trees,
}

/// Plans a block.
pub(super) fn plan(region: &Region, block: &Block) -> Trees {
    let end = block.insts.len();
    let seldom = seldom(region, block);
    let deep = deep(region, block);
    let mut planner = Planner {
        region,
        uses: HashMap::new(),
        next_set: [usize::MAX; Reg::COUNT],
        next_store: usize::MAX,
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
    seldom.retain(|value| !often.contains(value));
    seldom
}

/// Values that a chain must be cut at.
fn deep(region: &Region, block: &Block) -> HashMap<Value, bool> {
    let mut heights: HashMap<Value, u32> = HashMap::new();
    let mut deep = HashMap::new();
    for &value in &block.insts {
        let height = region.inst(value).operands().filter_map(|o| heights.get(&o)).max().map_or(0, |h| h + 1);
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
        let moves = if seldom && inst.is_pure() { true } else { !deep && self.may_move(&inst, uses) };
        let stays = inst.is_effect() || !moves;
        // A group has locals of its own.
        if stays && uses.count > 0 && !matches!(inst, Inst::Group { .. }) {
            self.trees.locals.insert(value, uses.last);
        }
        let emitted_at = if stays { position } else { uses.last };
        let times = match inst {
            // The address of a check is read several times.
            Inst::Check { .. } => 3,
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
            Inst::Const(_) | Inst::ConstBool(_) | Inst::Base | Inst::Member { .. } => true,
            // Free, if the operand is in a local.
            Inst::Bits(..) => true,
            // What changes them is not tracked.
            Inst::Read(_) | Inst::Budget(_) => false,
            Inst::Get(reg) => self.next_set[reg.index()] >= uses.last,
            Inst::Load(..) | Inst::LoadVec(..) => uses.count == 1 && self.next_store >= uses.last,
            _ => uses.count == 1,
        }
    }
}

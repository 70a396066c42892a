//! How a loop's registers move, and addresses by them.

use super::Loop;
use crate::ir::{BlockId, Builder, Inst, Reg, Region, Value};
use std::collections::{BTreeMap, BTreeSet};
use x86::{BinOp, Width};

/// Deepest expression that is looked into.
const DEEPEST: u32 = 12;

/// A sum of registers with factors, the region's base and a constant, modulo 2⁶⁴.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Affine {
    factors: BTreeMap<Reg, i64>,
    bases: i64,
    offset: i64,
}

impl Affine {
    /// A register.
    fn of(reg: Reg) -> Affine {
        Affine { factors: BTreeMap::from([(reg, 1)]), ..Affine::default() }
    }

    /// With a constant added.
    pub(super) fn plus(&self, offset: i64) -> Affine {
        Affine { offset: self.offset.wrapping_add(offset), ..self.clone() }
    }

    /// How much more it is than another, if that is constant.
    pub(super) fn less(&self, other: &Affine) -> Option<i64> {
        let same = self.factors == other.factors && self.bases == other.bases;
        same.then(|| self.offset.wrapping_sub(other.offset))
    }

    fn sum(mut self, other: &Affine, factor: i64) -> Affine {
        for (&reg, &more) in &other.factors {
            let sum = self.factors.entry(reg).or_default();
            *sum = sum.wrapping_add(more.wrapping_mul(factor));
        }
        self.factors.retain(|_, factor| *factor != 0);
        self.bases = self.bases.wrapping_add(other.bases.wrapping_mul(factor));
        self.offset = self.offset.wrapping_add(other.offset.wrapping_mul(factor));
        self
    }

    /// Computes it.
    pub(super) fn build(&self, builder: &mut Builder<'_>) -> Value {
        let mut sum = builder.constant(self.offset as u64);
        let base = builder.push(Inst::Base);
        let registers: Vec<(Value, i64)> =
            self.factors.iter().map(|(reg, factor)| (builder.get(*reg), *factor)).collect();
        for (value, factor) in registers.into_iter().chain([(base, self.bases)]) {
            let factor = builder.constant(factor as u64);
            let part = builder.bin(BinOp::Mul, Width::W64, value, factor);
            sum = builder.bin(BinOp::Add, Width::W64, part, sum);
        }
        sum
    }
}

/// What the loop does with registers.
pub(super) struct Motion {
    /// What an iteration adds to a register that it sets, and in which block; `None` if it is not constant.
    steps: BTreeMap<Reg, Option<(i64, BlockId)>>,
    /// For each block those that every way to it from the head goes through, itself too.
    dominators: BTreeMap<BlockId, BTreeSet<BlockId>>,
    /// For each block those that lead to it from the head, itself too.
    before: BTreeMap<BlockId, BTreeSet<BlockId>>,
    /// The blocks that every iteration goes through.
    always: BTreeSet<BlockId>,
}

impl Motion {
    /// Looks at a loop.
    pub(super) fn of(region: &Region, found: &Loop) -> Motion {
        let mut motion = Motion {
            steps: BTreeMap::new(),
            dominators: BTreeMap::from([(found.head, BTreeSet::from([found.head]))]),
            before: BTreeMap::from([(found.head, BTreeSet::from([found.head]))]),
            always: found.body.iter().copied().collect(),
        };
        for &id in &found.body {
            let (dominators, before) = (motion.dominators[&id].clone(), motion.before[&id].clone());
            for to in region.block(id).terminator.successors() {
                if to == found.head {
                    motion.always.retain(|id| dominators.contains(id));
                } else if found.body.contains(&to) {
                    let known = motion.dominators.entry(to).or_insert_with(|| dominators.clone());
                    known.retain(|id| *id == to || dominators.contains(id));
                    known.insert(to);
                    motion.before.entry(to).or_default().extend(before.iter().copied().chain([to]));
                }
            }
        }
        motion.find_steps(region, found);
        motion
    }

    fn find_steps(&mut self, region: &Region, found: &Loop) {
        let mut steps: BTreeMap<Reg, Option<(i64, BlockId)>> = BTreeMap::new();
        for &id in &found.body {
            for &value in &region.block(id).insts {
                let Inst::Set(reg, to) = *region.inst(value) else { continue };
                let to = sum(region, to, DEEPEST, &mut |reg| Some(Affine::of(reg)));
                let step = to.and_then(|to| to.less(&Affine::of(reg))).map(|step| (step, id));
                let once = !steps.contains_key(&reg) && self.always(id);
                steps.insert(reg, if once { step } else { None });
            }
        }
        self.steps = steps;
    }

    /// Whether every iteration goes through a block.
    pub(super) fn always(&self, id: BlockId) -> bool {
        self.always.contains(&id)
    }

    /// A value of a block, by the registers at the head.
    pub(super) fn affine(&self, region: &Region, id: BlockId, value: Value) -> Option<Affine> {
        sum(region, value, DEEPEST, &mut |reg| {
            let offset = match self.steps.get(&reg) {
                None => 0,
                Some(None) => return None,
                Some(Some((step, set))) if *set != id && self.dominators[&id].contains(set) => *step,
                Some(Some((_, set))) if *set == id || !self.before[&id].contains(set) => 0,
                Some(Some(_)) => return None,
            };
            Some(Affine::of(reg).plus(offset))
        })
    }

    /// What an iteration adds.
    pub(super) fn step(&self, address: &Affine) -> i64 {
        let step = |reg| self.steps.get(reg).copied().flatten().map_or(0, |(step, _)| step);
        address.factors.iter().fold(0, |sum, (reg, factor)| step(reg).wrapping_mul(*factor).wrapping_add(sum))
    }
}

/// A value as a sum; `register` says what a register at the block's start is.
fn sum(region: &Region, value: Value, deep: u32, register: &mut impl FnMut(Reg) -> Option<Affine>) -> Option<Affine> {
    let deep = deep.checked_sub(1)?;
    match *region.inst(value) {
        Inst::Const(constant) => Some(Affine::default().plus(constant as i64)),
        Inst::Base => Some(Affine { bases: 1, ..Affine::default() }),
        Inst::Get(reg) => register(reg),
        Inst::Bin(op @ (BinOp::Add | BinOp::Sub), Width::W64, a, b) => {
            let (a, b) = (sum(region, a, deep, register)?, sum(region, b, deep, register)?);
            Some(a.sum(&b, if op == BinOp::Add { 1 } else { -1 }))
        }
        Inst::Bin(op @ (BinOp::Shl | BinOp::Mul), Width::W64, a, b) => {
            let constant = region.constant(b)?;
            let factor = if op == BinOp::Mul { constant as i64 } else { 1i64.checked_shl(constant.try_into().ok()?)? };
            Some(Affine::default().sum(&sum(region, a, deep, register)?, factor))
        }
        _ => None,
    }
}

//! Copies of blocks, whole or without the checks that were made before a loop.

use crate::ir::{BlockId, BudgetCheck, ExitId, Inst, Region, Temp, Value};
use std::collections::{BTreeMap, BTreeSet};
use x86::{BinOp, Width};

/// A copy of a block as it is.
pub(super) fn whole(region: &mut Region, id: BlockId) -> BlockId {
    let check =
        region.block(id).check.map(|BudgetCheck { need, exit }| BudgetCheck { need, exit: copy_exit(region, exit) });
    let copy = without(region, id, &BTreeMap::new(), &BTreeSet::new());
    region.blocks[copy.index()].check = check;
    copy
}

/// A copy of a loop's block: without a test of the budget, without the checks `hoisted`, whose places are at the distance in a temporary,
/// and without the exits `gone`. Edges lead where those of the block do.
pub(super) fn without(
    region: &mut Region,
    id: BlockId,
    hoisted: &BTreeMap<Value, Temp>,
    gone: &BTreeSet<Value>,
) -> BlockId {
    let mut block = region.block(id).clone();
    block.check = None;
    let mut copied: BTreeMap<Value, Value> = BTreeMap::new();
    let mut insts = Vec::new();
    for value in std::mem::take(&mut block.insts) {
        if hoisted.contains_key(&value) || gone.contains(&value) {
            continue;
        }
        let inst = match place(region, value, hoisted) {
            Some((address, offset, temp)) => {
                let address = copied.get(&address).copied().unwrap_or(address);
                let distance = push(region, &mut insts, Inst::Temp(temp), u64::MAX);
                let mut number =
                    push(region, &mut insts, Inst::Bin(BinOp::Add, Width::W64, address, distance), u64::MAX);
                if offset != 0 {
                    let offset = push(region, &mut insts, Inst::Const(offset as u64), offset as u64);
                    number = push(region, &mut insts, Inst::Bin(BinOp::Add, Width::W64, number, offset), u64::MAX);
                }
                Inst::Place(number)
            }
            None => {
                let mut inst = *region.inst(value);
                for operand in inst.operands_mut().into_iter().flatten() {
                    *operand = copied.get(operand).copied().unwrap_or(*operand);
                }
                if let Some(exit) = inst.exit_mut() {
                    *exit = copy_exit(region, *exit);
                }
                inst
            }
        };
        let possible = region.possible(value);
        copied.insert(value, push(region, &mut insts, inst, possible));
    }
    block.insts = insts;
    let (exit, operand) = block.terminator.parts_mut();
    if let Some(exit) = exit {
        *exit = copy_exit(region, *exit);
    }
    if let Some(operand) = operand {
        *operand = copied.get(operand).copied().unwrap_or(*operand);
    }
    region.add_block(block)
}

fn copy_exit(region: &mut Region, exit: ExitId) -> ExitId {
    region.add_exit(region.exits[exit.index()])
}

/// The address, what is to be added to it, and the distance, if the value is a place that a hoisted check gave.
fn place(region: &Region, value: Value, hoisted: &BTreeMap<Value, Temp>) -> Option<(Value, i64, Temp)> {
    match *region.inst(value) {
        Inst::Pointer { check, address } => Some((address, 0, *hoisted.get(&check)?)),
        Inst::Member { group, member } => {
            let temp = *hoisted.get(&group)?;
            let Inst::Group { group, base, .. } = *region.inst(group) else { return None };
            let group = &region.groups[group.index()];
            let member = group.members.get(usize::from(member))?;
            Some((base, group.low.wrapping_add(member.offset.into()), temp))
        }
        _ => None,
    }
}

fn push(region: &mut Region, insts: &mut Vec<Value>, inst: Inst, possible: u64) -> Value {
    let value = Value(region.insts.len() as u32);
    region.insts.push(inst);
    region.possible.push(possible);
    insts.push(value);
    value
}

//! Checks that a region is well formed: values are defined before their uses, in the same block, with the types that the
//! instructions take; numbers are in range; and the stand-in for a block's flags is gone where it was used.

use super::{BlockId, Inst, Region, Type, Value};
use anyhow::{Result, ensure};
use std::collections::HashSet;

/// Checks a region.
///
/// # Errors
/// The first thing that is wrong, with its block.
pub fn verify(region: &Region) -> Result<()> {
    ensure!(region.root.index() < region.blocks.len(), "the root {} is not there", region.root);
    region.block_ids().try_for_each(|id| verify_block(region, id))
}

fn verify_block(region: &Region, id: BlockId) -> Result<()> {
    let block = region.block(id);
    let mut defined = HashSet::new();
    for &value in &block.insts {
        ensure!(value.index() < region.insts.len(), "{id}: {value} is not there");
        let inst = region.inst(value);
        for operand in inst.operands() {
            ensure!(defined.contains(&operand), "{id}: {value} uses {operand}, which is not defined before");
            let used_flags = matches!(region.inst(operand), Inst::EntryFlags) && inst.is_effect();
            ensure!(!used_flags, "{id}: {value} uses flags that are not known");
        }
        verify_types(region, inst).map_err(|expected| anyhow::anyhow!("{id}: {value} takes {expected}"))?;
        if let Some(exit) = inst.exit() {
            ensure!(exit.index() < region.exits.len(), "{id}: {value} leaves by an exit that is not there");
        }
        defined.insert(value);
    }
    if let Some(operand) = block.terminator.operand() {
        ensure!(defined.contains(&operand), "{id}: its end uses {operand}, which is not defined");
    }
    for to in block.terminator.successors() {
        ensure!(to.index() < region.blocks.len(), "{id}: {to} is not there");
    }
    Ok(())
}

/// The types of an instruction's operands, in order.
fn expected(inst: &Inst) -> &'static [Type] {
    use Type::{Bool, Int, Place, Vec};
    match inst {
        Inst::Const(_) | Inst::ConstBool(_) | Inst::VecConst(_) | Inst::Base | Inst::EntryFlags | Inst::Get(_) => &[],
        Inst::Set(reg, _) if reg.ty() == Vec => &[Vec],
        Inst::Set(..) | Inst::Un(..) | Inst::Check { .. } => &[Int],
        Inst::Bin(..) | Inst::Compare(..) | Inst::VecFrom(..) => &[Int, Int],
        Inst::Int(_) | Inst::Not(_) | Inst::ExitIf { .. } => &[Bool],
        Inst::Both(..) | Inst::Either(..) => &[Bool, Bool],
        Inst::Select(..) => &[Bool, Int, Int],
        Inst::Pointer { .. } => &[Place, Int],
        Inst::Load(..) | Inst::LoadVec(..) => &[Place],
        Inst::Store(..) => &[Place, Int],
        Inst::StoreVec(..) => &[Place, Vec],
        Inst::VecLane(..) | Inst::VecBitmask(..) | Inst::VecUn(..) => &[Vec],
        Inst::VecWithLane(..) | Inst::VecShift(..) => &[Vec, Int],
        Inst::VecBin(..) | Inst::VecShuffle(..) => &[Vec, Vec],
    }
}

fn verify_types(region: &Region, inst: &Inst) -> std::result::Result<(), String> {
    let given: Vec<Type> = inst.operands().map(|value: Value| region.inst(value).ty()).collect();
    if given == expected(inst) { Ok(()) } else { Err(format!("{:?}, not {given:?}", expected(inst))) }
}

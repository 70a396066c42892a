//! Checks that a region is well formed: values are defined before their uses, in the same block, with the types that the
//! instructions take; numbers are in range; and the stand-in for a block's flags is gone where it was used.

use super::inst::un_types;
use super::{BlockId, Inst, Region, Type, Value};
use anyhow::{Result, bail, ensure};
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
        if let Inst::Member { group: value, member } = inst {
            let Inst::Group { group, .. } = region.inst(*value) else { bail!("{id}: {value} is no group") };
            let members = region.groups.get(group.index()).map_or(0, |group| group.members.len());
            ensure!(usize::from(*member) < members, "{id}: the group {value} has {members} members");
        }
        if let Inst::Temp(temp) | Inst::SetTemp(temp, _) = *inst {
            ensure!(temp.0 < region.temps, "{id}: {value} is of a temporary that is not there");
            let sets = |other: &Value| matches!(*region.inst(*other), Inst::SetTemp(set, _) if set == temp);
            let mixed = matches!(inst, Inst::Temp(_)) && block.insts.iter().any(sets);
            ensure!(!mixed, "{id}: {value} reads a temporary that the block sets");
        }
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
fn expected(inst: &Inst) -> Vec<Type> {
    use Type::{Bool, Float, Int, Place, Vec as Vector};
    match *inst {
        Inst::Const(_) | Inst::ConstBool(_) | Inst::VecConst(_) | Inst::Base | Inst::EntryFlags | Inst::Get(_) => {
            vec![]
        }
        Inst::Helped(_) | Inst::Read(_) | Inst::Budget(_) | Inst::Temp(_) => vec![],
        Inst::HelpVec(..) => vec![Vector, Vector, Vector],
        Inst::HelpInt(..) => vec![Int, Int, Int],
        Inst::HelpX87(..) => vec![Int, Int, Int, Int],
        Inst::Set(reg, _) if reg.ty() == Vector => vec![Vector],
        Inst::Set(..) | Inst::Write(..) | Inst::Un(..) | Inst::FromBits(..) => vec![Int],
        Inst::Check { .. } | Inst::Group { .. } | Inst::Probe { .. } | Inst::Distance { .. } => vec![Int],
        Inst::SetTemp(..) | Inst::Place(_) => vec![Int],
        Inst::Bin(..) | Inst::Compare(..) | Inst::VecFrom(..) => vec![Int, Int],
        Inst::Int(_) | Inst::Not(_) | Inst::ExitIf { .. } => vec![Bool],
        Inst::Both(..) | Inst::Either(..) => vec![Bool, Bool],
        Inst::Select(..) => vec![Bool, Int, Int],
        Inst::FlagsWord { .. } => vec![Int, Int, Int, Int],
        Inst::Pointer { .. } => vec![Place, Int],
        Inst::Load(..) | Inst::LoadVec(..) | Inst::LoadLow(..) | Inst::Member { .. } => vec![Place],
        Inst::Store(..) => vec![Place, Int],
        Inst::StoreVec(..) => vec![Place, Vector],
        Inst::Copy { .. } => vec![Place, Place, Int],
        Inst::Fill { .. } => vec![Place, Int, Int],
        Inst::VecLane(..) | Inst::VecBitmask(..) | Inst::VecUn(..) => vec![Vector],
        Inst::VecLaneFloat(..) | Inst::VecFloatUn(..) => vec![Vector],
        Inst::VecWithLane(..) | Inst::VecShift(..) => vec![Vector, Int],
        Inst::VecBin(..) | Inst::VecShuffle(..) | Inst::VecFloatBin(..) => vec![Vector, Vector],
        Inst::VecWithLaneFloat(w, ..) => vec![Vector, Float(w)],
        Inst::Bits(w, _) | Inst::VecSplatFloat(w, _) => vec![Float(w)],
        Inst::FloatBin(_, w, ..) | Inst::FloatCompare(_, w, ..) => vec![Float(w), Float(w)],
        Inst::FloatUn(op, _) => vec![un_types(op).0],
    }
}

fn verify_types(region: &Region, inst: &Inst) -> std::result::Result<(), String> {
    let given: Vec<Type> = inst.operands().map(|value: Value| region.inst(value).ty()).collect();
    let expected = expected(inst);
    if given == expected { Ok(()) } else { Err(format!("{expected:?}, not {given:?}")) }
}

//! A region as text, for people.

use super::{Block, BlockId, Counter, Exit, ExitKind, FlagsAt, Inst, RegSet, Region, Terminator, Value};
use std::fmt::{self, Display, Formatter};
use x86::Width;
use x86::vector::float::FloatWidth;

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Display for BlockId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "block{}", self.0)
    }
}

impl Display for FlagsAt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            FlagsAt::Known(op, w) => write!(f, "{op:?}.{}", w.bits()),
            FlagsAt::Dynamic => f.write_str("dynamic"),
        }
    }
}

impl Display for Exit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            ExitKind::Side(reason) => write!(f, "{reason:?} at {:#x}", self.offset)?,
            ExitKind::Static => write!(f, "to {:#x}", self.offset)?,
            ExitKind::Indirect => f.write_str("indirect")?,
            ExitKind::Return => f.write_str("return")?,
            ExitKind::Across => f.write_str("across")?,
        }
        write!(f, ", retired {}, flags {}", self.retired, self.flags)
    }
}

fn name(op: impl fmt::Debug, w: Width) -> String {
    format!("{op:?}.{}", w.bits()).to_lowercase()
}

fn number(op: impl fmt::Debug, w: FloatWidth) -> String {
    format!("{op:?}.{w:?}").to_lowercase().replace('"', "")
}

impl Region {
    fn inst_text(&self, inst: &Inst) -> String {
        let exit = |id: &super::ExitId| &self.exits[id.index()];
        match inst {
            Inst::Const(constant) => format!("{constant:#x}"),
            Inst::Get(reg) => format!("get {reg}"),
            Inst::Read(field) => format!("read {field:?}").to_lowercase(),
            Inst::Write(field, a) => format!("write {field:?}, {a}").to_lowercase(),
            Inst::Budget(retired) => format!("budget less {retired}"),
            Inst::Set(reg, a) => format!("set {reg}, {a}"),
            Inst::Bin(op, w, a, b) => format!("{} {a}, {b}", name(op, *w)),
            Inst::Un(op, w, a) => format!("{} {a}", name(op, *w)),
            Inst::Compare(op, w, a, b) => format!("{} {a}, {b}", name(op, *w)),
            Inst::Check { access, address, span, exit: id } => {
                format!("check {access:?} {address}, {span} else {}", exit(id))
            }
            Inst::Group { group, base, exit: id } => {
                let Some(group) = self.groups.get(group.index()) else { return format!("{group:?}") };
                format!("check {:?} {base}{:+}, {} else {}", group.members, group.low, group.span, exit(id))
            }
            Inst::Member { group, member } => format!("place {member} of {group}"),
            Inst::Pointer { check, address } => format!("pointer {check}, {address}"),
            Inst::Load(w, pointer, offset) => format!("load.{} {pointer}+{offset}", w.bits()),
            Inst::Store(w, pointer, offset, a) => format!("store.{} {pointer}+{offset}, {a}", w.bits()),
            Inst::Copy { width, to, from, bytes } => format!("copy.{} {to}, {from}, {bytes}", width.bits()),
            Inst::Fill { width, to, value, bytes } => format!("fill.{} {to}, {value}, {bytes}", width.bits()),
            Inst::LoadLow(w, pointer, offset) => format!("load.low.{} {pointer}+{offset}", w.bits()),
            Inst::LoadVec(pointer, offset) => format!("load.128 {pointer}+{offset}"),
            Inst::StoreVec(pointer, offset, a) => format!("store.128 {pointer}+{offset}, {a}"),
            Inst::VecConst(constant) => format!("vec {constant:#034x}"),
            Inst::VecLane(w, a, index) => format!("lane{index}.{} {a}", w.bits()),
            Inst::VecWithLane(w, a, index, b) => format!("with lane{index}.{} {a}, {b}", w.bits()),
            Inst::VecBin(op, a, b) => format!("{op:?} {a}, {b}").to_lowercase(),
            Inst::VecUn(op, a) => format!("{op:?} {a}").to_lowercase(),
            Inst::VecShift(op, a, b) => format!("{op:?} {a}, {b}").to_lowercase(),
            Inst::VecShuffle(a, b, pattern) => format!("shuffle {a}, {b}, {pattern:?}"),
            Inst::VecBitmask(w, a) => format!("bitmask.{} {a}", w.bits()),
            Inst::FromBits(w, a) => format!("{} {a}", number("number", *w)),
            Inst::Bits(w, a) => format!("{} {a}", number("bits", *w)),
            Inst::VecLaneFloat(w, a, index) => format!("{} {a}", number(format!("lane{index}"), *w)),
            Inst::VecWithLaneFloat(w, a, index, b) => format!("with {} {a}, {b}", number(format!("lane{index}"), *w)),
            Inst::FloatBin(op, w, a, b) => format!("{} {a}, {b}", number(op, *w)),
            Inst::FloatUn(op, a) => format!("{op:?} {a}").to_lowercase(),
            Inst::FloatCompare(op, w, a, b) => format!("{} {a}, {b}", number(op, *w)),
            Inst::VecFloatBin(op, w, a, b) => format!("all {} {a}, {b}", number(op, *w)),
            Inst::VecFloatUn(op, a) => format!("all {op:?} {a}").to_lowercase(),
            Inst::ExitIf { condition, exit: id } => format!("exit if {condition}: {}", exit(id)),
            other => {
                let operands: Vec<String> = other.operands().map(|value| value.to_string()).collect();
                let debug = format!("{other:?}").to_lowercase();
                format!("{} {}", debug.split('(').next().unwrap_or_default(), operands.join(", "))
            }
        }
    }

    fn print_block(&self, f: &mut Formatter<'_>, id: BlockId, block: &Block) -> fmt::Result {
        writeln!(f, "{id} at {:#x}, flags {}:", block.offset, block.flags)?;
        if let Some(check) = &block.check {
            writeln!(f, "    budget {} else {}", check.need, self.exits[check.exit.index()])?;
        }
        if let Some(selector) = block.select {
            writeln!(f, "    select {selector}")?;
        }
        print_set(f, "load", block.loaded)?;
        for value in &block.insts {
            writeln!(f, "    {value} = {}", self.inst_text(self.inst(*value)))?;
        }
        if let Some(Counter { left, floor }) = block.counter {
            writeln!(f, "    budget {left:?} above {floor:?}")?;
        }
        if let Some(Counter { left, floor }) = block.restores {
            writeln!(f, "    budget was {left:?} above {floor:?}")?;
        }
        if block.flush != 0 {
            writeln!(f, "    retire {}", block.flush)?;
        }
        print_set(f, "store", block.stored)?;
        match &block.terminator {
            Terminator::Jump(to) => writeln!(f, "    jump {to}"),
            Terminator::Branch { condition, then, other } => writeln!(f, "    branch {condition}: {then}, {other}"),
            Terminator::Switch(targets) => {
                let targets: Vec<String> = targets.iter().map(BlockId::to_string).collect();
                writeln!(f, "    switch {}", targets.join(", "))
            }
            Terminator::Call { exit, target: Some(target), back } => {
                writeln!(f, "    call {target}, back to {back}: {}", self.exits[exit.index()])
            }
            Terminator::Call { exit, target: None, back } => {
                writeln!(f, "    call, back to {back}: {}", self.exits[exit.index()])
            }
            Terminator::Return { exit, target, back } => {
                writeln!(f, "    return to {target}, {back} or: {}", self.exits[exit.index()])
            }
            Terminator::Leave { exit, target: Some(target) } => {
                writeln!(f, "    leave for {target}: {}", self.exits[exit.index()])
            }
            Terminator::Leave { exit, target: None } => writeln!(f, "    leave: {}", self.exits[exit.index()]),
        }
    }
}

/// A line that names variables, if there are any.
fn print_set(f: &mut Formatter<'_>, what: &str, set: RegSet) -> fmt::Result {
    if set.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = set.iter().map(|reg| reg.to_string()).collect();
    writeln!(f, "    {what} {}", names.join(", "))
}

impl Display for Region {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "root {}", self.root)?;
        self.block_ids().try_for_each(|id| self.print_block(f, id, self.block(id)))
    }
}

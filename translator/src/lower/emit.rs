//! The function under construction: its bytes, locals and labels.

use super::call;
use super::exits::SideExits;
use super::tree::Trees;
use crate::ir::{BlockId, Counter, ExitId, GroupId, Reg, Region, Temp, Type, Value};
use crate::lift::{Addresses, BranchHints, Options, Privilege, Targets};
use crate::link::Hint;
use crate::passes::liveness::Liveness;
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use wasm_encoder::{BlockType, InstructionSink, MemArg, MemArgTarget, ValType};
use x86::vector::float::FloatWidth;

/// The parameter that holds the region's base.
pub(super) const BASE: u32 = 0;
/// The parameter that holds the entry point; dispatch blocks use it again.
pub(super) const SELECTOR: u32 = 1;
/// The parameter that holds how many bytes of stack calls may still use: see `call`.
pub(super) const ROOM: u32 = 2;
/// The parameter that holds the budget, which changes.
pub(super) const BUDGET: u32 = 3;
/// What the side exit that is taken has to know: see `exits`.
pub(super) const EXIT: u32 = 4;

/// Opcode (core specification, 5.4.3).
const LOCAL_TEE: u8 = 0x22;

/// What a `br` can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// The code that writes back and leaves, from a rung of the ladder on.
    SideExit(usize),
    /// What follows all blocks.
    End,
    /// The block, which follows the label's end.
    Before(BlockId),
    /// The block, which is the loop's head.
    Loop(BlockId),
    /// An `if`, which nothing goes to.
    If,
}

/// The function under construction.
pub(super) struct Emitter<'a> {
    pub(super) region: &'a Region,
    pub(super) liveness: &'a Liveness,
    pub(super) privilege: Privilege,
    pub(super) index: u32,
    pub(super) targets: &'a dyn Targets,
    pub(super) addresses: &'a Addresses,
    pub(super) options: &'a Options,
    pub(super) code: Vec<u8>,
    pub(super) labels: Vec<Label>,
    /// Whether the variables are in the processor's state when the function begins, not in its locals.
    pub(super) loads_variables: bool,
    /// The side exits that are written so far.
    pub(super) exit_counts: SideExits,
    /// What is being written is seldom reached.
    pub(super) seldom: bool,
    /// Whether the current block ever ran, as far as is known.
    pub(super) ran: bool,
    /// Whether it ran often enough that the engine is told of its branches: hints take room.
    pub(super) hinted: bool,
    /// Whether no block of the region ever ran, as far as is known.
    pub(super) never_ran: bool,
    /// What holds the budget in the current block, if not its variable.
    pub(super) counter: Option<Counter>,
    /// Places in the code of the size of the function's own frame.
    pub(super) frames: Vec<usize>,
    /// A label that code goes to and that is not open: a defect.
    missing: Cell<Option<Label>>,
    /// The last local that was set, and where in the code.
    last_set: LastSet,
    /// The side exit that is taken next, if one is.
    exit: NamedExit,
    /// Places in the code of branches that are nearly always, or hardly ever, taken.
    hints: Vec<(usize, bool)>,
    /// [`EXIT`] and what follows it.
    locals: Vec<ValType>,
    registers: [Option<u32>; Reg::COUNT],
    free: HashMap<ValType, Vec<u32>>,
    /// Locals of the current block's values.
    held: HashMap<Value, u32>,
    /// Locals that values of the current block will have, since it computes them at two places.
    reserved: HashMap<Value, u32>,
    /// Where the current block's groups found their members.
    members: BTreeMap<Value, Places>,
}

/// Which locals the current block uses for what.
pub(super) struct BlockLocals {
    free: HashMap<ValType, Vec<u32>>,
    held: HashMap<Value, u32>,
    members: BTreeMap<Value, Places>,
    count: u32,
}

/// A `local.set`: where it begins and ends in the code, and its local.
#[derive(Clone, Copy, Default)]
struct LastSet {
    start: usize,
    end: usize,
    local: u32,
}

/// A side exit: its constant (see `exits`), and where it enters the ladder.
#[derive(Default)]
struct NamedExit {
    constant: i64,
    rung: usize,
}

/// Where the members of a group are.
#[derive(Clone)]
pub(super) enum Places {
    /// Each in a local of its own.
    Each(Vec<u32>),
    /// At the group's offsets from the place in a local.
    From(u32, GroupId),
}

/// A place of natural alignment at a constant address, or a constant distance from one on the stack.
pub(super) fn at(offset: u32, bytes: u64) -> MemArg {
    MemArg { offset: offset.into(), align: bytes.trailing_zeros(), target: MemArgTarget::Memory(0), ordering: None }
}

/// A place of any alignment.
pub(super) fn unaligned(offset: u32) -> MemArg {
    at(offset, 1)
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        region: &'a Region,
        liveness: &'a Liveness,
        (privilege, index): (Privilege, u32),
        targets: &'a dyn Targets,
        addresses: &'a Addresses,
        options: &'a Options,
    ) -> Self {
        Emitter {
            region,
            liveness,
            privilege,
            index,
            targets,
            addresses,
            options,
            code: Vec::new(),
            labels: Vec::new(),
            loads_variables: true,
            exit_counts: SideExits::default(),
            seldom: false,
            ran: true,
            hinted: true,
            never_ran: region.blocks.iter().all(|block| block.runs.is_none_or(|runs| runs == 0)),
            counter: None,
            frames: Vec::new(),
            missing: Cell::new(None),
            last_set: LastSet::default(),
            exit: NamedExit::default(),
            hints: Vec::new(),
            locals: vec![ValType::I64; 1 + region.temps as usize],
            registers: [None; Reg::COUNT],
            free: HashMap::new(),
            held: HashMap::new(),
            reserved: HashMap::new(),
            members: BTreeMap::new(),
        }
    }

    /// The instruction encoder.
    pub(super) fn op(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    /// The function, and what the engine should know of its branches.
    ///
    /// # Errors
    /// A defect: code goes to a label that is not open.
    pub(super) fn finish(mut self) -> Result<(wasm_encoder::Function, Vec<Hint>)> {
        if let Some(label) = self.missing.get() {
            bail!("{label:?} is not open where it is gone to");
        }
        let frame = call::frame(self.local_count());
        self.frames.iter().for_each(|place| call::fill_in(&mut self.code[*place..], frame));
        let mut function = wasm_encoder::Function::new_with_locals_types(self.locals);
        let start = function.byte_len();
        function.raw(self.code);
        let hints = match self.options.branch_hints {
            BranchHints::Named => self.hints,
            BranchHints::Omitted => Vec::new(),
        };
        let hint = |(place, taken): (usize, bool)| Hint { place: (start + place) as u32, taken };
        Ok((function, hints.into_iter().map(hint).collect()))
    }

    /// Takes the side exit that was named last if the condition on the stack holds, which it hardly ever does, so that the engine
    /// puts what leads there aside, the exit's constant included. In what is put aside already all that follows stays there: for
    /// the engine such a branch is taken.
    pub(super) fn exit_seldom(&mut self) {
        self.open_if(self.seldom);
        self.take_exit();
        self.close_if();
    }

    /// Branches if the condition on the stack holds, which it hardly ever does.
    pub(super) fn branch_seldom(&mut self, depth: u32) {
        self.hint(self.seldom);
        self.op().br_if(depth);
    }

    /// Says which side exit the code that follows takes, if it takes one.
    pub(super) fn name_exit(&mut self, exit: ExitId) -> Result<()> {
        let named = &self.region.exits[exit.index()];
        self.exit = NamedExit { constant: super::exits::pack(named)?, rung: self.liveness.ladder.rung(exit) };
        self.exit_counts.add(named);
        Ok(())
    }

    /// Takes the side exit that was named last.
    pub(super) fn take_exit(&mut self) {
        let NamedExit { constant, rung } = self.exit;
        if let Some(counter) = self.counter {
            self.put_back(counter);
        }
        let depth = self.depth(Label::SideExit(rung));
        self.op().i64_const(constant).local_set(EXIT).br(depth);
    }

    /// What hardly ever is reached: `body`, if the condition on the stack holds.
    pub(super) fn if_seldom<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        let done = self.open_seldom(body);
        self.close_if();
        done
    }

    /// `seldom` if the condition on the stack holds, which it hardly ever does, else `usual`.
    pub(super) fn either_seldom<S, U>(
        &mut self,
        seldom: impl FnOnce(&mut Self) -> S,
        usual: impl FnOnce(&mut Self) -> U,
    ) -> (S, U) {
        let first = self.open_seldom(seldom);
        self.op().else_();
        let second = usual(self);
        self.close_if();
        (first, second)
    }

    /// Leaves the `if` open.
    fn open_seldom<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        self.open_if(false);
        let outside = std::mem::replace(&mut self.seldom, true);
        let done = body(self);
        self.seldom = outside;
        done
    }

    /// Opens an `if` of which the engine is told whether it is nearly always, or hardly ever, entered.
    fn open_if(&mut self, entered: bool) {
        self.hint(entered);
        self.op().if_(BlockType::Empty);
        self.labels.push(Label::If);
    }

    /// Says of the branch that follows whether it is nearly always, or hardly ever, taken.
    fn hint(&mut self, taken: bool) {
        if self.hinted {
            self.hints.push((self.code.len(), taken));
        }
    }

    fn close_if(&mut self) {
        self.labels.pop();
        self.op().end();
    }

    /// Locals so far.
    pub(super) fn local_count(&self) -> u32 {
        self.locals.len() as u32
    }

    fn new_local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        // The parameters come before the locals.
        EXIT + self.locals.len() as u32 - 1
    }

    /// Sets a local to the value on the stack.
    pub(super) fn set_local(&mut self, local: u32) {
        let start = self.code.len();
        self.op().local_set(local);
        self.last_set = LastSet { start, end: self.code.len(), local };
    }

    /// Puts a local on the stack. What sets it, if that comes just before, leaves it there (`local.tee`).
    pub(super) fn get_local(&mut self, local: u32) {
        let LastSet { start, end, local: last } = self.last_set;
        if end == self.code.len() && end > start && last == local {
            self.code[start] = LOCAL_TEE;
            // A second one of it would leave another there.
            self.last_set = LastSet::default();
        } else {
            self.op().local_get(local);
        }
    }

    /// The local of a variable.
    pub(super) fn register(&mut self, reg: Reg) -> u32 {
        match self.registers[reg.index()] {
            Some(local) => local,
            None => {
                let local = self.new_local(val_type(reg.ty()));
                self.registers[reg.index()] = Some(local);
                local
            }
        }
    }

    /// The local of a temporary: they come first.
    pub(super) fn temp(&self, temp: Temp) -> u32 {
        EXIT + 1 + temp.0
    }

    /// A local for a value of the current block.
    pub(super) fn hold(&mut self, value: Value) -> u32 {
        let local = match self.reserved.get(&value) {
            Some(local) => *local,
            None => self.scratch(val_type(self.region.inst(value).ty())),
        };
        self.held.insert(value, local);
        local
    }

    /// Reserves locals for the values from a position on that the block's end uses, so that whatever code computes them leaves
    /// them there.
    pub(super) fn reserve(&mut self, trees: &Trees, insts: &[Value], from: usize) {
        let end = insts.len();
        for value in insts[from..].iter().filter(|value| trees.locals.get(value) == Some(&end)) {
            if !self.reserved.contains_key(value) {
                let local = self.scratch(val_type(self.region.inst(*value).ty()));
                self.reserved.insert(*value, local);
            }
        }
    }

    /// Which locals the block uses for what, to be restored.
    pub(super) fn block_locals(&self) -> BlockLocals {
        let (free, held, members) = (self.free.clone(), self.held.clone(), self.members.clone());
        BlockLocals { free, held, members, count: self.local_count() }
    }

    /// Goes back to what locals were used for. Those that are new since, but for variables', are free.
    pub(super) fn restore_block_locals(&mut self, before: BlockLocals) {
        (self.free, self.held, self.members) = (before.free, before.held, before.members);
        let new = self.locals[before.count as usize..].iter().zip(EXIT + before.count..);
        for (ty, local) in new.filter(|(_, local)| !self.registers.contains(&Some(*local))) {
            self.free.entry(*ty).or_default().push(local);
        }
    }

    /// A local for work between two instructions, to be given back.
    pub(super) fn scratch(&mut self, ty: ValType) -> u32 {
        let free = self.free.get_mut(&ty).and_then(Vec::pop);
        free.unwrap_or_else(|| self.new_local(ty))
    }

    /// Gives a local of [`Emitter::scratch`] back.
    pub(super) fn give_back(&mut self, ty: ValType, local: u32) {
        self.free.entry(ty).or_default().push(local);
    }

    /// The local of a value, if it has one.
    pub(super) fn held(&self, value: Value) -> Option<u32> {
        self.held.get(&value).copied()
    }

    /// Gives locals back whose last use was at `position`.
    pub(super) fn release(&mut self, trees: &Trees, insts: &[Value], position: usize) {
        let done = |value: &&Value| trees.locals.get(value).is_some_and(|last| *last == position);
        for value in insts.iter().filter(done) {
            if let Some(local) = self.held.remove(value) {
                let ty = val_type(self.region.inst(*value).ty());
                self.free.entry(ty).or_default().push(local);
            }
        }
    }

    /// Notes where a group's members are, until the block's end.
    pub(super) fn hold_members(&mut self, group: Value, places: Places) {
        self.members.insert(group, places);
    }

    /// A local, and what is to be added to it for a member's place.
    pub(super) fn member(&self, group: Value, member: u8) -> Result<(u32, u32)> {
        let member = usize::from(member);
        let found = self.members.get(&group).and_then(|places| match places {
            Places::Each(places) => Some((*places.get(member)?, 0)),
            Places::From(base, id) => Some((*base, self.region.groups[id.index()].members.get(member)?.offset.into())),
        });
        found.with_context(|| format!("{group} was not looked up"))
    }

    /// Gives the locals of members back, at a block's end.
    pub(super) fn release_members(&mut self) {
        self.reserved.clear();
        let free = self.free.entry(ValType::I32).or_default();
        for places in std::mem::take(&mut self.members).into_values() {
            match places {
                Places::Each(places) => free.extend(places),
                Places::From(base, _) => free.push(base),
            }
        }
    }

    /// Whether a loop is open.
    pub(super) fn in_loop(&self) -> bool {
        self.labels.iter().any(|label| matches!(label, Label::Loop(_)))
    }

    /// Distance of a label from here.
    pub(super) fn depth(&self, label: Label) -> u32 {
        let outer = self.labels.iter().rev().position(|open| *open == label);
        if outer.is_none() {
            self.missing.set(Some(label));
        }
        outer.unwrap_or_default() as u32
    }
}

fn val_type(ty: Type) -> ValType {
    match ty {
        Type::Int => ValType::I64,
        Type::Vec => ValType::V128,
        Type::Float(FloatWidth::F32) => ValType::F32,
        Type::Float(FloatWidth::F64) => ValType::F64,
        Type::Bool | Type::Place | Type::Unit => ValType::I32,
    }
}

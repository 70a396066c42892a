//! The function under construction: its bytes, locals and labels.

use super::tree::Trees;
use crate::ir::{BlockId, Reg, Region, Temp, Type, Value};
use crate::lift::{Addresses, Options, Privilege, Targets};
use crate::passes::liveness::Liveness;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, HashMap};
use wasm_encoder::{InstructionSink, MemArg, MemArgTarget, ValType};
use x86::vector::float::FloatWidth;

/// The parameter that holds the region's base.
pub(super) const BASE: u32 = 0;
/// The parameter that holds the entry point; dispatch blocks use it again.
pub(super) const SELECTOR: u32 = 1;
/// The parameter that holds how many bytes of stack calls may still use: see `call`.
pub(super) const ROOM: u32 = 2;
/// The budget.
pub(super) const BUDGET: u32 = 3;
/// What the side exit that is taken has to know: see `exits`.
pub(super) const EXIT: u32 = 4;

/// What a `br` can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// The code that writes back and leaves.
    SideExit,
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
    locals: Vec<ValType>,
    registers: [Option<u32>; Reg::COUNT],
    free: HashMap<ValType, Vec<u32>>,
    /// Locals of the current block's values.
    held: HashMap<Value, u32>,
    /// Locals of the places that the current block's groups gave.
    members: BTreeMap<Value, Vec<u32>>,
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
            locals: vec![ValType::I64; 2 + region.temps as usize],
            registers: [None; Reg::COUNT],
            free: HashMap::new(),
            held: HashMap::new(),
            members: BTreeMap::new(),
        }
    }

    /// The instruction encoder.
    pub(super) fn op(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    /// The function, whose locals begin at `first`: [`BUDGET`], or after it.
    pub(super) fn finish(self, first: u32) -> wasm_encoder::Function {
        let own = self.locals.into_iter().skip((first - BUDGET) as usize);
        let mut function = wasm_encoder::Function::new_with_locals_types(own);
        function.raw(self.code);
        function
    }

    /// Locals so far.
    pub(super) fn local_count(&self) -> u32 {
        self.locals.len() as u32
    }

    fn new_local(&mut self, ty: ValType) -> u32 {
        self.locals.push(ty);
        // The parameters come before the locals.
        BUDGET + self.locals.len() as u32 - 1
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
        let ty = val_type(self.region.inst(value).ty());
        let local = match self.free.get_mut(&ty).and_then(Vec::pop) {
            Some(local) => local,
            None => self.new_local(ty),
        };
        self.held.insert(value, local);
        local
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

    /// Notes in which locals the places of a group's members are, until the block's end.
    pub(super) fn hold_members(&mut self, group: Value, places: Vec<u32>) {
        self.members.insert(group, places);
    }

    /// The local of a member's place.
    pub(super) fn member(&self, group: Value, member: u8) -> Result<u32> {
        let places = self.members.get(&group).and_then(|places| places.get(usize::from(member)));
        places.copied().with_context(|| format!("{group} was not looked up"))
    }

    /// Gives the locals of members back, at a block's end.
    pub(super) fn release_members(&mut self) {
        let free = self.free.entry(ValType::I32).or_default();
        free.extend(std::mem::take(&mut self.members).into_values().flatten());
    }

    /// Distance of a label from here.
    pub(super) fn depth(&self, label: Label) -> u32 {
        let place = self.labels.iter().rposition(|l| *l == label);
        self.labels.len() as u32 - 1 - place.unwrap_or_default() as u32
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

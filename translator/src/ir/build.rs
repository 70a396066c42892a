//! Building a block: instructions are numbered (two equal pure ones are one) and variables tracked, so that a `Get` after
//! a `Set` is the value itself. The folding constructors are in `passes::fold`.

use super::{Field, Inst, Reg, Region, Value};
use crate::passes::quotient::HighHalf;
use std::collections::HashMap;
use x86::{BinOp, UnOp, Width};

/// A block under construction.
pub struct Builder<'r> {
    /// The region that it will be part of.
    pub region: &'r mut Region,
    insts: Vec<Value>,
    numbered: HashMap<Inst, Value>,
    high_halves: HashMap<Value, HighHalf>,
    held: [Option<Value>; Reg::COUNT],
}

impl<'r> Builder<'r> {
    /// An empty block.
    pub fn new(region: &'r mut Region) -> Self {
        let held = [None; Reg::COUNT];
        Builder { region, insts: Vec::new(), numbered: HashMap::new(), high_halves: HashMap::new(), held }
    }

    /// The instructions.
    pub fn finish(self) -> Vec<Value> {
        self.insts
    }

    /// Appends an instruction, unless it is pure and there already.
    pub fn push(&mut self, inst: Inst) -> Value {
        if let Some(&value) = self.numbered.get(&inst) {
            return value;
        }
        let value = Value(self.region.insts.len() as u32);
        let possible = possible(self.region, &inst);
        self.region.insts.push(inst);
        self.region.possible.push(possible);
        self.insts.push(value);
        if inst.is_pure() {
            self.numbered.insert(inst, value);
        }
        value
    }

    /// What a value is the high half of, if of a product with a constant.
    pub fn high_half(&self, value: Value) -> Option<HighHalf> {
        self.high_halves.get(&value).copied()
    }

    /// Remembers what a value is the high half of.
    pub fn is_high_half(&mut self, value: Value, of: HighHalf) {
        self.high_halves.insert(value, of);
    }

    /// A constant.
    pub fn constant(&mut self, value: u64) -> Value {
        self.push(Inst::Const(value))
    }

    /// Whether no effect came after an instruction of the block.
    pub fn is_recent(&self, value: Value) -> bool {
        let last = |at: &&Value| **at == value || self.region.inst(**at).is_effect();
        self.insts.iter().rev().find(last) == Some(&value)
    }

    /// What a variable holds.
    pub fn get(&mut self, reg: Reg) -> Value {
        if let Some(value) = self.held[reg.index()] {
            return value;
        }
        let value = self.push(Inst::Get(reg));
        self.held[reg.index()] = Some(value);
        value
    }

    /// Sets a variable, unless it holds the value already.
    pub fn set(&mut self, reg: Reg, value: Value) {
        if self.assign(reg, value) {
            self.push(Inst::Set(reg, value));
        }
    }

    /// Gives a variable a value that the block sees from here on; whether it is another. The caller sees to the `Set`.
    pub fn assign(&mut self, reg: Reg, value: Value) -> bool {
        self.held[reg.index()].replace(value) != Some(value)
    }
}

/// The bits that may be set in what an instruction gives.
fn possible(region: &Region, inst: &Inst) -> u64 {
    match *inst {
        Inst::Const(constant) => constant,
        Inst::Int(_) => 1,
        Inst::EntryFlags | Inst::FlagsWord { .. } => x86::flags::bit::ARITHMETIC,
        Inst::Get(reg) if reg == Reg::FLAG_OP => 0xff,
        Inst::Get(reg) if reg == Reg::FLAG_CARRY => 1,
        Inst::Load(w, ..) | Inst::VecLane(w, ..) => w.mask(),
        Inst::VecBitmask(w, _) => (1 << (16 / w.bytes())) - 1,
        Inst::Bits(w, _) => w.bits().mask(),
        Inst::FloatUn(op, _) => op.result().mask(),
        Inst::Get(Reg::MXCSR) | Inst::Read(Field::InterruptWaits | Field::Level) => u32::MAX.into(),
        Inst::Select(_, a, b) => region.possible(a) | region.possible(b),
        Inst::Un(UnOp::SignExtend, ..) => u64::MAX,
        Inst::Un(UnOp::Popcnt | UnOp::Clz | UnOp::Ctz, ..) => 127,
        Inst::Un(_, w, _) => w.mask(),
        Inst::Bin(op, w, a, b) => possible_binary(region, op, w, a, b) & w.mask(),
        _ => u64::MAX,
    }
}

fn possible_binary(region: &Region, op: BinOp, w: Width, a: Value, b: Value) -> u64 {
    let (x, y) = (region.possible(a), region.possible(b));
    match (op, region.constant(b)) {
        (BinOp::And, _) => x & y,
        (BinOp::Or | BinOp::Xor, _) => x | y,
        (BinOp::Shl, Some(count)) => x << (count & 63),
        (BinOp::Shr, Some(count)) => x >> (count & 63),
        (BinOp::Shr, None) => smeared(x),
        // A sum has at most one bit more than the longer operand.
        (BinOp::Add, _) => smeared(x | y).checked_mul(2).map_or(u64::MAX, |mask| mask | 1),
        (BinOp::DivUnsigned, _) => smeared(x),
        (BinOp::RemUnsigned, _) => smeared(y),
        _ => w.mask(),
    }
}

/// All bits up to the highest one.
fn smeared(mask: u64) -> u64 {
    if mask == 0 { 0 } else { u64::MAX >> mask.leading_zeros() }
}

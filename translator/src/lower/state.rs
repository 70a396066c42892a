//! The processor's state as translated code has it.
//!
//! While translated code runs, the fields of [`Cpu`] that it reads and writes most are at the start of linear memory ([`NEAR`]), where their
//! addresses are short: an access is five bytes of Wasm in place of seven, and of x86-64's machine code five in place of eight. The dispatcher
//! calls regions through the *enter* function alone, which brings these fields from `Cpu` and back:
//!
//! ```text
//! enter (base: i64, entry: i32, room: i32, region: i32) -> i64       region: its entry of the function table
//!   near = fields
//!   where, budget = call_indirect region (base, entry, room, budget)
//!   fields = near
//! ```
//!
//! The budget, which each region reads and writes, is a parameter and a result of all of them.
//!
//! The runtime's helpers run in between: they look at no field that is near. All other fields are where the runtime has them, and so are these
//! where [`Addresses::near`] says that none is near.
//!
//! The runtime's stack, which grows down, ends there: it is never so full while translated code runs.

use super::emit::{Emitter, at};
use super::shared::SharedType;
use crate::ir::Field;
use crate::lift::Addresses;
use core::mem::offset_of;
use runtime::cpu::Cpu;
use wasm_encoder::{FuncType, Function, InstructionSink, MemArg, ValType};
use x86::Segment;

/// A field's offset in [`Cpu`], and its size in bytes.
pub(super) type Place = (usize, u64);

pub(super) const RIP: Place = (offset_of!(Cpu, rip), 8);
const BUDGET: Place = (offset_of!(Cpu, budget), 8);
pub(super) const FLAGS_DST: Place = (offset_of!(Cpu, flags_dst), 8);
pub(super) const FLAGS_SRC: Place = (offset_of!(Cpu, flags_src), 8);
pub(super) const FLAGS_CARRY: Place = (offset_of!(Cpu, flags_carry), 8);
pub(super) const FLAGS_OP: Place = (offset_of!(Cpu, flags_op), 4);
pub(super) const EXIT_REASON: Place = (offset_of!(Cpu, exit_reason), 4);
pub(super) const USER_GENERATION: Place = (offset_of!(Cpu, user_generation), 8);
pub(super) const KERNEL_GENERATION: Place = (offset_of!(Cpu, kernel_generation), 8);
pub(super) const STAMPS: Place = (offset_of!(Cpu, stamps), 4);

/// The fields that are near, in this order, each aligned to its size: by how often code names them, since addresses below 128 are the shortest.
const NEAR: [Place; 27] = [
    gpr(4),
    FLAGS_OP,
    EXIT_REASON,
    FLAGS_DST,
    gpr(0),
    gpr(7),
    RIP,
    FLAGS_SRC,
    gpr(6),
    gpr(3),
    gpr(2),
    FLAGS_CARRY,
    gpr(5),
    gpr(1),
    gpr(12),
    gpr(13),
    gpr(14),
    gpr(15),
    gpr(8),
    gpr(9),
    KERNEL_GENERATION,
    gpr(10),
    gpr(11),
    USER_GENERATION,
    Field::SegmentBase(Segment::Fs).place(),
    Field::SegmentBase(Segment::Gs).place(),
    STAMPS,
];

/// Bytes that they take.
pub const NEAR_SIZE: u32 = near(NEAR.len());

pub(super) const fn gpr(number: usize) -> Place {
    (offset_of!(Cpu, gpr) + 8 * number, 8)
}

/// Where the field with a number in [`NEAR`] is, from the first.
const fn near(number: usize) -> u32 {
    let (mut place, mut before) = (0, 0);
    while before < number {
        place += NEAR[before].1 as u32;
        before += 1;
    }
    place
}

/// Where a field is while translated code runs: its address, and its size in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home {
    place: MemArg,
    size: u64,
}

impl Home {
    pub(super) fn of(place: Place, addresses: &Addresses) -> Home {
        let near = addresses.near.and_then(|first| {
            let number = NEAR.iter().position(|near| *near == place)?;
            Some(Home::near(number, first))
        });
        near.unwrap_or_else(|| Home::in_cpu(place, addresses))
    }

    fn near(number: usize, first: u32) -> Home {
        let size = NEAR[number].1;
        Home { place: at(first + near(number), size), size }
    }

    fn in_cpu((offset, size): Place, addresses: &Addresses) -> Home {
        Home { place: at(addresses.cpu + offset as u32, size), size }
    }

    /// Puts the field on the stack: as i64, or as a vector where it is one.
    pub(super) fn get(self, sink: &mut InstructionSink<'_>) {
        sink.i32_const(0);
        match self.size {
            16 => sink.v128_load(self.place),
            4 => sink.i64_load32_u(self.place),
            _ => sink.i64_load(self.place),
        };
    }

    /// What comes before the value that the field is set to.
    pub(super) fn before(self, sink: &mut InstructionSink<'_>) {
        sink.i32_const(0);
    }

    /// Sets the field to the value on the stack.
    pub(super) fn set(self, sink: &mut InstructionSink<'_>) {
        match self.size {
            16 => sink.v128_store(self.place),
            4 => sink.i64_store32(self.place),
            _ => sink.i64_store(self.place),
        };
    }
}

impl Emitter<'_> {
    /// Puts a field on the stack: as i64, or as a vector where it is one.
    pub(super) fn get(&mut self, place: Place) {
        Home::of(place, self.addresses).get(&mut self.op());
    }

    /// Sets a field to what `value` puts on the stack.
    pub(super) fn set<T>(&mut self, place: Place, value: impl FnOnce(&mut Self) -> T) -> T {
        let home = Home::of(place, self.addresses);
        home.before(&mut self.op());
        let done = value(self);
        home.set(&mut self.op());
        done
    }
}

/// Sets a field to a constant, outside of an [`Emitter`].
pub(super) fn set_constant(sink: &mut InstructionSink<'_>, place: Place, value: i64, addresses: &Addresses) {
    let home = Home::of(place, addresses);
    home.before(sink);
    sink.i64_const(value);
    home.set(sink);
}

/// Type of the enter function.
pub fn enter_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I32, ValType::I32, ValType::I32], [ValType::I64])
}

/// The enter function.
pub fn enter_function(addresses: &Addresses) -> Function {
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    copy(&mut sink, addresses, |near, cpu| (cpu, near));
    let (region, left) = (3, 4);
    let budget = Home::in_cpu(BUDGET, addresses);
    sink.local_get(0).local_get(1).local_get(2);
    budget.get(&mut sink);
    sink.local_get(region).call_indirect(addresses.table, addresses.ty(SharedType::Region)).local_set(left);
    copy(&mut sink, addresses, |near, cpu| (near, cpu));
    budget.before(&mut sink);
    sink.local_get(left);
    budget.set(&mut sink);
    sink.end();
    let mut function = Function::new([(1, ValType::I64)]);
    function.raw(code);
    function
}

/// Copies all fields that are near: `ends` tells from which of the two places to which.
fn copy(sink: &mut InstructionSink<'_>, addresses: &Addresses, ends: fn(Home, Home) -> (Home, Home)) {
    let Some(first) = addresses.near else { return };
    for (number, place) in NEAR.into_iter().enumerate() {
        let (from, to) = ends(Home::near(number, first), Home::in_cpu(place, addresses));
        to.before(sink);
        from.get(sink);
        to.set(sink);
    }
}

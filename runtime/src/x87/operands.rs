//! Operands of numeric instructions: stack registers, and numbers in memory.

use super::float::{Extended, Operand, from_integer};
use crate::exception::Exception;
use crate::vm::Vm;
use x86::operands::address;
use x86::{Insn, Operand as Place};

/// What a memory operand holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Single, double or extended precision, by its size.
    Real,
    /// A signed integer.
    Integer,
}

/// Number of the stack register that operand `index` names; ST(0) where it names none.
pub(super) fn register(insn: &Insn, index: usize) -> u8 {
    match insn.operands[index] {
        Place::St(i) => i,
        _ => 0,
    }
}

/// The number in memory.
pub(super) fn load(vm: &mut Vm, insn: &Insn, format: Format) -> Result<Operand, Exception> {
    let at = address(vm, insn);
    Ok(match (format, insn.mem_size) {
        (Format::Real, 4) => Operand::from_single(u32::from_le_bytes(vm.load_bytes(at)?)),
        (Format::Real, 8) => Operand::from_double(u64::from_le_bytes(vm.load_bytes(at)?)),
        (Format::Real, _) => extended(vm.load_bytes(at)?).into(),
        (Format::Integer, 2) => from_integer(i16::from_le_bytes(vm.load_bytes(at)?).into()).into(),
        (Format::Integer, 4) => from_integer(i32::from_le_bytes(vm.load_bytes(at)?).into()).into(),
        (Format::Integer, _) => from_integer(i64::from_le_bytes(vm.load_bytes(at)?)).into(),
    })
}

fn extended(bytes: [u8; 10]) -> Extended {
    let [low @ .., h0, h1] = bytes;
    Extended { high: u16::from_le_bytes([h0, h1]), significand: u64::from_le_bytes(low) }
}

/// The second operand of a two-operand instruction: in memory, or ST(i), `None` where that is empty.
pub(super) fn source(vm: &mut Vm, insn: &Insn, format: Format) -> Result<Option<Operand>, Exception> {
    if insn.has_memory() {
        return load(vm, insn, format).map(Some);
    }
    Ok(vm.cpu.st(register(insn, 1)).map(Operand::from))
}

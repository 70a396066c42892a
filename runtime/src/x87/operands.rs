//! Operands of numeric instructions: stack registers, and numbers in memory.

use super::float::{Extended, Operand, from_integer};
use super::unit::{Form, Unit};
use crate::exception::Exception;

/// What a memory operand holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Single, double or extended precision, by its size.
    Real,
    /// A signed integer.
    Integer,
}

/// The number in memory.
pub(super) fn load(unit: &mut impl Unit, form: Form, format: Format) -> Result<Operand, Exception> {
    Ok(match (format, form.size) {
        (Format::Real, 4) => Operand::from_single(u32::from_le_bytes(unit.load()?)),
        (Format::Real, 8) => Operand::from_double(u64::from_le_bytes(unit.load()?)),
        (Format::Real, _) => extended(unit.load()?).into(),
        (Format::Integer, 2) => from_integer(i16::from_le_bytes(unit.load()?).into()).into(),
        (Format::Integer, 4) => from_integer(i32::from_le_bytes(unit.load()?).into()).into(),
        (Format::Integer, _) => from_integer(i64::from_le_bytes(unit.load()?)).into(),
    })
}

fn extended(bytes: [u8; 10]) -> Extended {
    let [low @ .., h0, h1] = bytes;
    Extended { high: u16::from_le_bytes([h0, h1]), significand: u64::from_le_bytes(low) }
}

/// The second operand of a two-operand instruction: in memory, or ST(i), `None` where that is empty.
pub(super) fn source(unit: &mut impl Unit, form: Form, format: Format) -> Result<Option<Operand>, Exception> {
    if form.has_memory() {
        return load(unit, form, format).map(Some);
    }
    Ok(unit.cpu().st(form.registers[1]).map(Operand::from))
}

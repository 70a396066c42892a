//! Arithmetic: FADD, FSUB, FMUL, FDIV in all forms, and the operations on ST(0) and ST(1). SDM volume 1, section 8.3.5.

use super::Done;
use super::float::{self, Binary, Context, Extended, Operand, Quotient, Rounded};
use super::operands::{Format, source};
use super::stack::{C0, C1, C2, C3};
use super::unit::{Form, Unit};
use crate::cpu::Cpu;

impl Cpu {
    /// Writes a result to ST(`i`), or what answers an empty operand. Whether it was written.
    pub(super) fn finish(&mut self, i: u8, result: Option<Rounded>) -> bool {
        let written = match result {
            Some(result) => self.report(result.raised, result.up),
            None => self.report_underflow(),
        };
        if written {
            self.set_st(i, result.map_or(Extended::INDEFINITE, |result| result.value));
        }
        written
    }
}

/// `destination op source`, or `source op destination` if `reversed`. The destination is ST(0) with a memory operand.
fn two_operands(
    unit: &mut impl Unit,
    form: Form,
    format: Format,
    op: Binary,
    reversed: bool,
) -> Result<bool, super::Exception> {
    let second = source(unit, form, format)?;
    let destination = form.registers[0];
    let cpu = unit.cpu();
    let first = cpu.st(destination).map(Operand::from);
    let result = first.zip(second).map(|(a, b)| {
        let (a, b) = if reversed { (b, a) } else { (a, b) };
        float::binary(op, cpu.context(), a, b)
    });
    Ok(cpu.finish(destination, result))
}

/// The forms with a real operand in memory or a register.
pub(super) fn real(unit: &mut impl Unit, form: Form, op: Binary, reversed: bool) -> Done {
    two_operands(unit, form, Format::Real, op, reversed).map(|_| ())
}

/// The forms with an integer in memory.
pub(super) fn integer(unit: &mut impl Unit, form: Form, op: Binary, reversed: bool) -> Done {
    two_operands(unit, form, Format::Integer, op, reversed).map(|_| ())
}

/// The forms that pop.
pub(super) fn popping(unit: &mut impl Unit, form: Form, op: Binary, reversed: bool) -> Done {
    if two_operands(unit, form, Format::Real, op, reversed)? {
        unit.cpu().pop();
    }
    Ok(())
}

/// ST(0) becomes `f` of it.
pub(super) fn unary(unit: &mut impl Unit, f: impl FnOnce(Context, Extended) -> Rounded) -> Done {
    let cpu = unit.cpu();
    let result = cpu.st(0).map(|a| f(cpu.context(), a));
    cpu.finish(0, result);
    Ok(())
}

/// ST(0) becomes `f` of ST(0) and ST(1).
pub(super) fn scale(unit: &mut impl Unit) -> Done {
    let cpu = unit.cpu();
    let result = cpu.st(0).zip(cpu.st(1)).map(|(a, b)| float::scale(cpu.context(), a, b));
    cpu.finish(0, result);
    Ok(())
}

/// FPREM, or FPREM1 if `nearest`: the quotient's low bits go to C0, C3 and C1, "not complete" to C2.
pub(super) fn remainder(unit: &mut impl Unit, nearest: bool) -> Done {
    let cpu = unit.cpu();
    let result = cpu.st(0).zip(cpu.st(1)).map(|(a, b)| float::remainder(cpu.context(), a, b, nearest));
    cpu.fsw &= !C2;
    let written = cpu.finish(0, result.map(|(value, _)| value));
    match result.map(|(_, quotient)| quotient).filter(|_| written) {
        Some(Quotient::Complete(bits)) => {
            let code = |bit: u8, code: u16| if bits >> bit & 1 != 0 { code } else { 0 };
            cpu.set_codes(code(2, C0) | code(1, C3));
            cpu.fsw |= code(0, C1);
        }
        Some(Quotient::Partial) => cpu.set_codes(C2),
        Some(Quotient::None) | None => {}
    }
    Ok(())
}

/// FXTRACT: the exponent replaces ST(0), the significand is pushed.
pub(super) fn extract(unit: &mut impl Unit) -> Done {
    let cpu = unit.cpu();
    let pair = cpu.st(0).map(|a| float::extract(cpu.context(), a));
    push_second(cpu, pair);
    Ok(())
}

/// Writes the first of two results to ST(0) and pushes the second.
pub(super) fn push_second(cpu: &mut Cpu, pair: Option<(Rounded, Extended)>) -> bool {
    let full = !cpu.is_empty(7);
    let (written, first, second) = match pair {
        Some((first, second)) if !full => (cpu.report(first.raised, first.up), first.value, second),
        None if !full => (cpu.report_underflow(), Extended::INDEFINITE, Extended::INDEFINITE),
        _ => (cpu.report_overflow(), Extended::INDEFINITE, Extended::INDEFINITE),
    };
    if written {
        cpu.set_st(0, first);
        cpu.push(second);
    }
    written
}

//! Comparison and classification: FCOM, FUCOM, FICOM, FTST, FCOMI, FUCOMI, FXAM. SDM volume 1, section 8.3.6.
//!
//! Where the manual and processors differ this does as processors do: an exception that is not masked keeps a
//! comparison from popping, not from setting condition codes or flags; FCOMI clears C1 only at a stack fault.

use super::Done;
use super::float::raised::{IE, SF};
use super::float::{Class, Extended, Operand, Relation, compare};
use super::operands::{Format, source};
use super::stack::{C0, C1, C2, C3};
use super::unit::{Form, Unit};
use x86::flags::bit;

/// Compares: the relation, and the exceptions.
fn relate(a: Option<Operand>, b: Option<Operand>, quiet: bool) -> (Relation, u16) {
    match a.zip(b) {
        Some((a, b)) => compare(a, b, quiet),
        None => (Relation::Unordered, IE | SF),
    }
}

/// Compares ST(0) with `b`, sets the condition codes, and pops `pops` times unless an exception is not masked.
fn to_codes(unit: &mut impl Unit, b: Option<Operand>, quiet: bool, pops: u32) {
    let (relation, raised) = relate(unit.cpu().st(0).map(Operand::from), b, quiet);
    let completes = unit.cpu().report(raised, false);
    unit.cpu().set_codes(match relation {
        Relation::Greater => 0,
        Relation::Less => C0,
        Relation::Equal => C3,
        Relation::Unordered => C0 | C2 | C3,
    });
    if completes {
        (0..pops).for_each(|_| unit.cpu().pop());
    }
}

/// FCOM, FCOMP.
pub(super) fn real(unit: &mut impl Unit, form: Form, pops: u32) -> Done {
    let b = source(unit, form, Format::Real)?;
    to_codes(unit, b, false, pops);
    Ok(())
}

/// FICOM, FICOMP.
pub(super) fn integer(unit: &mut impl Unit, form: Form, pops: u32) -> Done {
    let b = source(unit, form, Format::Integer)?;
    to_codes(unit, b, false, pops);
    Ok(())
}

/// FUCOM, FUCOMP.
pub(super) fn quiet(unit: &mut impl Unit, form: Form, pops: u32) -> Done {
    let b = unit.cpu().st(form.registers[1]).map(Operand::from);
    to_codes(unit, b, true, pops);
    Ok(())
}

/// FCOMPP, and FUCOMPP if `quiet`.
pub(super) fn both(unit: &mut impl Unit, quiet: bool) -> Done {
    let b = unit.cpu().st(1).map(Operand::from);
    to_codes(unit, b, quiet, 2);
    Ok(())
}

/// FTST.
pub(super) fn with_zero(unit: &mut impl Unit) -> Done {
    to_codes(unit, Some(Extended::ZERO.into()), false, 0);
    Ok(())
}

/// FCOMI and FCOMIP, FUCOMI and FUCOMIP if `quiet`: to ZF, PF and CF.
pub(super) fn to_flags(unit: &mut impl Unit, form: Form, quiet: bool, pops: bool) -> Done {
    let (a, b) = (unit.cpu().st(0), unit.cpu().st(form.registers[1]));
    let (relation, raised) = relate(a.map(Operand::from), b.map(Operand::from), quiet);
    let c1 = raised & SF == 0 && unit.cpu().fsw & C1 != 0;
    let completes = unit.cpu().report(raised, c1);
    let dst = match relation {
        Relation::Greater => 0,
        Relation::Less => bit::CF,
        Relation::Equal => bit::ZF,
        Relation::Unordered => bit::CF | bit::PF | bit::ZF,
    };
    unit.set_flags(dst);
    if completes && pops {
        unit.cpu().pop();
    }
    Ok(())
}

/// FXAM: the class of ST(0), also of an empty one, and its sign in C1.
pub(super) fn examine(unit: &mut impl Unit) -> Done {
    let cpu = unit.cpu();
    let [significand, high] = cpu.fpr[cpu.physical(0)];
    let value = Extended { high: high as u16, significand };
    let codes = match value.class() {
        _ if cpu.is_empty(0) => C3 | C0,
        Class::Unsupported => 0,
        Class::QuietNan | Class::SignalingNan => C0,
        Class::Normal => C2,
        Class::Infinity => C2 | C0,
        Class::Zero => C3,
        Class::Denormal => C3 | C2,
    };
    cpu.set_codes(codes);
    cpu.fsw = cpu.fsw & !C1 | if value.is_negative() { C1 } else { 0 };
    Ok(())
}

//! Comparison and classification: FCOM, FUCOM, FICOM, FTST, FCOMI, FUCOMI, FXAM. SDM volume 1, section 8.3.6.
//!
//! Where the manual and processors differ this does as processors do: an exception that is not masked keeps a
//! comparison from popping, not from setting condition codes or flags; FCOMI clears C1 only at a stack fault.

use super::Done;
use super::float::raised::{IE, SF};
use super::float::{Class, Extended, Operand, Relation, compare};
use super::operands::{Format, register, source};
use super::stack::{C0, C1, C2, C3};
use crate::vm::Vm;
use x86::flags::bit;
use x86::{FlagOp, Flags, Insn, Width};

/// Compares: the relation, and the exceptions.
fn relate(a: Option<Operand>, b: Option<Operand>, quiet: bool) -> (Relation, u16) {
    match a.zip(b) {
        Some((a, b)) => compare(a, b, quiet),
        None => (Relation::Unordered, IE | SF),
    }
}

/// Compares ST(0) with `b`, sets the condition codes, and pops `pops` times unless an exception is not masked.
fn to_codes(vm: &mut Vm, b: Option<Operand>, quiet: bool, pops: u32) {
    let (relation, raised) = relate(vm.cpu.st(0).map(Operand::from), b, quiet);
    let completes = vm.cpu.report(raised, false);
    vm.cpu.set_codes(match relation {
        Relation::Greater => 0,
        Relation::Less => C0,
        Relation::Equal => C3,
        Relation::Unordered => C0 | C2 | C3,
    });
    if completes {
        (0..pops).for_each(|_| vm.cpu.pop());
    }
}

/// FCOM, FCOMP.
pub(super) fn real(vm: &mut Vm, insn: &Insn, pops: u32) -> Done {
    let b = source(vm, insn, Format::Real)?;
    to_codes(vm, b, false, pops);
    Ok(())
}

/// FICOM, FICOMP.
pub(super) fn integer(vm: &mut Vm, insn: &Insn, pops: u32) -> Done {
    let b = source(vm, insn, Format::Integer)?;
    to_codes(vm, b, false, pops);
    Ok(())
}

/// FUCOM, FUCOMP.
pub(super) fn quiet(vm: &mut Vm, insn: &Insn, pops: u32) -> Done {
    let b = vm.cpu.st(register(insn, 1)).map(Operand::from);
    to_codes(vm, b, true, pops);
    Ok(())
}

/// FCOMPP, and FUCOMPP if `quiet`.
pub(super) fn both(vm: &mut Vm, quiet: bool) -> Done {
    let b = vm.cpu.st(1).map(Operand::from);
    to_codes(vm, b, quiet, 2);
    Ok(())
}

/// FTST.
pub(super) fn with_zero(vm: &mut Vm) -> Done {
    to_codes(vm, Some(Extended::ZERO.into()), false, 0);
    Ok(())
}

/// FCOMI and FCOMIP, FUCOMI and FUCOMIP if `quiet`: to ZF, PF and CF.
pub(super) fn to_flags(vm: &mut Vm, insn: &Insn, quiet: bool, pops: bool) -> Done {
    let (a, b) = (vm.cpu.st(0), vm.cpu.st(register(insn, 1)));
    let (relation, raised) = relate(a.map(Operand::from), b.map(Operand::from), quiet);
    let c1 = raised & SF == 0 && vm.cpu.fsw & C1 != 0;
    let completes = vm.cpu.report(raised, c1);
    let dst = match relation {
        Relation::Greater => 0,
        Relation::Less => bit::CF,
        Relation::Equal => bit::ZF,
        Relation::Unordered => bit::CF | bit::PF | bit::ZF,
    };
    vm.cpu.set_lazy_flags(Flags { op: FlagOp::Explicit, width: Width::W64, dst, src: 0, carry: 0 });
    if completes && pops {
        vm.cpu.pop();
    }
    Ok(())
}

/// FXAM: the class of ST(0), also of an empty one, and its sign in C1.
pub(super) fn examine(vm: &mut Vm) -> Done {
    let [significand, high] = vm.cpu.fpr[vm.cpu.physical(0)];
    let value = Extended { high: high as u16, significand };
    let codes = match value.class() {
        _ if vm.cpu.is_empty(0) => C3 | C0,
        Class::Unsupported => 0,
        Class::QuietNan | Class::SignalingNan => C0,
        Class::Normal => C2,
        Class::Infinity => C2 | C0,
        Class::Zero => C3,
        Class::Denormal => C3 | C2,
    };
    vm.cpu.set_codes(codes);
    vm.cpu.fsw = vm.cpu.fsw & !C1 | if value.is_negative() { C1 } else { 0 };
    Ok(())
}

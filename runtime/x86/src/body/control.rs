//! Control transfer: JMP, Jcc, JRCXZ, LOOP, CALL, RET. SDM volume 1, section 5.1.7. Far transfers are the helper's.
//!
//! Departure from the manual: where the target is not a canonical address, #GP(0) is raised at the target, when it is fetched, and not at
//! the branch.

use crate::body::stack::{above, operand_width, push_value, top};
use crate::flags::{self, Condition};
use crate::insn::{CodeMode, Gpr, Insn, Operand};
use crate::machine::{Machine, UnOp};
use crate::operands::{read, read_gpr, write_gpr};
use crate::width::Width;

/// Whether a transfer that is not relative goes to another segment: its operand is a selector too.
fn far(insn: &Insn) -> bool {
    use iced_x86::Code::*;
    matches!(
        insn.code,
        Jmp_m1616
            | Jmp_m1632
            | Jmp_m1664
            | Jmp_ptr1616
            | Jmp_ptr1632
            | Call_m1616
            | Call_m1632
            | Call_m1664
            | Call_ptr1616
            | Call_ptr1632
    )
}

/// JMP.
#[inline(always)]
pub fn jmp<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.operands[0] == Operand::Imm {
        m.jump_near(insn.imm as i64);
        return Ok(());
    }
    if far(insn) {
        return m.helper(insn);
    }
    let target = match insn.mode {
        CodeMode::Long => read(m, insn, 0, Width::W64)?,
        CodeMode::Compatibility => target_apart(m, insn)?,
    };
    m.jump(target);
    Ok(())
}

#[cold]
#[inline(never)]
fn target_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<M::Int, M::Stop> {
    read(m, insn, 0, operand_width(insn))
}

/// Jcc.
#[inline(always)]
pub fn jcc<M: Machine>(m: &mut M, insn: &Insn, condition: Condition) {
    let now = m.flags();
    let taken = flags::holds(m, now, condition);
    m.branch(taken, insn.imm as i64);
}

/// JRCXZ, JECXZ and JCXZ.
pub fn jrcxz<M: Machine>(m: &mut M, insn: &Insn) {
    let w = count_width(insn);
    let count = read_gpr(m, Gpr::RCX, w);
    let taken = m.is_zero(count);
    m.branch(taken, insn.imm as i64);
}

/// RCX, ECX or CX, as the address size is.
fn count_width(insn: &Insn) -> Width {
    use iced_x86::Code::*;
    match insn.code {
        Jecxz_rel8_64 | Loop_rel8_64_ECX | Loope_rel8_64_ECX | Loopne_rel8_64_ECX => Width::W32,
        Jecxz_rel8_32 | Loop_rel8_32_ECX | Loope_rel8_32_ECX | Loopne_rel8_32_ECX => Width::W32,
        Jcxz_rel8_32 | Loop_rel8_32_CX | Loope_rel8_32_CX | Loopne_rel8_32_CX => Width::W16,
        _ => Width::W64,
    }
}

/// LOOP, LOOPE (`zero` = true) and LOOPNE (false).
pub fn loop_<M: Machine>(m: &mut M, insn: &Insn, zero: Option<bool>) {
    let w = count_width(insn);
    let count = read_gpr(m, Gpr::RCX, w);
    let one = m.imm(1);
    let count = m.sub(w, count, one);
    let mut taken = m.is_nonzero(count);
    if let Some(zero) = zero {
        let now = m.flags();
        let condition = if zero { Condition::E } else { Condition::Ne };
        let holds = flags::holds(m, now, condition);
        taken = m.both(taken, holds);
    }
    write_gpr(m, Gpr::RCX, w, count);
    m.branch(taken, insn.imm as i64);
}

/// CALL.
#[inline(always)]
pub fn call<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.operands[0] != Operand::Imm && far(insn) {
        return m.helper(insn);
    }
    match insn.mode {
        CodeMode::Long => call_in(m, CodeMode::Long, insn, Width::W64),
        CodeMode::Compatibility => call_apart(m, insn),
    }
}

#[cold]
#[inline(never)]
fn call_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    call_in(m, CodeMode::Compatibility, insn, operand_width(insn))
}

#[inline(always)]
fn call_in<M: Machine>(m: &mut M, mode: CodeMode, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    let target = match insn.operands[0] {
        Operand::Imm => None,
        _ => Some(read(m, insn, 0, w)?),
    };
    let here = m.rip();
    let length = m.imm(insn.length.into());
    let back = m.add(Width::W64, here, length);
    let back = if w == Width::W64 { back } else { m.un(UnOp::Truncate, w, back) };
    push_value(m, mode, w, back)?;
    match target {
        None => m.jump_near(insn.imm as i64),
        Some(target) => m.jump(target),
    }
    Ok(())
}

/// RET, with or without bytes to release.
#[inline(always)]
pub fn ret<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    match insn.mode {
        CodeMode::Long => ret_in(m, CodeMode::Long, insn, Width::W64),
        CodeMode::Compatibility => ret_apart(m, insn),
    }
}

#[cold]
#[inline(never)]
fn ret_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    ret_in(m, CodeMode::Compatibility, insn, operand_width(insn))
}

#[inline(always)]
fn ret_in<M: Machine>(m: &mut M, mode: CodeMode, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    let (target, mut after) = top(m, mode, w)?;
    if insn.operands[0] == Operand::Imm {
        after = above(m, mode, after, insn.imm & 0xffff);
    }
    m.set_gpr(Gpr::RSP, after);
    m.jump(target);
    Ok(())
}

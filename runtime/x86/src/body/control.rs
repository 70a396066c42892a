//! Control transfer: JMP, Jcc, JRCXZ, LOOP, CALL, RET. SDM volume 1, section 5.1.7. Far transfers are the helper's.
//!
//! Departure from the manual: where the target is not a canonical address, #GP(0) is raised at the target, when it is fetched, and not at
//! the branch.

use crate::body::stack::{push_value, top};
use crate::flags::{self, Condition};
use crate::insn::{Gpr, Insn, Operand};
use crate::machine::Machine;
use crate::operands::{read, read_gpr, write_gpr};
use crate::width::Width;

/// Whether the operand names a near target: what the far forms load is a selector too.
fn far(insn: &Insn) -> bool {
    insn.operands[0] == Operand::Mem && insn.mem_size != 8
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
    let target = read(m, insn, 0, Width::W64)?;
    m.jump(target);
    Ok(())
}

/// Jcc.
#[inline(always)]
pub fn jcc<M: Machine>(m: &mut M, insn: &Insn, condition: Condition) {
    let now = m.flags();
    let taken = flags::holds(m, now, condition);
    m.branch(taken, insn.imm as i64);
}

/// JRCXZ and JECXZ.
pub fn jrcxz<M: Machine>(m: &mut M, insn: &Insn) {
    let w = count_width(insn);
    let count = read_gpr(m, Gpr::RCX, w);
    let taken = m.is_zero(count);
    m.branch(taken, insn.imm as i64);
}

/// RCX, or ECX with an address-size prefix.
fn count_width(insn: &Insn) -> Width {
    use iced_x86::Code::*;
    match insn.code {
        Jecxz_rel8_64 | Loop_rel8_64_ECX | Loope_rel8_64_ECX | Loopne_rel8_64_ECX => Width::W32,
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
    if far(insn) {
        return m.helper(insn);
    }
    let target = match insn.operands[0] {
        Operand::Imm => None,
        _ => Some(read(m, insn, 0, Width::W64)?),
    };
    let here = m.rip();
    let length = m.imm(insn.length.into());
    let back = m.add(Width::W64, here, length);
    push_value(m, Width::W64, back)?;
    match target {
        None => m.jump_near(insn.imm as i64),
        Some(target) => m.jump(target),
    }
    Ok(())
}

/// RET, with or without bytes to release.
#[inline(always)]
pub fn ret<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (target, mut after) = top(m, Width::W64)?;
    if insn.operands[0] == Operand::Imm {
        let release = m.imm(insn.imm & 0xffff);
        after = m.add(Width::W64, after, release);
    }
    m.set_gpr(Gpr::RSP, after);
    m.jump(target);
    Ok(())
}

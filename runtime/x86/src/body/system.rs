//! The system instructions that run often: CLD, STD, CLI, PUSHF, SWAPGS. SDM volume 2. What they must refuse, and the rest,
//! is the machine's one function.

use super::stack::{operand_width, push_value};
use crate::flags;
use crate::insn::Insn;
use crate::machine::Machine;

const IF: u64 = 1 << 9;
const DF: u64 = 1 << 10;
const RF: u64 = 1 << 16;
const VM: u64 = 1 << 17;

/// CLD and STD (`down`).
#[inline(always)]
pub fn direction<M: Machine>(m: &mut M, down: bool) {
    let old = m.system_flags();
    let new = if down {
        let bit = m.imm(DF);
        m.or(old, bit)
    } else {
        m.and_imm(old, !DF)
    };
    m.set_system_flags(new);
}

/// CLI.
#[inline(always)]
pub fn cli<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.in_kernel() {
        return m.helper(insn);
    }
    let old = m.system_flags();
    let new = m.and_imm(old, !IF);
    m.set_system_flags(new);
    Ok(())
}

/// PUSHF.
#[inline(always)]
pub fn pushf<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = operand_width(insn);
    let now = m.flags();
    let arithmetic = flags::word(m, now);
    let system = m.system_flags();
    let system = m.and_imm(system, !(VM | RF));
    let word = m.or(arithmetic, system);
    let word = m.and_imm(word, w.mask());
    push_value(m, insn.mode, w, word)
}

/// SWAPGS.
#[inline(always)]
pub fn swapgs<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.in_kernel() {
        return m.helper(insn);
    }
    m.swap_gs_base();
    Ok(())
}

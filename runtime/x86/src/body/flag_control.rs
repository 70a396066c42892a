//! Flag control: CLC, STC, CMC, LAHF, SAHF. SDM volume 1, section 5.1.10. What touches other bits of RFLAGS than the
//! arithmetic flags (CLD, STD, CLI, STI, PUSHF, POPF) is the helper's.

use crate::flags::{self, FlagOp, bit};
use crate::insn::Gpr;
use crate::machine::Machine;
use crate::width::Width;

/// What becomes of CF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarryOp {
    /// CLC.
    Clear,
    /// STC.
    Set,
    /// CMC.
    Complement,
}

fn set_word<M: Machine>(m: &mut M, word: M::Int) {
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
}

/// CLC, STC and CMC.
pub fn carry<M: Machine>(m: &mut M, op: CarryOp) {
    let now = m.flags();
    let word = flags::word(m, now);
    let cf = m.imm(bit::CF);
    let word = match op {
        CarryOp::Clear => m.and_imm(word, !bit::CF),
        CarryOp::Set => m.or(word, cf),
        CarryOp::Complement => m.xor(word, cf),
    };
    set_word(m, word);
}

/// LAHF: AH = SF ZF 0 AF 0 PF 1 CF.
pub fn lahf<M: Machine>(m: &mut M) {
    let now = m.flags();
    let word = flags::word(m, now);
    let low = m.and_imm(word, 0xff);
    let fixed = m.imm(2);
    let low = m.or(low, fixed);
    let high = m.shl_imm(low, 8);
    let rax = m.gpr(Gpr::RAX);
    let kept = m.and_imm(rax, !0xff00);
    let rax = m.or(kept, high);
    m.set_gpr(Gpr::RAX, rax);
}

/// SAHF: all arithmetic flags but OF from AH.
pub fn sahf<M: Machine>(m: &mut M) {
    let now = m.flags();
    let rax = m.gpr(Gpr::RAX);
    let high = m.shr_imm(rax, 8);
    let mask = bit::ARITHMETIC & !bit::OF;
    let values = m.and_imm(high, mask);
    let word = flags::merged(m, now, mask, values);
    set_word(m, word);
}

//! Binary arithmetic and logic: ADD, ADC, SUB, SBB, CMP, INC, DEC, NEG, AND, OR, XOR, TEST, NOT, XADD, CMPXCHG,
//! CMPXCHG16B, ADCX, ADOX. SDM volume 1, sections 5.1.2 and 5.1.4.

use crate::flags::{self, FlagOp, bit, merged, placed};
use crate::insn::{Gpr, Insn, Operand};
use crate::machine::{BinOp, Compare, Machine, UnOp};
use crate::operands::{address, modify, read, read_gpr, write, write_gpr};
use crate::width::Width;

/// CF as 0 or 1.
fn carry_in<M: Machine>(m: &mut M) -> M::Int {
    let before = m.flags();
    let carry = flags::carry(m, before);
    m.int(carry)
}

/// ADD.
#[inline(always)]
pub fn add<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (w, b) = (insn.width, read(m, insn, 1, insn.width)?);
    let sum = modify(m, insn, w, |m, a| {
        let sum = m.add(w, a, b);
        (sum, sum)
    })?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Add, w, sum, b, none);
    Ok(())
}

/// ADC.
pub fn adc<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (w, b) = (insn.width, read(m, insn, 1, insn.width)?);
    let carry = carry_in(m);
    let sum = modify(m, insn, w, |m, a| {
        let sum = m.add(w, a, b);
        let sum = m.add(w, sum, carry);
        (sum, sum)
    })?;
    m.set_flags(FlagOp::Adc, w, sum, b, carry);
    Ok(())
}

/// ADCX and ADOX: the carry goes in and out by one flag, CF or OF, alone.
#[inline(never)]
pub fn add_with<M: Machine>(m: &mut M, insn: &Insn, flag: u64) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 1, w)?;
    let Operand::Gpr(r) = insn.operands[0] else { return Err(m.undefined(insn)) };
    let a = read_gpr(m, r, w);
    let before = m.flags();
    let carry = if flag == bit::CF { flags::carry(m, before) } else { flags::overflow(m, before) };
    let carry = m.int(carry);
    let partial = m.add(w, a, b);
    let sum = m.add(w, partial, carry);
    // At most one of the two additions wraps.
    let (wraps, again) =
        (m.compare(Compare::LtUnsigned, w, partial, a), m.compare(Compare::LtUnsigned, w, sum, partial));
    let out = m.either(wraps, again);
    write_gpr(m, r, w, sum);
    let value = placed(m, out, flag);
    let word = merged(m, before, flag, value);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

/// SUB.
#[inline(always)]
pub fn sub<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (w, b) = (insn.width, read(m, insn, 1, insn.width)?);
    let a = modify(m, insn, w, |m, a| (m.sub(w, a, b), a))?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Sub, w, a, b, none);
    Ok(())
}

/// SBB.
pub fn sbb<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (w, b) = (insn.width, read(m, insn, 1, insn.width)?);
    let carry = carry_in(m);
    let a = modify(m, insn, w, |m, a| {
        let difference = m.sub(w, a, b);
        (m.sub(w, difference, carry), a)
    })?;
    m.set_flags(FlagOp::Sbb, w, a, b, carry);
    Ok(())
}

/// CMP.
#[inline(always)]
pub fn cmp<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let a = read(m, insn, 0, insn.width)?;
    let b = read(m, insn, 1, insn.width)?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Sub, insn.width, a, b, none);
    Ok(())
}

/// INC and DEC, which leave CF.
#[inline(always)]
pub fn step<M: Machine>(m: &mut M, insn: &Insn, op: FlagOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let one = m.imm(1);
    let result = modify(m, insn, w, |m, a| {
        let result = if op == FlagOp::Inc { m.add(w, a, one) } else { m.sub(w, a, one) };
        (result, result)
    })?;
    let carry = carry_in(m);
    let none = m.imm(0);
    m.set_flags(op, w, result, carry, none);
    Ok(())
}

/// NEG: 0 − a.
pub fn neg<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let a = modify(m, insn, w, |m, a| (m.un(UnOp::Neg, w, a), a))?;
    let zero = m.imm(0);
    m.set_flags(FlagOp::Sub, w, zero, a, zero);
    Ok(())
}

/// AND, OR and XOR.
#[inline(always)]
pub fn logic<M: Machine>(m: &mut M, insn: &Insn, op: BinOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 1, w)?;
    let result = modify(m, insn, w, |m, a| {
        let result = m.bin(op, w, a, b);
        (result, result)
    })?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Logic, w, result, none, none);
    Ok(())
}

/// XOR; of a register with itself it is 0, whatever the register holds.
#[inline(always)]
pub fn xor<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !insn.same_registers() {
        return logic(m, insn, BinOp::Xor);
    }
    let zero = m.imm(0);
    write(m, insn, 0, insn.width, zero)?;
    m.set_flags(FlagOp::Logic, insn.width, zero, zero, zero);
    Ok(())
}

/// TEST.
#[inline(always)]
pub fn test<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let a = read(m, insn, 0, insn.width)?;
    let result = if insn.same_registers() {
        a
    } else {
        let b = read(m, insn, 1, insn.width)?;
        m.and(a, b)
    };
    let none = m.imm(0);
    m.set_flags(FlagOp::Logic, insn.width, result, none, none);
    Ok(())
}

/// NOT, which leaves the flags.
pub fn not<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    modify(m, insn, w, |m, a| (m.un(UnOp::Not, w, a), ()))
}

/// XADD: the destination's old value goes to the source; where both are one register the sum stays.
pub fn xadd<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 1, w)?;
    if insn.has_memory() {
        let (old, sum) = modify(m, insn, w, |m, a| {
            let sum = m.add(w, a, b);
            (sum, (a, sum))
        })?;
        write(m, insn, 1, w, old)?;
        return add_flags(m, w, sum, b);
    }
    let a = read(m, insn, 0, w)?;
    let sum = m.add(w, a, b);
    write(m, insn, 1, w, a)?;
    write(m, insn, 0, w, sum)?;
    add_flags(m, w, sum, b)
}

fn add_flags<M: Machine>(m: &mut M, w: Width, sum: M::Int, b: M::Int) -> Result<(), M::Stop> {
    let none = m.imm(0);
    m.set_flags(FlagOp::Add, w, sum, b, none);
    Ok(())
}

/// CMPXCHG: memory is written in either case, with its old value where it differs from the accumulator (SDM volume 2,
/// CMPXCHG). Registers that do not change keep their upper halves, as on processors: the accumulator where the comparison
/// is equal, the destination where it is not.
pub fn cmpxchg<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let new = read(m, insn, 1, w)?;
    let rax = m.gpr(Gpr::RAX);
    let accumulator = read_gpr(m, Gpr::RAX, w);
    let destination = match insn.operands[0] {
        Operand::Gpr(r) if w == Width::W32 => Some((r, m.gpr(r))),
        _ => None,
    };
    let (old, equal) = modify(m, insn, w, |m, old| {
        let equal = m.compare(Compare::Eq, w, old, accumulator);
        (m.select(equal, new, old), (old, equal))
    })?;
    if let Some((r, before)) = destination {
        let written = m.gpr(r);
        let value = m.select(equal, written, before);
        m.set_gpr(r, value);
    }
    // The write above may have been to RAX itself, which then equals the accumulator and stays as written.
    let now = m.gpr(Gpr::RAX);
    write_gpr(m, Gpr::RAX, w, old);
    let loaded = m.gpr(Gpr::RAX);
    let kept = if insn.has_memory() { rax } else { now };
    let rax = m.select(equal, kept, loaded);
    m.set_gpr(Gpr::RAX, rax);
    let none = m.imm(0);
    m.set_flags(FlagOp::Sub, w, accumulator, old, none);
    Ok(())
}

/// CMPXCHG16B: RDX:RAX against 16 bytes, RCX:RBX to store. The helper refuses an address that is no multiple of 16, so that
/// both halves lie in one page.
#[inline(never)]
pub fn cmpxchg16b<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let low_at = address(m, insn);
    let rest = m.and_imm(low_at, 15);
    let crooked = m.is_nonzero(rest);
    if m.rare(crooked) {
        return m.helper(insn);
    }
    let eight = m.imm(8);
    let high_at = m.add(Width::W64, low_at, eight);
    let low = m.load_for_store(Width::W64, low_at)?;
    let high = m.load_for_store(Width::W64, high_at)?;
    let [rax, rdx, rbx, rcx] = [Gpr::RAX, Gpr::RDX, Gpr::RBX, Gpr::RCX].map(|r| m.gpr(r));
    let low_equal = m.compare(Compare::Eq, Width::W64, low, rax);
    let high_equal = m.compare(Compare::Eq, Width::W64, high, rdx);
    let equal = m.both(low_equal, high_equal);
    let (new_low, new_high) = (m.select(equal, rbx, low), m.select(equal, rcx, high));
    m.store(Width::W64, low_at, new_low)?;
    m.store(Width::W64, high_at, new_high)?;
    let (rax, rdx) = (m.select(equal, rax, low), m.select(equal, rdx, high));
    m.set_gpr(Gpr::RAX, rax);
    m.set_gpr(Gpr::RDX, rdx);
    let before = m.flags();
    let zero = placed(m, equal, bit::ZF);
    let word = merged(m, before, bit::ZF, zero);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

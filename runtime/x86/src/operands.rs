//! Reading and writing operands.

use crate::insn::{CodeMode, Gpr, Insn, Operand, Segment};
use crate::machine::{Arith, BinOp, Machine, UnOp};
use crate::width::Width;

/// Offset of the memory operand in its segment.
#[inline(always)]
pub fn offset<M: Machine>(m: &mut M, insn: &Insn) -> M::Int {
    let mem = &insn.mem;
    let mut sum = None;
    if mem.rip_relative {
        sum = Some(m.rip());
    } else if let Some(base) = mem.base {
        sum = Some(m.gpr(base));
    }
    if let Some(index) = mem.index {
        let index = m.gpr(index);
        let scaled = if mem.scale == 0 { index } else { m.shl_imm(index, mem.scale.into()) };
        sum = Some(match sum {
            Some(base) => m.add(Width::W64, base, scaled),
            None => scaled,
        });
    }
    let total = match sum {
        Some(sum) if mem.disp == 0 => sum,
        Some(sum) => {
            let disp = m.imm(mem.disp as u64);
            m.add(Width::W64, sum, disp)
        }
        None => m.imm(mem.disp as u64),
    };
    cut(m, insn, total)
}

/// A sum cut to the address size.
#[inline(always)]
pub fn cut<M: Machine>(m: &mut M, insn: &Insn, sum: M::Int) -> M::Int {
    if insn.mem.address_width == Width::W64 { sum } else { cut_apart(m, insn, sum) }
}

#[cold]
#[inline(never)]
fn cut_apart<M: Machine>(m: &mut M, insn: &Insn, sum: M::Int) -> M::Int {
    m.un(UnOp::Truncate, insn.mem.address_width, sum)
}

/// Linear address of the memory operand.
#[inline(always)]
pub fn address<M: Machine>(m: &mut M, insn: &Insn) -> M::Int {
    let offset = offset(m, insn);
    linear(m, insn, offset)
}

/// Linear address of an offset in the memory operand's segment, for an access as large as the operand.
#[inline(always)]
pub fn linear<M: Machine>(m: &mut M, insn: &Insn, offset: M::Int) -> M::Int {
    match insn.mem.segment {
        None => offset,
        Some(segment) => linear_in(m, insn, segment, offset),
    }
}

/// What [`linear`] is with a segment: apart, since it is at every access of the interpreter's loop.
#[inline(never)]
fn linear_in<M: Machine>(m: &mut M, insn: &Insn, segment: Segment, offset: M::Int) -> M::Int {
    match insn.mode {
        CodeMode::Long => {
            let base = m.segment_base(segment);
            m.add(Width::W64, base, offset)
        }
        CodeMode::Compatibility => m.segmented(segment, offset, insn.mem_size.into()),
    }
}

/// Low `w` of a register.
#[inline(always)]
pub fn read_gpr<M: Machine>(m: &mut M, r: Gpr, w: Width) -> M::Int {
    let value = m.gpr(r);
    if w == Width::W64 { value } else { m.un(UnOp::Truncate, w, value) }
}

/// Writes the low `w` of a register: 32 bits clear the upper half, 8 and 16 bits leave the rest (SDM 1, 3.4.1.1).
#[inline(always)]
pub fn write_gpr<M: Machine>(m: &mut M, r: Gpr, w: Width, value: M::Int) {
    let value = match w {
        Width::W32 | Width::W64 => value,
        Width::W8 | Width::W16 => {
            let old = m.gpr(r);
            let kept = m.and_imm(old, !w.mask());
            m.or(kept, value)
        }
    };
    m.set_gpr(r, value);
}

/// Reads operand `index` at width `w`.
///
/// # Errors
/// The fault of a memory operand.
#[inline(always)]
pub fn read<M: Machine>(m: &mut M, insn: &Insn, index: usize, w: Width) -> Result<M::Int, M::Stop> {
    match insn.operands[index] {
        Operand::Gpr(r) => Ok(read_gpr(m, r, w)),
        Operand::Imm => Ok(m.imm(insn.imm)),
        Operand::Mem => {
            let address = address(m, insn);
            m.load(w, address)
        }
        Operand::High(r) => Ok(read_high(m, r)),
        _ => Err(m.undefined(insn)),
    }
}

#[inline(always)]
fn read_high<M: Machine>(m: &mut M, r: Gpr) -> M::Int {
    let value = m.gpr(r);
    let shifted = m.shr_imm(value, 8);
    m.and_imm(shifted, 0xff)
}

#[inline(always)]
fn write_high<M: Machine>(m: &mut M, r: Gpr, value: M::Int) {
    let old = m.gpr(r);
    let kept = m.and_imm(old, !0xff00);
    let placed = m.shl_imm(value, 8);
    let new = m.or(kept, placed);
    m.set_gpr(r, new);
}

/// Writes operand `index` at width `w`.
///
/// # Errors
/// The fault of a memory operand.
#[inline(always)]
pub fn write<M: Machine>(m: &mut M, insn: &Insn, index: usize, w: Width, value: M::Int) -> Result<(), M::Stop> {
    match insn.operands[index] {
        Operand::Gpr(r) => write_gpr(m, r, w, value),
        Operand::Mem => {
            let address = address(m, insn);
            m.store(w, address, value)?;
        }
        Operand::High(r) => write_high(m, r, value),
        _ => return Err(m.undefined(insn)),
    }
    Ok(())
}

/// Replaces operand 0 at width `w` by what `f` makes of it. `f` writes nothing; what it gives beside the new value
/// comes back, for flags and further registers.
///
/// # Errors
/// The fault of a memory operand, found before `f` runs.
#[inline(always)]
pub fn modify<M: Machine, T>(
    m: &mut M,
    insn: &Insn,
    w: Width,
    f: impl FnOnce(&mut M, M::Int) -> (M::Int, T),
) -> Result<T, M::Stop> {
    match insn.operands[0] {
        Operand::Gpr(r) => {
            let old = read_gpr(m, r, w);
            let (new, rest) = f(m, old);
            write_gpr(m, r, w, new);
            Ok(rest)
        }
        Operand::Mem => {
            let address = address(m, insn);
            let old = m.load_for_store(w, address)?;
            let (new, rest) = f(m, old);
            m.store(w, address, new)?;
            Ok(rest)
        }
        Operand::High(r) => {
            let old = read_high(m, r);
            let (new, rest) = f(m, old);
            write_high(m, r, new);
            Ok(rest)
        }
        _ => Err(m.undefined(insn)),
    }
}

/// `value` at width `from`, sign-extended to `to`.
#[inline(always)]
pub fn sign_extend<M: Machine>(m: &mut M, value: M::Int, from: Width, to: Width) -> M::Int {
    let wide = m.un(UnOp::SignExtend, from, value);
    if to == Width::W64 { wide } else { m.un(UnOp::Truncate, to, wide) }
}

/// The sign of `value`, in every bit of width `w`.
#[inline(always)]
pub fn sign_fill<A: Arith>(a: &mut A, w: Width, value: A::Int) -> A::Int {
    let count = a.imm((w.bits() - 1).into());
    a.bin(BinOp::Sar, w, value, count)
}

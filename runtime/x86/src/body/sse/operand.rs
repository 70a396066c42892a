//! Operands of XMM and YMM instructions, and how one body serves three encodings:
//!
//! | encoding | first source | lanes | the destination's upper half |
//! |---|---|---|---|
//! | legacy | operand 0, the destination | 128 bits | stays |
//! | VEX.128 | operand 1 | 128 bits | is cleared |
//! | VEX.256 | operand 1 | each half of 256 bits by itself | is the second half's result |
//!
//! A body says what happens to one half ([`binary`], [`unary`]) or works on a [`Wide`] value, which is one half or two. It
//! takes operands by [`first`] and writes with [`set`]. Legacy encodings are inlined; VEX encodings share one copy of each
//! shape, so that the interpreter's loop stays small. An MMX operand, of which no form is implemented here, is refused.

use crate::insn::{Insn, Operand, Vex};
use crate::machine::Machine;
use crate::operands::address;
use crate::width::Width;

/// A value of 128 bits, or the halves of one of 256, low first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wide<V> {
    /// 128 bits.
    One(V),
    /// 256 bits.
    Two([V; 2]),
}

impl<V: Copy> Wide<V> {
    /// `f` of every half and its number.
    #[inline(always)]
    pub(super) fn map(self, mut f: impl FnMut(usize, V) -> V) -> Wide<V> {
        match self {
            Wide::One(a) => Wide::One(f(0, a)),
            Wide::Two([low, high]) => Wide::Two([f(0, low), f(1, high)]),
        }
    }

    /// `f` of every pair of halves and its number; `other` has as many.
    #[inline(always)]
    pub(super) fn zip(self, other: Wide<V>, mut f: impl FnMut(usize, V, V) -> V) -> Wide<V> {
        match (self, other) {
            (Wide::Two([a, b]), Wide::Two([x, y])) => Wide::Two([f(0, a, x), f(1, b, y)]),
            _ => Wide::One(f(0, self.low(), other.low())),
        }
    }

    /// The low half.
    #[inline(always)]
    pub(super) fn low(self) -> V {
        match self {
            Wide::One(low) | Wide::Two([low, _]) => low,
        }
    }
}

/// Index of the first source.
#[inline(always)]
pub(super) fn first(insn: &Insn) -> usize {
    usize::from(insn.vex != Vex::None)
}

/// What every XMM and YMM instruction asks before anything else.
#[inline(always)]
pub(super) fn available<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.vex == Vex::None { m.sse_available() } else { m.avx_available() }
}

/// Number of the XMM or YMM register that operand `index` is.
#[inline(always)]
pub(super) fn number<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<u8, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => Ok(number),
        _ => Err(m.undefined(insn)),
    }
}

/// The first source's low 128 bits.
#[inline(always)]
pub(super) fn base<M: Machine>(m: &mut M, insn: &Insn) -> Result<M::Vec, M::Stop> {
    let number = number(m, insn, first(insn))?;
    Ok(m.xmm(number))
}

/// Sets 128 bits of a register, and the upper half as the encoding has it.
#[inline(always)]
pub(super) fn set<M: Machine>(m: &mut M, insn: &Insn, dst: u8, value: M::Vec) {
    m.set_xmm(dst, value);
    if insn.vex != Vex::None {
        clear_upper(m, dst);
    }
}

#[inline(never)]
fn clear_upper<M: Machine>(m: &mut M, dst: u8) {
    let zero = m.vec_const(0);
    m.set_ymm_high(dst, zero);
}

/// Sets a register to a result.
#[inline(always)]
pub(super) fn set_wide<M: Machine>(m: &mut M, insn: &Insn, dst: u8, value: Wide<M::Vec>) {
    match value {
        Wide::One(low) => set(m, insn, dst, low),
        Wide::Two([low, high]) => {
            m.set_xmm(dst, low);
            m.set_ymm_high(dst, high);
        }
    }
}

/// A register, as wide as the encoding says.
#[inline(always)]
pub(super) fn register<M: Machine>(m: &mut M, insn: &Insn, number: u8) -> Wide<M::Vec> {
    if insn.vex == Vex::L256 { Wide::Two([m.xmm(number), m.ymm_high(number)]) } else { Wide::One(m.xmm(number)) }
}

/// Linear address of a memory operand of 16 or 32 bytes: #GP(0) unless it is aligned (SDM 1, 4.1.1, 11.4.4 and 14.9).
#[inline(always)]
pub(super) fn aligned_address<M: Machine>(m: &mut M, insn: &Insn) -> Result<M::Int, M::Stop> {
    let address = address(m, insn);
    let low = m.and_imm(address, u64::from(insn.mem_size) - 1);
    let misaligned = m.is_nonzero(low);
    if m.rare(misaligned) {
        return Err(m.general_protection());
    }
    Ok(address)
}

/// Reads 128 bits of operand `index`: a register, 16 bytes of memory, which a legacy encoding wants aligned, or as many
/// bytes as the instruction names, followed by zeros.
#[inline(always)]
pub(super) fn source<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<M::Vec, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => Ok(m.xmm(number)),
        Operand::Mem if insn.mem_size == 16 => {
            let address = if insn.vex == Vex::None { aligned_address(m, insn)? } else { address(m, insn) };
            m.load_vec(address)
        }
        Operand::Mem => {
            let Some(w) = Width::from_bytes(insn.mem_size.into()) else {
                return Err(m.undefined(insn));
            };
            let address = address(m, insn);
            let low = m.load(w, address)?;
            let high = m.imm(0);
            Ok(m.vec_from(low, high))
        }
        _ => Err(m.undefined(insn)),
    }
}

/// Reads operand `index`, as wide as the encoding says.
#[inline(always)]
pub(super) fn source_wide<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<Wide<M::Vec>, M::Stop> {
    match insn.operands[index] {
        Operand::Mem if insn.mem_size == 32 => {
            let address = address(m, insn);
            Ok(Wide::Two(m.load_wide(address)?))
        }
        Operand::Xmm(number) => Ok(register(m, insn, number)),
        _ => Ok(Wide::One(source(m, insn, index)?)),
    }
}

/// Reads the low `w` of operand `index`: of a register, or just that much memory.
#[inline(always)]
pub(super) fn source_lane<M: Machine>(m: &mut M, insn: &Insn, index: usize, w: Width) -> Result<M::Int, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => {
            let value = m.xmm(number);
            Ok(m.vec_lane(w, value, 0))
        }
        Operand::Mem => {
            let address = address(m, insn);
            m.load(w, address)
        }
        _ => Err(m.undefined(insn)),
    }
}

/// A destination's number, and both sources.
type Pair<V> = (u8, Wide<V>, Wide<V>);

/// The destination's number and both sources.
#[inline(always)]
pub(super) fn pair<M: Machine>(m: &mut M, insn: &Insn) -> Result<Pair<M::Vec>, M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let b = source_wide(m, insn, first(insn) + 1)?;
    let a = number(m, insn, first(insn))?;
    Ok((dst, register(m, insn, a), b))
}

/// dst = f(first source, second source), half by half; `f` is told which half.
#[inline(always)]
pub(super) fn binary<M: Machine>(
    m: &mut M,
    insn: &Insn,
    f: impl Fn(&mut M, usize, M::Vec, M::Vec) -> M::Vec,
) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_binary(m, insn, f);
    }
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let b = source(m, insn, 1)?;
    let a = m.xmm(dst);
    let result = f(m, 0, a, b);
    m.set_xmm(dst, result);
    Ok(())
}

#[inline(never)]
fn vex_binary<M: Machine>(
    m: &mut M,
    insn: &Insn,
    f: impl Fn(&mut M, usize, M::Vec, M::Vec) -> M::Vec,
) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = a.zip(b, |half, a, b| f(m, half, a, b));
    set_wide(m, insn, dst, result);
    Ok(())
}

/// dst = f(operand `index`), half by half; `f` is told which half.
#[inline(always)]
pub(super) fn unary<M: Machine>(
    m: &mut M,
    insn: &Insn,
    index: usize,
    f: impl Fn(&mut M, usize, M::Vec) -> M::Vec,
) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_unary(m, insn, index, f);
    }
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let a = source(m, insn, index)?;
    let result = f(m, 0, a);
    m.set_xmm(dst, result);
    Ok(())
}

#[inline(never)]
fn vex_unary<M: Machine>(
    m: &mut M,
    insn: &Insn,
    index: usize,
    f: impl Fn(&mut M, usize, M::Vec) -> M::Vec,
) -> Result<(), M::Stop> {
    m.avx_available()?;
    let dst = number(m, insn, 0)?;
    let a = source_wide(m, insn, index)?;
    let result = a.map(|half, a| f(m, half, a));
    set_wide(m, insn, dst, result);
    Ok(())
}

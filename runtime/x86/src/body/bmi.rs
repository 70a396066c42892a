//! BMI1 and BMI2: ANDN, BEXTR, BLSI, BLSMSK, BLSR, BZHI, MULX, RORX, SARX, SHLX, SHRX. SDM volume 1, section 5.1.16.
//!
//! PDEP and PEXT, which no few operations make, are the runtime's. AF and PF, undefined, are those of the result.

use crate::flags::{FlagOp, bit, placed};
use crate::insn::{Gpr, Insn};
use crate::integer::IntegerOp;
use crate::machine::{BinOp, Compare, Machine, UnOp};
use crate::operands::{read, read_gpr, write};
use crate::width::Width;

/// What is done with the lowest bit that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowestBit {
    /// BLSI: it alone.
    Isolate,
    /// BLSMSK: it and all below.
    Mask,
    /// BLSR: all but it.
    Reset,
}

/// CF as given, ZF and SF of the result, OF clear.
fn set_flags<M: Machine>(m: &mut M, w: Width, result: M::Int, carry: M::Bool) {
    let (zero, sign) = (m.is_zero(result), m.is_negative(w, result));
    let (c, z, s) = (placed(m, carry, bit::CF), placed(m, zero, bit::ZF), placed(m, sign, bit::SF));
    let word = m.or(c, z);
    let word = m.or(word, s);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
}

/// ANDN: not the first source, and the second.
#[inline(never)]
pub fn andn<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 2, w)?;
    let a = read(m, insn, 1, w)?;
    let inverted = m.un(UnOp::Not, w, a);
    let result = m.and(inverted, b);
    write(m, insn, 0, w, result)?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Logic, w, result, none, none);
    Ok(())
}

/// The low `count` bits of a value, all of them where the count is 64 or more.
fn low_bits<M: Machine>(m: &mut M, value: M::Int, count: M::Int) -> M::Int {
    let whole = m.imm(64);
    let fits = m.compare(Compare::LtUnsigned, Width::W64, count, whole);
    let within = m.and_imm(count, 63);
    let one = m.imm(1);
    let power = m.bin(BinOp::Shl, Width::W64, one, within);
    let mask = m.sub(Width::W64, power, one);
    let cut = m.and(value, mask);
    m.select(fits, cut, value)
}

/// BEXTR: the bits from a first one on, as many as the second source's second byte says.
#[inline(never)]
pub fn bextr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let control = read(m, insn, 2, w)?;
    let start = m.and_imm(control, 0xff);
    let length = m.shr_imm(control, 8);
    let length = m.and_imm(length, 0xff);
    let limit = m.imm(64);
    let inside = m.compare(Compare::LtUnsigned, Width::W64, start, limit);
    let count = m.and_imm(start, 63);
    let moved = m.bin(BinOp::Shr, Width::W64, source, count);
    let none = m.imm(0);
    let moved = m.select(inside, moved, none);
    let result = low_bits(m, moved, length);
    write(m, insn, 0, w, result)?;
    m.set_flags(FlagOp::Logic, w, result, none, none);
    Ok(())
}

/// BLSI, BLSMSK and BLSR. CF says for BLSI that the source is not 0, for the others that it is.
#[inline(never)]
pub fn lowest<M: Machine>(m: &mut M, insn: &Insn, op: LowestBit) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let one = m.imm(1);
    let less = m.sub(w, source, one);
    let (result, carry) = match op {
        LowestBit::Isolate => {
            let negated = m.un(UnOp::Neg, w, source);
            (m.and(source, negated), m.is_nonzero(source))
        }
        LowestBit::Mask => (m.xor(source, less), m.is_zero(source)),
        LowestBit::Reset => (m.and(source, less), m.is_zero(source)),
    };
    write(m, insn, 0, w, result)?;
    set_flags(m, w, result, carry);
    Ok(())
}

/// BZHI: the bits below the one whose number is the second source's low byte. CF says that there are not so many.
#[inline(never)]
pub fn bzhi<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let index = read(m, insn, 2, w)?;
    let index = m.and_imm(index, 0xff);
    let last = m.imm((w.bits() - 1).into());
    let beyond = m.compare(Compare::LtUnsigned, Width::W64, last, index);
    let result = low_bits(m, source, index);
    write(m, insn, 0, w, result)?;
    set_flags(m, w, result, beyond);
    Ok(())
}

/// MULX: RDX by the source; the high half to the first operand, the low half to the second. Flags stay.
#[inline(never)]
pub fn mulx<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 2, w)?;
    let a = read_gpr(m, Gpr::RDX, w);
    let low = m.bin(BinOp::Mul, w, a, b);
    let high = m.bin(BinOp::MulHighUnsigned, w, a, b);
    write(m, insn, 1, w, low)?;
    write(m, insn, 0, w, high)
}

/// RORX, SARX, SHLX and SHRX: by the count modulo the width. Flags stay.
#[inline(never)]
pub fn shift<M: Machine>(m: &mut M, insn: &Insn, op: BinOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let count = read(m, insn, 2, w)?;
    let count = m.and_imm(count, (w.bits() - 1).into());
    let result = m.bin(op, w, source, count);
    write(m, insn, 0, w, result)
}

/// PDEP and PEXT: the first source by the second, a mask. Flags stay.
#[inline(never)]
pub fn by_mask<M: Machine>(m: &mut M, insn: &Insn, op: IntegerOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let mask = read(m, insn, 2, w)?;
    let source = read(m, insn, 1, w)?;
    let none = m.imm(0);
    let result = m.int_large(op, [source, mask, none])?;
    write(m, insn, 0, w, result)
}

/// CRC32: the remainder in the destination goes on with the source. Flags stay.
#[inline(never)]
pub fn crc32<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let source = read(m, insn, 1, insn.source_width)?;
    let sum = read(m, insn, 0, Width::W32)?;
    let none = m.imm(0);
    let result = m.int_large(IntegerOp::Remainder(insn.source_width), [sum, source, none])?;
    write(m, insn, 0, Width::W64, result)
}

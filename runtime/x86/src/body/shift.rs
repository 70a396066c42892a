//! Shifts and rotations: SHL, SHR, SAR, ROL, ROR, SHLD, SHRD; RCL and RCR. SDM volume 1, section 5.1.5; volume 2 for
//! counts: masked to 5 bits, 6 for 64-bit operands; a count of 0 leaves the flags.
//!
//! OF is defined for a count of 1 only and takes here what AMD and Intel processors give for it at every count.

use crate::flags::{self, FlagOp, bit, merged, placed};
use crate::insn::{Insn, Operand};
use crate::machine::{BinOp, Machine, UnOp};
use crate::operands::{modify, read};
use crate::width::Width;

/// The masked count: operand `index`, or 1 where the encoding implies it.
fn count<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<M::Int, M::Stop> {
    let mask = if insn.width == Width::W64 { 63 } else { 31 };
    match insn.operands[index] {
        Operand::Imm => Ok(m.imm(insn.imm & mask)),
        Operand::None => Ok(m.imm(1)),
        _ => {
            let count = read(m, insn, index, Width::W8)?;
            Ok(m.and_imm(count, mask))
        }
    }
}

/// The count if it is known now.
fn constant_count(insn: &Insn, index: usize) -> Option<u64> {
    let mask = if insn.width == Width::W64 { 63 } else { 31 };
    match insn.operands[index] {
        Operand::Imm => Some(insn.imm & mask),
        Operand::None => Some(1),
        _ => None,
    }
}

/// `a` shifted by `n`, which may be as large as 63 at any width.
fn shifted<M: Machine>(m: &mut M, op: FlagOp, w: Width, a: M::Int, n: M::Int) -> M::Int {
    match op {
        FlagOp::Shl => {
            let wide = m.bin(BinOp::Shl, Width::W64, a, n);
            m.and_imm(wide, w.mask())
        }
        FlagOp::Shr => m.bin(BinOp::Shr, Width::W64, a, n),
        _ => {
            let wide = m.un(UnOp::SignExtend, w, a);
            let result = m.bin(BinOp::Sar, Width::W64, wide, n);
            m.and_imm(result, w.mask())
        }
    }
}

/// SHL, SHR and SAR, named by their flags.
#[inline(always)]
pub fn shift<M: Machine>(m: &mut M, insn: &Insn, op: FlagOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let known = constant_count(insn, 1);
    let n = count(m, insn, 1)?;
    let before = m.flags();
    let (result, last) = modify(m, insn, w, |m, a| {
        let result = shifted(m, op, w, a, n);
        let one = m.imm(1);
        let less = m.sub(Width::W64, n, one);
        // A count of 0 gives 63 here; its flags are dropped below.
        let less = m.and_imm(less, 63);
        (result, (result, shifted(m, op, w, a, less)))
    })?;
    if known == Some(0) {
        return Ok(());
    }
    let none = m.imm(0);
    m.set_flags(op, w, result, last, none);
    if known.is_none() {
        let any = m.is_nonzero(n);
        m.keep_flags_unless(any, before);
    }
    Ok(())
}

/// ROL and ROR. They set CF and OF, and leave the other flags.
pub fn rotate<M: Machine>(m: &mut M, insn: &Insn, op: BinOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let n = count(m, insn, 1)?;
    let before = m.flags();
    let cut = m.and_imm(n, (w.bits() - 1).into());
    let result = modify(m, insn, w, |m, a| {
        let result = m.bin(op, w, a, cut);
        (result, result)
    })?;
    let top = m.is_negative(w, result);
    let low = m.and_imm(result, 1);
    let low = m.is_nonzero(low);
    let (carry, other) = if op == BinOp::Rotl {
        (low, top)
    } else {
        let next = m.shl_imm(result, 1);
        (top, m.is_negative(w, next))
    };
    let (c, o) = (m.int(carry), m.int(other));
    let overflow = m.xor(c, o);
    let overflow = m.is_nonzero(overflow);
    set_carry_overflow(m, before, carry, overflow);
    if constant_count(insn, 1).is_none_or(|n| n == 0) {
        let any = m.is_nonzero(n);
        m.keep_flags_unless(any, before);
    }
    Ok(())
}

fn set_carry_overflow<M: Machine>(m: &mut M, before: flags::Flags<M::Int>, carry: M::Bool, overflow: M::Bool) {
    let c = placed(m, carry, bit::CF);
    let o = placed(m, overflow, bit::OF);
    let values = m.or(c, o);
    let word = merged(m, before, bit::CF | bit::OF, values);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
}

/// SHLD and SHRD. For 16 bits and counts over 16 the result is undefined; here the operands form one 48-bit value
/// `destination:source:destination`, as processors have it.
pub fn double_shift<M: Machine>(m: &mut M, insn: &Insn, op: FlagOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let n = count(m, insn, 2)?;
    let before = m.flags();
    let (result, last) = modify(m, insn, w, |m, a| {
        let one = m.imm(1);
        let less = m.sub(Width::W64, n, one);
        let less = m.and_imm(less, 63);
        let result = joined(m, op, w, a, source, n);
        (result, (result, joined(m, op, w, a, source, less)))
    })?;
    if constant_count(insn, 2) == Some(0) {
        return Ok(());
    }
    let word = double_shift_flags(m, op, w, result, last);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    let any = m.is_nonzero(n);
    m.keep_flags_unless(any, before);
    Ok(())
}

/// CF is the last bit shifted out; OF whether the last step changed the sign.
fn double_shift_flags<M: Machine>(m: &mut M, op: FlagOp, w: Width, result: M::Int, last: M::Int) -> M::Int {
    let none = m.imm(0);
    let plain = flags::Flags { op: FlagOp::Logic, width: w, dst: result, src: none, carry: none };
    let word = flags::word(m, plain);
    let carry = if op == FlagOp::Shl {
        m.is_negative(w, last)
    } else {
        let low = m.and_imm(last, 1);
        m.is_nonzero(low)
    };
    let changed = m.xor(result, last);
    let overflow = m.is_negative(w, changed);
    let c = placed(m, carry, bit::CF);
    let o = placed(m, overflow, bit::OF);
    let word = m.or(word, c);
    m.or(word, o)
}

/// `a` shifted by `n`, the bits that become free taken from `source`.
fn joined<M: Machine>(m: &mut M, op: FlagOp, w: Width, a: M::Int, source: M::Int, n: M::Int) -> M::Int {
    match w {
        Width::W64 => joined64(m, op, a, source, n),
        Width::W16 => joined16(m, op, a, source, n),
        _ => {
            let (high, low) = if op == FlagOp::Shl { (a, source) } else { (source, a) };
            let high = m.shl_imm(high, 32);
            let both = m.or(high, low);
            let wide = if op == FlagOp::Shl {
                let wide = m.bin(BinOp::Shl, Width::W64, both, n);
                m.shr_imm(wide, 32)
            } else {
                m.bin(BinOp::Shr, Width::W64, both, n)
            };
            m.and_imm(wide, 0xffff_ffff)
        }
    }
}

fn joined64<M: Machine>(m: &mut M, op: FlagOp, a: M::Int, source: M::Int, n: M::Int) -> M::Int {
    let (there, back) = if op == FlagOp::Shl { (BinOp::Shl, BinOp::Shr) } else { (BinOp::Shr, BinOp::Shl) };
    // 64 − n in two steps that are both below 64: by 1, then by 63 − n.
    let most = m.imm(63);
    let rest = m.sub(Width::W64, most, n);
    let rest = m.and_imm(rest, 63);
    let one = m.imm(1);
    let moved = m.bin(there, Width::W64, a, n);
    let filled = m.bin(back, Width::W64, source, one);
    let filled = m.bin(back, Width::W64, filled, rest);
    m.or(moved, filled)
}

fn joined16<M: Machine>(m: &mut M, op: FlagOp, a: M::Int, source: M::Int, n: M::Int) -> M::Int {
    // a:source:a, from which the 16 bits at the place of the first (SHLD) or last (SHRD) `a` are taken.
    let high = m.shl_imm(a, 32);
    let middle = m.shl_imm(source, 16);
    let both = m.or(high, middle);
    let all = m.or(both, a);
    let wide = if op == FlagOp::Shl {
        let wide = m.bin(BinOp::Shl, Width::W64, all, n);
        m.shr_imm(wide, 32)
    } else {
        m.bin(BinOp::Shr, Width::W64, all, n)
    };
    m.and_imm(wide, 0xffff)
}

/// RCL and RCR: a rotation through CF of w + 1 bits, one step at a time where the count is known and small; other
/// counts are the helper's.
pub fn rotate_through_carry<M: Machine>(m: &mut M, insn: &Insn, op: BinOp) -> Result<(), M::Stop> {
    if constant_count(insn, 1) != Some(1) {
        return m.helper(insn);
    }
    let w = insn.width;
    let before = m.flags();
    let carry = flags::carry(m, before);
    let carry = m.int(carry);
    let (old, result) = modify(m, insn, w, |m, a| {
        let result = through_once(m, op, w, a, carry);
        (result, (a, result))
    })?;
    let out = if op == BinOp::Rotl {
        m.is_negative(w, old)
    } else {
        let low = m.and_imm(old, 1);
        m.is_nonzero(low)
    };
    let changed = m.xor(old, result);
    let overflow = m.is_negative(w, changed);
    set_carry_overflow(m, before, out, overflow);
    Ok(())
}

fn through_once<M: Machine>(m: &mut M, op: BinOp, w: Width, a: M::Int, carry: M::Int) -> M::Int {
    if op == BinOp::Rotl {
        let moved = m.shl_imm(a, 1);
        let moved = m.and_imm(moved, w.mask());
        m.or(moved, carry)
    } else {
        let moved = m.shr_imm(a, 1);
        let top = m.shl_imm(carry, w.bits() - 1);
        m.or(moved, top)
    }
}

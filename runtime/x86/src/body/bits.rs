//! Bits and bytes: BT, BTS, BTR, BTC, BSF, BSR, POPCNT, TZCNT, LZCNT, SETcc. SDM volume 1, sections 5.1.6.

use crate::flags::{self, Condition, FlagOp, Flags, bit, merged, placed};
use crate::insn::{Insn, Operand};
use crate::machine::{BinOp, Machine, UnOp};
use crate::operands::{cut, linear, modify, offset, read, read_gpr, write};
use crate::width::Width;

/// What a bit test does to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitOp {
    /// BT.
    Keep,
    /// BTS.
    Set,
    /// BTR.
    Reset,
    /// BTC.
    Complement,
}

/// BT, BTS, BTR and BTC. With a memory operand and a register for the bit's number, the number addresses a bit
/// string of any length around the operand (SDM volume 2, section 3.1.1.9). CF is the bit; the others, of which ZF is
/// defined to stay, stay.
pub fn bit_test<M: Machine>(m: &mut M, insn: &Insn, op: BitOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let number = read(m, insn, 1, w)?;
    let place = m.and_imm(number, (w.bits() - 1).into());
    let before = m.flags();
    let old = match (insn.operands[0], insn.operands[1]) {
        (Operand::Mem, Operand::Gpr(_)) => {
            let address = string_address(m, insn, number);
            test_memory(m, w, op, address, place)?
        }
        _ if op == BitOp::Keep => read(m, insn, 0, w)?,
        _ => modify(m, insn, w, |m, old| (changed(m, op, w, old, place), old))?,
    };
    let moved = m.bin(BinOp::Shr, Width::W64, old, place);
    let carry = m.and_imm(moved, 1);
    let word = merged(m, before, bit::CF, carry);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

fn test_memory<M: Machine>(m: &mut M, w: Width, op: BitOp, address: M::Int, place: M::Int) -> Result<M::Int, M::Stop> {
    if op == BitOp::Keep {
        return m.load(w, address);
    }
    let old = m.load_for_store(w, address)?;
    let new = changed(m, op, w, old, place);
    m.store(w, address, new)?;
    Ok(old)
}

/// Address of the operand-sized piece of the bit string that holds bit `number`, which is signed.
fn string_address<M: Machine>(m: &mut M, insn: &Insn, number: M::Int) -> M::Int {
    let w = insn.width;
    let wide = m.un(UnOp::SignExtend, w, number);
    let bits = m.imm(w.bits().trailing_zeros().into());
    let pieces = m.bin(BinOp::Sar, Width::W64, wide, bits);
    let bytes = m.shl_imm(pieces, w as u32);
    let base = offset(m, insn);
    let sum = m.add(Width::W64, base, bytes);
    let within = cut(m, insn, sum);
    linear(m, insn, within)
}

fn changed<M: Machine>(m: &mut M, op: BitOp, w: Width, old: M::Int, place: M::Int) -> M::Int {
    let one = m.imm(1);
    let mask = m.bin(BinOp::Shl, Width::W64, one, place);
    match op {
        BitOp::Keep => old,
        BitOp::Set => m.or(old, mask),
        BitOp::Complement => m.xor(old, mask),
        BitOp::Reset => {
            let rest = m.un(UnOp::Not, w, mask);
            m.and(old, rest)
        }
    }
}

/// BSF and BSR: ZF says that the source is 0, and then the destination stays, its upper half included, as AMD
/// documents and Intel does. The other flags, undefined, are those of the source as a logical result.
pub fn bit_scan<M: Machine>(m: &mut M, insn: &Insn, reverse: bool) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let Operand::Gpr(r) = insn.operands[0] else { return Err(m.undefined(insn)) };
    let whole = m.gpr(r);
    let found = if reverse {
        let zeros = m.un(UnOp::Clz, w, source);
        let top = m.imm((w.bits() - 1).into());
        m.sub(w, top, zeros)
    } else {
        m.un(UnOp::Ctz, w, source)
    };
    write(m, insn, 0, w, found)?;
    let written = m.gpr(r);
    let any = m.is_nonzero(source);
    let kept = m.select(any, written, whole);
    m.set_gpr(r, kept);
    let none = m.imm(0);
    m.set_flags(FlagOp::Logic, w, source, none, none);
    Ok(())
}

/// TZCNT and LZCNT: CF says that the source is 0, ZF that the count is 0.
pub fn count_zeros<M: Machine>(m: &mut M, insn: &Insn, op: UnOp) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let count = m.un(op, w, source);
    write(m, insn, 0, w, count)?;
    let (empty, none) = (m.is_zero(source), m.is_zero(count));
    let c = placed(m, empty, bit::CF);
    let z = placed(m, none, bit::ZF);
    let word = m.or(c, z);
    let zero = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, zero, zero);
    Ok(())
}

/// POPCNT: ZF says that the source is 0, the other flags are cleared.
pub fn popcnt<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let count = m.un(UnOp::Popcnt, w, source);
    write(m, insn, 0, w, count)?;
    let empty = m.is_zero(source);
    let word = placed(m, empty, bit::ZF);
    let zero = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, zero, zero);
    Ok(())
}

/// SETcc.
#[inline(always)]
pub fn set<M: Machine>(m: &mut M, insn: &Insn, condition: Condition) -> Result<(), M::Stop> {
    let now: Flags<M::Int> = m.flags();
    let holds = flags::holds(m, now, condition);
    let value = m.int(holds);
    write(m, insn, 0, Width::W8, value)
}

/// CMOVcc: the source is read, and a 32-bit destination cut, in either case.
#[inline(always)]
pub fn cmov<M: Machine>(m: &mut M, insn: &Insn, condition: Condition) -> Result<(), M::Stop> {
    let w = insn.width;
    let source = read(m, insn, 1, w)?;
    let Operand::Gpr(r) = insn.operands[0] else { return Err(m.undefined(insn)) };
    let old = read_gpr(m, r, w);
    let now = m.flags();
    let holds = flags::holds(m, now, condition);
    let value = m.select(holds, source, old);
    write(m, insn, 0, w, value)
}

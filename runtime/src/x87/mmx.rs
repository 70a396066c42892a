//! MMX, and the MMX forms of SSE, SSE2 and SSSE3: the registers are the significands of the physical x87 registers. SDM volume 1,
//! chapter 9; volume 3A, table 12-1.
//!
//! The operations are those of the XMM forms on the low 64 bits of a vector, with three differences: packing and unpacking work on
//! both operands' 64 bits side by side, and a shift count is the whole source.
//!
//! As on processors, conversions that raise #XM and MASKMOVQ that raises #PF have already marked all registers as holding
//! values. Nothing else changes before a fault, and running the instruction again gives the same.

use super::control::ready_for_mmx;
use super::{Done, Exception};
use crate::vm::Vm;
use x86::operands::{address, linear, read, read_gpr, write};
use x86::vector::float::{FloatUnOp, FloatWidth};
use x86::vector::shuffle::{every_second, interleave_low, pshufw};
use x86::vector::{VecOp, VecShift, VecUnOp, eval};
use x86::{Gpr, Insn, Machine, Operand, Width};

/// How two operands make a result.
#[derive(Clone, Copy)]
pub(super) enum Op {
    /// Lane by lane.
    Lanes(VecOp),
    /// The source alone, lane by lane.
    Each(VecUnOp),
    /// Neighbouring lanes of the first, then of the second.
    Horizontal(VecOp),
    /// The first's bytes, chosen by the low three bits of the second's, or 0 where bit 7 is set.
    Bytes,
    /// Eight bytes of both, the second below, from the byte on that the immediate says.
    Align,
    /// Not the first, and the second.
    AndNot,
    /// The first's lanes, then the second's, narrowed.
    Pack(VecOp),
    /// The low halves' bytes, words or doublewords in turn, by lane width.
    UnpackLow(Width),
    /// The high halves'.
    UnpackHigh(Width),
    /// Every lane by one count.
    Shift(VecShift),
    /// The source's words in the immediate's order.
    Shuffle,
}

impl Vm {
    fn mmx(&self, number: u8) -> u64 {
        self.cpu.fpr[usize::from(number & 7)][0]
    }

    /// Writes a register; its exponent and sign become ones.
    fn set_mmx(&mut self, number: u8, value: u64) {
        self.cpu.fpr[usize::from(number & 7)] = [value, 0xffff];
    }

    /// What every MMX instruction but EMMS does to the unit: all registers hold values, TOP is 0.
    fn enter_mmx(&mut self) {
        self.cpu.ftw = 0xff;
        self.cpu.set_top(0);
    }
}

/// Operand `index`: a register, memory, or the immediate.
fn value(vm: &mut Vm, insn: &Insn, index: usize) -> Result<u64, Exception> {
    match insn.operands[index] {
        Operand::Mmx(number) => Ok(vm.mmx(number)),
        Operand::Mem if insn.mem_size == 4 => read(vm, insn, index, Width::W32),
        Operand::Mem => read(vm, insn, index, Width::W64),
        Operand::Imm => Ok(insn.imm & 0xff),
        Operand::Gpr(_) => read(vm, insn, index, insn.source_width),
        _ => Err(vm.undefined(insn)),
    }
}

/// The MMX register that operand `index` names.
fn number(vm: &mut Vm, insn: &Insn, index: usize) -> Result<u8, Exception> {
    match insn.operands[index] {
        Operand::Mmx(number) => Ok(number),
        _ => Err(vm.undefined(insn)),
    }
}

fn compute(op: Op, a: u64, b: u64, imm: u8) -> u64 {
    let (wide_a, wide_b) = (u128::from(a), u128::from(b));
    let interleaved = |w: Width| {
        let pattern = match w {
            Width::W8 => interleave_low::<16>(),
            Width::W16 => interleave_low::<8>(),
            _ => interleave_low::<4>(),
        };
        eval::shuffle(wide_a, wide_b, pattern)
    };
    match op {
        Op::Lanes(op) => eval::bin(op, wide_a, wide_b) as u64,
        Op::Each(op) => eval::un(op, wide_b) as u64,
        Op::Horizontal(op) => {
            let both = wide_a | wide_b << 64;
            let words = matches!(op, VecOp::I16x8Add | VecOp::I16x8AddSatS | VecOp::I16x8Sub | VecOp::I16x8SubSatS);
            let pairs = if words { [0, 1].map(every_second::<8>) } else { [0, 1].map(every_second::<4>) };
            let [even, odd] = pairs.map(|pattern| eval::shuffle(both, 0, pattern));
            eval::bin(op, even, odd) as u64
        }
        Op::Bytes => eval::bin(VecOp::I8x16Pshufb, wide_a, wide_b & 0x8787_8787_8787_8787) as u64,
        Op::Align => (wide_a << 64 | wide_b).checked_shr(8 * u32::from(imm)).unwrap_or(0) as u64,
        Op::AndNot => !a & b,
        Op::Pack(op) => eval::bin(op, wide_a | wide_b << 64, 0) as u64,
        Op::UnpackLow(w) => interleaved(w) as u64,
        Op::UnpackHigh(w) => (interleaved(w) >> 64) as u64,
        Op::Shift(op) if b < op.lane_bits() => eval::shift(op, wide_a, b as u32) as u64,
        Op::Shift(op) if op.signed() => eval::shift(op, wide_a, op.lane_bits() as u32 - 1) as u64,
        Op::Shift(_) => 0,
        Op::Shuffle => eval::shuffle(wide_b, 0, pshufw(imm, 0)) as u64,
    }
}

/// `first = first op second`.
pub(super) fn binary(vm: &mut Vm, insn: &Insn, op: Op) -> Done {
    let to = number(vm, insn, 0)?;
    ready_for_mmx(vm)?;
    let b = value(vm, insn, 1)?;
    let result = compute(op, vm.mmx(to), b, insn.imm as u8);
    vm.enter_mmx();
    vm.set_mmx(to, result);
    Ok(())
}

/// MOVD, MOVQ and MOVNTQ.
pub(super) fn transfer(vm: &mut Vm, insn: &Insn) -> Done {
    ready_for_mmx(vm)?;
    let from = value(vm, insn, 1)?;
    match insn.operands[0] {
        Operand::Mmx(to) => vm.set_mmx(to, from),
        Operand::Mem if insn.mem_size == 4 => write(vm, insn, 0, Width::W32, from & 0xffff_ffff)?,
        Operand::Mem => write(vm, insn, 0, Width::W64, from)?,
        _ => write(vm, insn, 0, insn.width, from & insn.width.mask())?,
    }
    vm.enter_mmx();
    Ok(())
}

/// MOVQ2DQ and MOVDQ2Q.
pub(super) fn across(vm: &mut Vm, insn: &Insn) -> Done {
    ready_for_mmx(vm)?;
    match (insn.operands[0], insn.operands[1]) {
        (Operand::Xmm(to), Operand::Mmx(from)) => {
            let value = vm.mmx(from).into();
            vm.set_xmm(to, value);
        }
        (Operand::Mmx(to), Operand::Xmm(from)) => {
            let value = vm.xmm(from) as u64;
            vm.set_mmx(to, value);
        }
        _ => return Err(vm.undefined(insn)),
    }
    vm.enter_mmx();
    Ok(())
}

/// PMOVMSKB and PEXTRW: `f` of a register to a general-purpose one.
pub(super) fn to_general(vm: &mut Vm, insn: &Insn, f: impl FnOnce(u128, u8) -> u64) -> Done {
    let from = number(vm, insn, 1)?;
    ready_for_mmx(vm)?;
    let result = f(vm.mmx(from).into(), insn.imm as u8 & 3);
    write(vm, insn, 0, insn.width, result)?;
    vm.enter_mmx();
    Ok(())
}

/// PINSRW.
pub(super) fn insert(vm: &mut Vm, insn: &Insn) -> Done {
    let to = number(vm, insn, 0)?;
    ready_for_mmx(vm)?;
    let word = read(vm, insn, 1, Width::W16)?;
    let result = eval::with_lane(Width::W16, vm.mmx(to).into(), insn.imm as u8 & 3, word) as u64;
    vm.enter_mmx();
    vm.set_mmx(to, result);
    Ok(())
}

/// MASKMOVQ: the bytes whose mask is negative, to segment:[RDI]. All eight must be writable.
pub(super) fn masked_store(vm: &mut Vm, insn: &Insn) -> Done {
    let (from, mask) = (number(vm, insn, 1)?, number(vm, insn, 2)?);
    ready_for_mmx(vm)?;
    let (bytes, mask) = (vm.mmx(from).to_le_bytes(), vm.mmx(mask).to_le_bytes());
    let offset = read_gpr(vm, Gpr::RDI, insn.prefixes.address_width);
    let at = linear(vm, insn, offset);
    vm.enter_mmx();
    vm.probe_write(at, 8)?;
    for i in (0..8).filter(|&i| mask[i] >> 7 != 0) {
        vm.store_bytes(at.wrapping_add(i as u64), [bytes[i]])?;
    }
    Ok(())
}

/// CVTPI2PS and CVTPI2PD. With a source in memory they leave the x87 unit alone (the manual has that for CVTPI2PD,
/// processors do it for both).
pub(super) fn from_integers(vm: &mut Vm, insn: &Insn, to: FloatWidth) -> Done {
    let Operand::Xmm(register) = insn.operands[0] else { return Err(vm.undefined(insn)) };
    vm.sse_available()?;
    if !insn.has_memory() {
        ready_for_mmx(vm)?;
        vm.enter_mmx();
    }
    let source = value(vm, insn, 1)?.into();
    let result = vm.float_un_packed(FloatUnOp::FromInt { from: Width::W32, to }, source)?;
    let kept = if to == FloatWidth::F32 { vm.xmm(register) >> 64 << 64 } else { 0 };
    vm.set_xmm(register, kept | result);
    Ok(())
}

/// CVTPS2PI, CVTTPS2PI, CVTPD2PI, CVTTPD2PI.
pub(super) fn to_integers(vm: &mut Vm, insn: &Insn, from: FloatWidth, truncate: bool) -> Done {
    let to = number(vm, insn, 0)?;
    vm.sse_available()?;
    ready_for_mmx(vm)?;
    let source = floats(vm, insn, from)?;
    vm.enter_mmx();
    let result = vm.float_un_packed(FloatUnOp::ToInt { from, to: Width::W32, truncate }, source)?;
    vm.set_mmx(to, result as u64);
    Ok(())
}

/// Two numbers: in the low bits of a register, or in memory, where 16 bytes must be aligned.
fn floats(vm: &mut Vm, insn: &Insn, width: FloatWidth) -> Result<u128, Exception> {
    let used = if width == FloatWidth::F32 { u128::MAX >> 64 } else { u128::MAX };
    if let Operand::Xmm(register) = insn.operands[1] {
        return Ok(vm.xmm(register) & used);
    }
    let at = address(vm, insn);
    match width {
        FloatWidth::F32 => vm.load(Width::W64, at).map(u128::from),
        FloatWidth::F64 if at.is_multiple_of(16) => vm.load_vec(at),
        FloatWidth::F64 => Err(Exception::GP0),
    }
}

//! Instructions whose arithmetic is one function: AES, SHA, PCLMULQDQ, string comparison, binary16, fused multiply-add.
//! SDM volume 1, sections 5.12, 5.13, 5.14, 12.13, 12.14, 14.4, 14.5; volume 2, section 4.1.

use super::fma::form;
use super::operand::{Wide, available, base, first, number, pair, register, set, set_wide, source, source_wide};
use crate::flags::FlagOp;
use crate::insn::{Gpr, Insn, Operand, Vex};
use crate::machine::Machine;
use crate::operands::{address, read_gpr, sign_extend, write, write_gpr};
use crate::vector::LargeOp;
use crate::vector::float::{LargeFloatOp, Rounding};
use crate::vector::large::{Output, ShaOp, TextOp};
use crate::vector::shuffle::lanes64;
use crate::width::Width;

/// dst = op of the first and the second source and, for SHA256RNDS2, XMM0.
#[inline(never)]
pub fn bin<M: Machine>(m: &mut M, insn: &Insn, op: LargeOp) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let b = source(m, insn, first(insn) + 1)?;
    let a = base(m, insn)?;
    let c = if op == LargeOp::Sha(ShaOp::Rounds256) { m.xmm(0) } else { b };
    let result = m.vec_large(op, [a, b, c])?;
    set(m, insn, dst, result);
    Ok(())
}

/// dst = op src.
#[inline(never)]
pub fn un<M: Machine>(m: &mut M, insn: &Insn, op: LargeOp) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let a = source(m, insn, 1)?;
    let result = m.vec_large(op, [a; 3])?;
    set(m, insn, dst, result);
    Ok(())
}

/// Operand 1, whose memory need not be aligned, unlike that of other legacy instructions.
fn unaligned<M: Machine>(m: &mut M, insn: &Insn) -> Result<M::Vec, M::Stop> {
    if insn.operands[1] == Operand::Mem {
        let address = address(m, insn);
        return m.load_vec(address);
    }
    source(m, insn, 1)
}

/// PCMPESTRI and its kin: the index to ECX or the mask to XMM0, and the flags. `lengths` is the width of the explicit
/// lengths in RAX and RDX.
#[inline(never)]
pub fn compare_strings<M: Machine>(
    m: &mut M,
    insn: &Insn,
    output: Output,
    lengths: Option<Width>,
) -> Result<(), M::Stop> {
    available(m, insn)?;
    let b = unaligned(m, insn)?;
    let a = number(m, insn, 0)?;
    let a = m.xmm(a);
    let explicit = match lengths {
        None => m.vec_const(0),
        Some(w) => {
            let [rax, rdx] = [Gpr::RAX, Gpr::RDX].map(|r| {
                let length = read_gpr(m, r, w);
                sign_extend(m, length, w, Width::W64)
            });
            m.vec_from(rax, rdx)
        }
    };
    let op = TextOp { control: insn.imm as u8, explicit: lengths.is_some(), output: Output::Index };
    let index = m.vec_large(LargeOp::Text(op), [a, b, explicit])?;
    if output == Output::Mask {
        let mask = m.vec_large(LargeOp::Text(TextOp { output, ..op }), [a, b, explicit])?;
        set(m, insn, 0, mask);
    } else {
        let position = m.vec_half(index, 0);
        write_gpr(m, Gpr::RCX, Width::W32, position);
    }
    let word = m.vec_half(index, 1);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

/// `op` of as many halves as the operands have.
fn float<M: Machine>(m: &mut M, op: LargeFloatOp, operands: [Wide<M::Vec>; 3]) -> Result<Wide<M::Vec>, M::Stop> {
    Ok(match operands {
        [Wide::Two(a), Wide::Two(b), Wide::Two(c)] => Wide::Two(m.float_large(op, [a, b, c])?),
        [a, b, c] => {
            let [result] = m.float_large(op, [[a.low()], [b.low()], [c.low()]])?;
            Wide::One(result)
        }
    })
}

/// Which operands a fused multiply-add multiplies, and which it adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first and the third; the second is added.
    O132,
    /// The second and the first; the third is added.
    O213,
    /// The second and the third; the first is added.
    O231,
}

/// What only VEX encodings have and no row names: fused multiply-add, else the helper's.
#[inline(never)]
pub fn vex_only<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    match form(insn.mnemonic) {
        Some((order, op)) => fma(m, insn, order, op),
        None => m.helper(insn),
    }
}

/// VFMADD and its kin. A scalar form keeps the destination's other lanes below bit 128.
fn fma<M: Machine>(m: &mut M, insn: &Insn, order: Order, op: LargeFloatOp) -> Result<(), M::Stop> {
    let scalar = matches!(op, LargeFloatOp::Fma { scalar: true, .. });
    let (dst, y, z) = pair(m, insn)?;
    let x = register(m, insn, dst);
    let operands = match order {
        Order::O132 => [x, z, y],
        Order::O213 => [y, x, z],
        Order::O231 => [y, z, x],
    };
    let result = float(m, op, operands)?;
    if let (true, LargeFloatOp::Fma { w, .. }) = (scalar, op) {
        let old = m.xmm(dst);
        let lane = m.vec_lane(w.bits(), result.low(), 0);
        let new = m.vec_with_lane(w.bits(), old, 0, lane);
        set(m, insn, dst, new);
    } else {
        set_wide(m, insn, dst, result);
    }
    Ok(())
}

/// VCVTPH2PS: four or eight numbers of 16 bits.
#[inline(never)]
pub fn widen_half<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    m.avx_available()?;
    let dst = number(m, insn, 0)?;
    let a = source(m, insn, 1)?;
    let operand =
        if insn.vex == Vex::L256 { Wide::Two([a, m.vec_shuffle(a, a, lanes64([1, 1]))]) } else { Wide::One(a) };
    let result = float(m, LargeFloatOp::Widen, [operand; 3])?;
    set_wide(m, insn, dst, result);
    Ok(())
}

/// VCVTPS2PH: to a register or memory, rounded as the immediate says.
#[inline(never)]
pub fn narrow_half<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    m.avx_available()?;
    let operand = source_wide(m, insn, 1)?;
    let imm = insn.imm as u32;
    let rounding = if imm & 4 != 0 { None } else { Some(Rounding::from_bits(imm)) };
    if insn.operands[0] == Operand::Mem {
        // A fault of the store comes before any flag of MXCSR.
        let place = address(m, insn);
        for offset in (0..insn.mem_size.into()).step_by(8) {
            let offset = m.imm(offset);
            let place = m.add(Width::W64, place, offset);
            m.load_for_store(Width::W64, place)?;
        }
    }
    let result = match float(m, LargeFloatOp::Narrow(rounding), [operand; 3])? {
        Wide::One(low) => low,
        Wide::Two([low, high]) => m.vec_shuffle(low, high, lanes64([0, 2])),
    };
    match insn.operands[0] {
        Operand::Xmm(dst) => set(m, insn, dst, result),
        _ if insn.mem_size == 16 => {
            let address = address(m, insn);
            m.store_vec(address, result)?;
        }
        _ => {
            let low = m.vec_half(result, 0);
            write(m, insn, 0, Width::W64, low)?;
        }
    }
    Ok(())
}

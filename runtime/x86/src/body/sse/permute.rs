//! What only AVX and AVX2 have: broadcasts, permutations across halves and by variables, insertion and extraction of
//! halves, VZEROUPPER. SDM volume 1, sections 14.1, 14.2, 14.6.

use super::moves::select;
use super::operand::{Wide, available, binary, number, set, set_wide, source, source_lane, source_wide, unary};
use crate::insn::{Insn, Operand, Vex};
use crate::machine::Machine;
use crate::operands::address;
use crate::vector::VecOp;
use crate::vector::shuffle::{lanes32, lanes64};
use crate::width::Width;

/// Both halves of a 256-bit operand.
fn halves<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<[M::Vec; 2], M::Stop> {
    match source_wide(m, insn, index)? {
        Wide::Two(halves) => Ok(halves),
        Wide::One(_) => Err(m.undefined(insn)),
    }
}

/// One value in every 128 bits of the destination.
fn set_all<M: Machine>(m: &mut M, insn: &Insn, value: M::Vec) -> Result<(), M::Stop> {
    let dst = number(m, insn, 0)?;
    set_wide(m, insn, dst, if insn.vex == Vex::L256 { Wide::Two([value; 2]) } else { Wide::One(value) });
    Ok(())
}

/// VBROADCASTSS, VBROADCASTSD, VPBROADCASTB to Q: the low lane everywhere.
#[inline(never)]
pub fn broadcast<M: Machine>(m: &mut M, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    available(m, insn)?;
    let lane = source_lane(m, insn, 1, w)?;
    let value = m.vec_from(lane, lane);
    let size = w.bytes() as u8;
    let everywhere = m.vec_shuffle(value, value, std::array::from_fn(|i| i as u8 % size));
    set_all(m, insn, everywhere)
}

/// VBROADCASTF128, VBROADCASTI128: 16 bytes of memory in both halves.
#[inline(never)]
pub fn broadcast_half<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let value = source(m, insn, 1)?;
    set_all(m, insn, value)
}

/// VINSERTF128, VINSERTI128: the first source with one half replaced.
#[inline(never)]
pub fn insert_half<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let half = source(m, insn, 2)?;
    let [low, high] = halves(m, insn, 1)?;
    set_wide(m, insn, dst, Wide::Two(if insn.imm & 1 == 0 { [half, high] } else { [low, half] }));
    Ok(())
}

/// VEXTRACTF128, VEXTRACTI128: one half to a register or to memory.
#[inline(never)]
pub fn extract_half<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let value = halves(m, insn, 1)?[(insn.imm & 1) as usize];
    if insn.operands[0] == Operand::Mem {
        let address = address(m, insn);
        return m.store_vec(address, value);
    }
    let dst = number(m, insn, 0)?;
    set(m, insn, dst, value);
    Ok(())
}

/// VPERM2F128, VPERM2I128: each half any of both sources' four, or 0.
#[inline(never)]
pub fn choose_halves<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let [c, d] = halves(m, insn, 2)?;
    let [a, b] = halves(m, insn, 1)?;
    let zero = m.vec_const(0);
    let chosen = |imm: u64| if imm & 8 != 0 { zero } else { [a, b, c, d][(imm & 3) as usize] };
    set_wide(m, insn, dst, Wide::Two([chosen(insn.imm), chosen(insn.imm >> 4)]));
    Ok(())
}

/// VPERMQ, VPERMPD: any four of the source's 64-bit lanes, by the immediate.
#[inline(never)]
pub fn permute64<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let [low, high] = halves(m, insn, 1)?;
    let lane = |place: u32| (insn.imm >> (2 * place)) as u8 & 3;
    let result = [[lane(0), lane(1)], [lane(2), lane(3)]].map(|lanes| m.vec_shuffle(low, high, lanes64(lanes)));
    set_wide(m, insn, dst, Wide::Two(result));
    Ok(())
}

/// The bytes of 32-bit lanes, given the lanes' numbers, of which two bits count: a pattern for a table of 16 bytes.
fn byte_pattern<M: Machine>(m: &mut M, lanes: M::Vec) -> M::Vec {
    let three = m.vec_const(repeated(3));
    let lanes = m.vec_bin(VecOp::V128And, lanes, three);
    let spread = m.vec_const(repeated(0x0404_0404));
    let first = m.vec_bin(VecOp::I32x4Mul, lanes, spread);
    let within = m.vec_const(repeated(0x0302_0100));
    m.vec_bin(VecOp::I32x4Add, first, within)
}

/// VPERMD, VPERMPS: 32-bit lanes of the second source, by the low three bits of the first source's lanes.
#[inline(never)]
pub fn permute32<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let [low, high] = halves(m, insn, 2)?;
    let result = halves(m, insn, 1)?.map(|index| {
        let pattern = byte_pattern(m, index);
        let (below, above) =
            (m.vec_bin(VecOp::I8x16Pshufb, low, pattern), m.vec_bin(VecOp::I8x16Pshufb, high, pattern));
        let four = m.vec_const(repeated(4));
        let upper = m.vec_bin(VecOp::V128And, index, four);
        let upper = m.vec_bin(VecOp::I32x4Eq, upper, four);
        select(m, upper, above, below)
    });
    set_wide(m, insn, dst, Wide::Two(result));
    Ok(())
}

/// VPERMILPS: 32-bit lanes within each half, by an immediate or by the second source's lanes.
#[inline(never)]
pub fn permute_within32<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.operands[2] == Operand::Imm {
        let lane = |place: u32| (insn.imm >> (2 * place)) as u8 & 3;
        let pattern = lanes32([lane(0), lane(1), lane(2), lane(3)]);
        return unary(m, insn, 1, |m, _, a| m.vec_shuffle(a, a, pattern));
    }
    binary(m, insn, |m, _, a, index| {
        let pattern = byte_pattern(m, index);
        m.vec_bin(VecOp::I8x16Pshufb, a, pattern)
    })
}

/// VPERMILPD: 64-bit lanes within each half, by a bit each of an immediate or by bit 1 of the second source's lanes.
#[inline(never)]
pub fn permute_within64<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.operands[2] == Operand::Imm {
        let bit = |place: usize| (insn.imm >> place) as u8 & 1;
        return unary(m, insn, 1, |m, half, a| m.vec_shuffle(a, a, lanes64([bit(2 * half), bit(2 * half + 1)])));
    }
    binary(m, insn, |m, _, a, index| {
        let two = m.vec_const(2 << 64 | 2);
        let upper = m.vec_bin(VecOp::V128And, index, two);
        let upper = m.vec_bin(VecOp::I64x2Eq, upper, two);
        let (below, above) = (m.vec_shuffle(a, a, lanes64([0, 0])), m.vec_shuffle(a, a, lanes64([1, 1])));
        select(m, upper, above, below)
    })
}

/// A 32-bit lane four times.
const fn repeated(lane: u32) -> u128 {
    lane as u128 * 0x0000_0001_0000_0001_0000_0001_0000_0001
}

/// VZEROUPPER clears the upper halves of all registers that the mode has, VZEROALL (`all`) the registers.
#[inline(never)]
pub fn zero<M: Machine>(m: &mut M, insn: &Insn, all: bool) -> Result<(), M::Stop> {
    m.avx_available()?;
    let zero = m.vec_const(0);
    for number in 0..insn.mode.vector_registers() {
        if all {
            m.set_xmm(number, zero);
        }
        m.set_ymm_high(number, zero);
    }
    Ok(())
}

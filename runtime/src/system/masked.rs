//! Accesses of some lanes only: VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ, and the gathers of AVX2. SDM volume 2.
//!
//! Lanes whose mask is clear are not accessed and raise nothing.

use super::Done;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::operands::{address, cut, linear, offset};
use x86::vector::eval::{lane, with_lane};
use x86::{Insn, Machine, Operand, Vex, Width};

/// A register's two halves.
type Ymm = [u128; 2];

fn register(vm: &mut Vm, insn: &Insn, index: usize) -> Result<(u8, Ymm), Exception> {
    match insn.operands[index] {
        Operand::Xmm(number) => Ok((number, [vm.xmm(number), vm.ymm_high(number)])),
        _ => Err(vm.undefined(insn)),
    }
}

fn set_register(vm: &mut Vm, number: u8, [low, high]: Ymm) {
    vm.set_xmm(number, low);
    vm.set_ymm_high(number, high);
}

/// Lanes of width `w` in 128 bits.
fn per_half(w: Width) -> usize {
    (16 / w.bytes()) as usize
}

fn get(w: Width, value: Ymm, index: usize) -> u64 {
    lane(w, value[index / per_half(w)], (index % per_half(w)) as u8)
}

fn put(w: Width, value: &mut Ymm, index: usize, to: u64) {
    let half = &mut value[index / per_half(w)];
    *half = with_lane(w, *half, (index % per_half(w)) as u8, to);
}

fn is_set(w: Width, mask: Ymm, index: usize) -> bool {
    get(w, mask, index) & w.sign() != 0
}

/// VMASKMOV and VPMASKMOV in both directions, of lanes of width `w`.
pub(super) fn masked_move(vm: &mut Vm, insn: &Insn, w: Width) -> Done {
    vm.avx_available()?;
    let lanes = per_half(w) * if insn.vex == Vex::L256 { 2 } else { 1 };
    let (_, mask) = register(vm, insn, 1)?;
    let at = address(vm, insn);
    let wanted: Vec<usize> = (0..lanes).filter(|&index| is_set(w, mask, index)).collect();
    let place = |index: usize| at.wrapping_add(w.bytes() * index as u64);
    if insn.operands[0] != Operand::Mem {
        let (dst, _) = register(vm, insn, 0)?;
        let mut result = [0; 2];
        for index in wanted {
            let value = vm.load(w, place(index))?;
            put(w, &mut result, index, value);
        }
        set_register(vm, dst, result);
        return Ok(());
    }
    let (_, data) = register(vm, insn, 2)?;
    for &index in &wanted {
        vm.probe_write(place(index), w.bytes())?;
    }
    for index in wanted {
        vm.store(w, place(index), get(w, data, index))?;
    }
    Ok(())
}

/// VGATHER and VPGATHER: lanes of width `w` at indices of width `index_width`. The mask is made of the lanes' signs first. Lanes go
/// in order, and each that is done clears its mask, so that after a fault the rest is gathered.
pub(super) fn gather(vm: &mut Vm, insn: &Insn, index_width: Width, w: Width) -> Done {
    vm.avx_available()?;
    let ((dst, mut result), (mask_number, mut mask)) = (register(vm, insn, 0)?, register(vm, insn, 2)?);
    let (index_number, indices) = register(vm, insn, 3)?;
    if dst == mask_number || dst == index_number || mask_number == index_number {
        return Err(Exception::UD);
    }
    let halves = if insn.vex == Vex::L256 { 2 } else { 1 };
    let (lanes, signs) = (per_half(w).min(per_half(index_width)) * halves, mask);
    if halves == 1 {
        mask[1] = 0;
    }
    for index in 0..lanes {
        let all = if is_set(w, mask, index) { w.mask() } else { 0 };
        put(w, &mut mask, index, all);
    }
    for index in (0..lanes).filter(|&index| is_set(w, signs, index)) {
        let distance = index_width.sign_extend(get(index_width, indices, index)) << insn.mem.scale;
        match element(vm, insn, w, distance) {
            Ok(value) => put(w, &mut result, index, value),
            Err(fault) => {
                set_register(vm, dst, result);
                set_register(vm, mask_number, mask);
                return Err(fault);
            }
        }
        put(w, &mut mask, index, 0);
    }
    // What is beyond the lanes is cleared.
    let size = lanes * w.bytes() as usize;
    let kept = |half: usize| match size.saturating_sub(16 * half) {
        0 => 0,
        bytes @ 1..16 => u128::MAX >> (128 - 8 * bytes),
        _ => u128::MAX,
    };
    set_register(vm, dst, [result[0] & kept(0), result[1] & kept(1)]);
    set_register(vm, mask_number, [0; 2]);
    Ok(())
}

fn element(vm: &mut Vm, insn: &Insn, w: Width, distance: u64) -> Result<u64, Exception> {
    let sum = offset(vm, insn).wrapping_add(distance);
    let within = cut(vm, insn, sum);
    let at = linear(vm, insn, within);
    vm.load(w, at)
}

//! The abstract machine's 128-bit values and floating point.

use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::Width;
use x86::vector::float::{self, FloatOp, FloatUnOp, FloatWidth, LargeFloatOp, Outcome};
use x86::vector::{VecOp, VecShift, VecUnOp, Vector, eval};

impl Vector for Vm {
    type Vec = u128;

    #[inline(always)]
    fn vec_const(&mut self, value: u128) -> u128 {
        value
    }

    #[inline(always)]
    fn vec_from(&mut self, low: u64, high: u64) -> u128 {
        u128::from(low) | u128::from(high) << 64
    }

    #[inline(always)]
    fn vec_half(&mut self, value: u128, half: u8) -> u64 {
        (value >> (64 * u32::from(half))) as u64
    }

    #[inline(always)]
    fn vec_lane(&mut self, w: Width, value: u128, index: u8) -> u64 {
        eval::lane(w, value, index)
    }

    #[inline(always)]
    fn vec_with_lane(&mut self, w: Width, value: u128, index: u8, lane: u64) -> u128 {
        eval::with_lane(w, value, index, lane)
    }

    fn vec_bin(&mut self, op: VecOp, a: u128, b: u128) -> u128 {
        eval::bin(op, a, b)
    }

    fn vec_un(&mut self, op: VecUnOp, a: u128) -> u128 {
        eval::un(op, a)
    }

    fn vec_shift(&mut self, op: VecShift, a: u128, count: u64) -> u128 {
        eval::shift(op, a, count as u32)
    }

    fn vec_shuffle(&mut self, a: u128, b: u128, pattern: [u8; 16]) -> u128 {
        eval::shuffle(a, b, pattern)
    }

    fn vec_bitmask(&mut self, w: Width, a: u128) -> u64 {
        eval::bitmask(w, a)
    }
}

/// Enters an outcome's exceptions into MXCSR.
///
/// # Errors
/// #XM for an unmasked one, #UD where CR4.OSXMMEXCPT is clear (SDM 3A, 6.15, #XM).
#[inline]
pub(super) fn settled<T>(vm: &mut Vm, outcome: Outcome<T>) -> Result<T, Exception> {
    const CR4_OSXMMEXCPT: u64 = 1 << 10;
    match float::settle(&mut vm.cpu.mxcsr, outcome) {
        Some(value) => Ok(value),
        None if vm.cpu.cr4 & CR4_OSXMMEXCPT == 0 => Err(Exception::UD),
        None => Err(Exception::plain(vector::XM)),
    }
}

pub(super) fn bin(vm: &mut Vm, op: FloatOp, w: FloatWidth, a: u64, b: u64) -> Result<u64, Exception> {
    let outcome = float::bin(op, w, vm.cpu.mxcsr, a, b);
    settled(vm, outcome)
}

pub(super) fn un(vm: &mut Vm, op: FloatUnOp, a: u64) -> Result<u64, Exception> {
    let outcome = float::un(op, vm.cpu.mxcsr, a);
    settled(vm, outcome)
}

pub(super) fn bin_packed(vm: &mut Vm, op: FloatOp, w: FloatWidth, a: u128, b: u128) -> Result<u128, Exception> {
    let outcome = float::bin_packed(op, w, vm.cpu.mxcsr, a, b);
    settled(vm, outcome)
}

pub(super) fn un_packed(vm: &mut Vm, op: FloatUnOp, a: u128) -> Result<u128, Exception> {
    let outcome = float::un_packed(op, vm.cpu.mxcsr, a);
    settled(vm, outcome)
}

pub(super) fn compare(vm: &mut Vm, w: FloatWidth, signalling: bool, a: u64, b: u64) -> Result<u64, Exception> {
    let outcome = float::compare(w, signalling, vm.cpu.mxcsr, a, b);
    settled(vm, outcome)
}

pub(super) fn bin_wide(
    vm: &mut Vm,
    op: FloatOp,
    w: FloatWidth,
    a: [u128; 2],
    b: [u128; 2],
) -> Result<[u128; 2], Exception> {
    let outcome = float::bin_wide(op, w, vm.cpu.mxcsr, a, b);
    settled(vm, outcome)
}

pub(super) fn un_wide(vm: &mut Vm, op: FloatUnOp, a: [u128; 2]) -> Result<[u128; 2], Exception> {
    let outcome = float::un_wide(op, vm.cpu.mxcsr, a);
    settled(vm, outcome)
}

pub(super) fn large<const N: usize>(
    vm: &mut Vm,
    op: LargeFloatOp,
    operands: [[u128; N]; 3],
) -> Result<[u128; N], Exception> {
    let outcome = float::large(op, vm.cpu.mxcsr, operands);
    settled(vm, outcome)
}

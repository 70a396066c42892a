//! Integer operations of unusual shape: divisions whose dividend is wider than 64 bits or whose quotient does not fit,
//! rotations through carry, nested ENTER, CMPXCHG8B. SDM volume 2.

use super::Done;
use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::body::stack::{below, operand_width, slot};
use x86::flags::{self, bit};
use x86::operands::{address, modify, read, read_gpr, write_gpr};
use x86::{FlagOp, Gpr, Insn, Machine, Mnemonic, Operand, Width};

const DE: Exception = Exception::plain(vector::DE);

/// DIV and IDIV in every shape.
pub(super) fn divide(vm: &mut Vm, insn: &Insn) -> Done {
    let w = insn.width;
    let divisor = read(vm, insn, 0, w)?;
    let (low, high) = if w == Width::W8 {
        let ax = read_gpr(vm, Gpr::RAX, Width::W16);
        (ax & 0xff, ax >> 8)
    } else {
        (read_gpr(vm, Gpr::RAX, w), read_gpr(vm, Gpr::RDX, w))
    };
    let dividend = u128::from(high) << w.bits() | u128::from(low);
    let (quotient, remainder) =
        if insn.mnemonic == Mnemonic::Div { unsigned(dividend, divisor, w)? } else { signed(dividend, divisor, w)? };
    if w == Width::W8 {
        write_gpr(vm, Gpr::RAX, Width::W16, remainder << 8 | quotient);
    } else {
        write_gpr(vm, Gpr::RAX, w, quotient);
        write_gpr(vm, Gpr::RDX, w, remainder);
    }
    Ok(())
}

fn unsigned(dividend: u128, divisor: u64, w: Width) -> Result<(u64, u64), Exception> {
    let divisor = u128::from(divisor);
    let quotient = dividend.checked_div(divisor).ok_or(DE)?;
    if quotient > u128::from(w.mask()) {
        return Err(DE);
    }
    Ok((quotient as u64, (dividend % divisor) as u64))
}

fn signed(dividend: u128, divisor: u64, w: Width) -> Result<(u64, u64), Exception> {
    let unused = 128 - 2 * w.bits();
    let dividend = ((dividend << unused) as i128) >> unused;
    let divisor = i128::from(w.sign_extend(divisor) as i64);
    let quotient = dividend.checked_div(divisor).ok_or(DE)?;
    let least = w.sign_extend(w.sign()) as i64;
    if quotient < i128::from(least) || quotient > i128::from(w.sign() - 1) {
        return Err(DE);
    }
    Ok((quotient as u64 & w.mask(), (dividend % divisor) as u64 & w.mask()))
}

/// RCL and RCR by any count: the count is masked to 5 or 6 bits, then taken modulo w + 1.
pub(super) fn rotate_through_carry(vm: &mut Vm, insn: &Insn) -> Done {
    let w = insn.width;
    let mask = if w == Width::W64 { 63 } else { 31 };
    let count = match insn.operands[1] {
        Operand::Imm => insn.imm,
        Operand::None => 1,
        _ => read(vm, insn, 1, Width::W8)?,
    } & mask;
    let turns = count as u32 % (w.bits() + 1);
    let before = vm.flags();
    let carry = flags::carry(vm, before);
    let left = insn.mnemonic == Mnemonic::Rcl;
    let (out, overflow) = modify(vm, insn, w, |_, a| {
        let (result, out) = turned(a, carry, turns, w, left);
        // For one turn OF is whether the sign changed; processors give the same formula for the others.
        let top = result & w.sign() != 0;
        let next = result & (w.sign() >> 1) != 0;
        let overflow = if left { top != out } else { top != next };
        (result, (out, overflow))
    })?;
    if count != 0 {
        let values = if out { bit::CF } else { 0 } | if overflow { bit::OF } else { 0 };
        let word = flags::merged(vm, before, bit::CF | bit::OF, values);
        vm.set_flags(FlagOp::Explicit, Width::W64, word, 0, 0);
    }
    Ok(())
}

/// `a` with the carry above it, rotated; and the new carry.
fn turned(a: u64, carry: bool, turns: u32, w: Width, left: bool) -> (u64, bool) {
    let size = w.bits() + 1;
    let all = u128::from(carry) << w.bits() | u128::from(a);
    let turns = if left { turns } else { (size - turns) % size };
    let turned = all << turns | all >> (size - turns);
    (turned as u64 & w.mask(), turned >> w.bits() & 1 == 1)
}

/// ENTER with nesting, or of less than 64 bits: with a 16-bit operand only BP changes, and words are pushed. The accesses are
/// tried first, in their order; the last is a write at the new top of the stack.
pub(super) fn enter(vm: &mut Vm, insn: &Insn) -> Done {
    let w = operand_width(insn);
    let (size, level) = (w.bytes(), u64::from(insn.imm2 & 31));
    let (rbp, rsp) = (vm.gpr(Gpr::RBP), vm.gpr(Gpr::RSP));
    let frame = below(vm, insn.mode, rsp, size);
    let top = below(vm, insn.mode, frame, size * level);
    let new_top = below(vm, insn.mode, top, insn.imm & 0xffff);
    let try_store = |vm: &mut Vm, pointer: u64| {
        let place = slot(vm, insn.mode, pointer, size);
        vm.probe_write(place, size)
    };
    let display = |vm: &mut Vm, index: u64| {
        let from = below(vm, insn.mode, rbp, size * index);
        let place = slot(vm, insn.mode, from, size);
        vm.load(w, place)
    };
    try_store(vm, frame)?;
    for index in 1..level {
        display(vm, index)?;
        let to = below(vm, insn.mode, frame, size * index);
        try_store(vm, to)?;
    }
    try_store(vm, top)?;
    try_store(vm, new_top)?;
    let store = |vm: &mut Vm, pointer: u64, value: u64| {
        let place = slot(vm, insn.mode, pointer, size);
        vm.store(w, place, value & w.mask())
    };
    store(vm, frame, rbp)?;
    for index in 1..level {
        let value = display(vm, index)?;
        let to = below(vm, insn.mode, frame, size * index);
        store(vm, to, value)?;
    }
    if level > 0 {
        store(vm, top, frame)?;
    }
    write_gpr(vm, Gpr::RBP, w, frame & w.mask());
    vm.set_gpr(Gpr::RSP, new_top);
    Ok(())
}

fn set_zero_flag(vm: &mut Vm, set: bool) {
    let before = vm.flags();
    let word = flags::merged(vm, before, bit::ZF, if set { bit::ZF } else { 0 });
    vm.set_flags(FlagOp::Explicit, Width::W64, word, 0, 0);
}

/// CMPXCHG8B: EDX:EAX against 8 bytes, ECX:EBX to store.
pub(super) fn compare_exchange_8(vm: &mut Vm, insn: &Insn) -> Done {
    let at = address(vm, insn);
    let old = vm.load_for_store(Width::W64, at)?;
    let half = |vm: &mut Vm, r| read_gpr(vm, r, Width::W32);
    let expected = half(vm, Gpr::RDX) << 32 | half(vm, Gpr::RAX);
    let new = half(vm, Gpr::RCX) << 32 | half(vm, Gpr::RBX);
    let equal = old == expected;
    vm.store(Width::W64, at, if equal { new } else { old })?;
    if !equal {
        write_gpr(vm, Gpr::RAX, Width::W32, old & 0xffff_ffff);
        write_gpr(vm, Gpr::RDX, Width::W32, old >> 32);
    }
    set_zero_flag(vm, equal);
    Ok(())
}

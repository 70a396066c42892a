//! Instructions that 64-bit mode has not, for 32-bit programs: PUSHA, POPA, BOUND, INTO, ARPL, and decimal arithmetic. SDM
//! volume 2. SALC, which the manual does not have, is not here.
//!
//! Flags that the manual leaves undefined: AAA and AAS leave SF, ZF, PF and OF, the others clear OF, and AAM and AAD
//! CF and AF too.

use super::{Done, transfer};
use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::body::stack::{above, below, operand_width, slot};
use x86::flags::{self, bit};
use x86::operands::{address, read, read_gpr, write, write_gpr};
use x86::{FlagOp, Flags, Gpr, Insn, Machine, Operand, Width};

/// What PUSHA pushes, in this order.
const ALL: [Gpr; 8] = [Gpr::RAX, Gpr::RCX, Gpr::RDX, Gpr::RBX, Gpr::RSP, Gpr::RBP, Gpr::RSI, Gpr::RDI];

/// PUSHA and PUSHAD. What is pushed of the stack pointer is its value before.
pub(super) fn push_all(vm: &mut Vm, insn: &Insn) -> Done {
    let w = operand_width(insn);
    let mut pointer = vm.gpr(Gpr::RSP);
    let mut stores = [(0, 0); ALL.len()];
    for (register, store) in ALL.into_iter().zip(&mut stores) {
        pointer = below(vm, insn.mode, pointer, w.bytes());
        let place = slot(vm, insn.mode, pointer, w.bytes());
        vm.probe_write(place, w.bytes())?;
        *store = (place, read_gpr(vm, register, w));
    }
    for (place, value) in stores {
        vm.store(w, place, value)?;
    }
    vm.set_gpr(Gpr::RSP, pointer);
    Ok(())
}

/// POPA and POPAD. What was pushed of the stack pointer is skipped.
pub(super) fn pop_all(vm: &mut Vm, insn: &Insn) -> Done {
    let w = operand_width(insn);
    let mut pointer = vm.gpr(Gpr::RSP);
    let mut values = [0; ALL.len()];
    for value in values.iter_mut().rev() {
        let place = slot(vm, insn.mode, pointer, w.bytes());
        *value = vm.load(w, place)?;
        pointer = above(vm, insn.mode, pointer, w.bytes());
    }
    for (register, value) in ALL.into_iter().zip(values) {
        if register != Gpr::RSP {
            write_gpr(vm, register, w, value);
        }
    }
    vm.set_gpr(Gpr::RSP, pointer);
    Ok(())
}

/// INTO.
pub(super) fn into(vm: &mut Vm) -> Done {
    let now = vm.flags();
    if flags::overflow(vm, now) { transfer::software_interrupt(vm, vector::OF) } else { Ok(()) }
}

/// BOUND: #BR unless the signed index lies between the two bounds in memory.
pub(super) fn bound(vm: &mut Vm, insn: &Insn) -> Done {
    let w = insn.width;
    let signed = |value| w.sign_extend(value) as i64;
    let index = signed(read(vm, insn, 0, w)?);
    let at = address(vm, insn);
    let lower = signed(vm.load(w, at)?);
    let upper = signed(vm.load(w, at.wrapping_add(w.bytes()))?);
    if (lower..=upper).contains(&index) { Ok(()) } else { Err(Exception::plain(vector::BR)) }
}

/// ARPL: raises the selector's requested privilege level to the other's; ZF says whether that changed it.
pub(super) fn adjust_privilege(vm: &mut Vm, insn: &Insn) -> Done {
    let selector = if insn.operands[0] == Operand::Mem {
        let at = address(vm, insn);
        vm.load_for_store(Width::W16, at)?
    } else {
        read(vm, insn, 0, Width::W16)?
    };
    let level = read(vm, insn, 1, Width::W16)? & 3;
    let lower = selector & 3 < level;
    if lower {
        write(vm, insn, 0, Width::W16, selector & !3 | level)?;
    }
    set_flags(vm, bit::ZF, if lower { bit::ZF } else { 0 });
    Ok(())
}

/// Replaces the flags in `mask`.
fn set_flags(vm: &mut Vm, mask: u64, values: u64) {
    let before = vm.flags();
    let word = flags::merged(vm, before, mask, values);
    vm.set_flags(FlagOp::Explicit, Width::W64, word, 0, 0);
}

/// SF, ZF and PF of AL, and these; OF is clear.
fn set_flags_of_al(vm: &mut Vm, al: u64, others: u64) {
    let logic = Flags { op: FlagOp::Logic, width: Width::W8, dst: al, src: 0, carry: 0 };
    let word = flags::word(vm, logic) & (bit::SF | bit::ZF | bit::PF) | others;
    vm.set_flags(FlagOp::Explicit, Width::W64, word, 0, 0);
}

/// AL, CF and AF.
fn decimal_state(vm: &mut Vm) -> (u64, bool, bool) {
    let now = vm.flags();
    let word = flags::word(vm, now);
    (read_gpr(vm, Gpr::RAX, Width::W8), word & bit::CF != 0, word & bit::AF != 0)
}

/// AAA (`add`) and AAS.
pub(super) fn adjust_unpacked(vm: &mut Vm, add: bool) {
    let (al, _, adjust) = decimal_state(vm);
    let ax = read_gpr(vm, Gpr::RAX, Width::W16);
    let adjusts = al & 0xf > 9 || adjust;
    let changed = match (adjusts, add) {
        (false, _) => ax,
        (true, true) => ax.wrapping_add(0x106),
        (true, false) => ax.wrapping_sub(0x106),
    };
    write_gpr(vm, Gpr::RAX, Width::W16, changed & 0xff0f);
    set_flags(vm, bit::CF | bit::AF, if adjusts { bit::CF | bit::AF } else { 0 });
}

/// DAA (`add`) and DAS.
pub(super) fn adjust_packed(vm: &mut Vm, add: bool) {
    let (old, carry, adjust) = decimal_state(vm);
    let step = |al: u64, by: u64| if add { al + by } else { al.wrapping_sub(by) };
    let (mut al, mut out, low) = (old, false, old & 0xf > 9 || adjust);
    if low {
        al = step(al, 6);
        // DAA sets CF below, whatever is carried here; DAS keeps the borrow.
        out = carry || al > 0xff;
    }
    let high = old > 0x99 || carry;
    if high {
        al = step(al, 0x60);
    }
    let al = al & 0xff;
    write_gpr(vm, Gpr::RAX, Width::W8, al);
    let carry = high || !add && out;
    set_flags_of_al(vm, al, if carry { bit::CF } else { 0 } | if low { bit::AF } else { 0 });
}

/// AAM: AL divided by the base; the quotient goes to AH.
pub(super) fn split(vm: &mut Vm, insn: &Insn) -> Done {
    let (al, base) = (read_gpr(vm, Gpr::RAX, Width::W8), insn.imm & 0xff);
    let quotient = al.checked_div(base).ok_or(Exception::plain(vector::DE))?;
    write_gpr(vm, Gpr::RAX, Width::W16, (quotient << 8) | (al % base));
    set_flags_of_al(vm, al % base, 0);
    Ok(())
}

/// AAD: AL plus AH times the base; AH is cleared.
pub(super) fn join(vm: &mut Vm, insn: &Insn) {
    let ax = read_gpr(vm, Gpr::RAX, Width::W16);
    let al = ((ax & 0xff) + (ax >> 8) * (insn.imm & 0xff)) & 0xff;
    write_gpr(vm, Gpr::RAX, Width::W16, al);
    set_flags_of_al(vm, al, 0);
}

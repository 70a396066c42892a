//! Where memory operands lie, and what is there.
//!
//! Base registers are moved so that operands land where [`target`] says, and the bytes there are filled.

use super::Random;
use super::fill::mxcsr;
use super::values::{self, Lane};
use crate::layout;
use crate::operand::{address, memory_operand};
use crate::state::{RSP, STATUS_FLAGS, State};
use iced_x86::{Instruction, Mnemonic, OpKind, Register};

/// Where a memory operand of `size` bytes goes: mostly aligned in the window; else unaligned, across its pages, into the alias, across
/// the end of either, to the read-only page, to code, or to an address that is not canonical.
pub(super) fn target(size: u64, random: &mut Random) -> u64 {
    let inside = random.below(size.max(2));
    let aligned = 16 * random.below(32);
    match random.below(40) {
        0..24 => layout::WINDOW + 0x800 + aligned,
        24..29 => layout::WINDOW + 0x801 + aligned + random.below(15),
        29..32 => layout::WINDOW + 0x1000 - inside,
        32..34 => layout::WINDOW + layout::WINDOW_LEN - inside,
        34..36 => layout::READ_ONLY + aligned / 4,
        36 => layout::ALIAS + 0x800 + aligned + random.below(2),
        37 => layout::ALIAS + layout::ALIAS_LEN - inside,
        38 => layout::CODE_PAGES + aligned + random.below(16),
        _ => random.pick(&NOT_CANONICAL) + aligned,
    }
}

/// Addresses of which the upper bits are no copies of bit 47.
const NOT_CANONICAL: [u64; 3] = [0x8000_0000_0000, 0x1234_0000_1000_0800, 0xffff_7fff_ffff_f000];

/// Where RSP points: mostly amid the window; else across its pages, about its ends, to the read-only page or into the alias.
pub(super) fn stack_target(random: &mut Random) -> u64 {
    match random.below(12) {
        0 => layout::WINDOW + 0x1000 + 8 - random.below(16),
        1 => layout::WINDOW + random.below(16),
        2 => layout::WINDOW + layout::WINDOW_LEN - random.below(24),
        3 => layout::READ_ONLY + 0x20,
        4 => layout::ALIAS + 0x800,
        _ => layout::STACK,
    }
}

/// A place that overlaps `near` by its address, or by the alias.
pub(super) fn overlapping(near: u64, random: &mut Random) -> u64 {
    let aliased = near.checked_sub(layout::WINDOW).filter(|offset| *offset < layout::ALIAS_LEN && random.one_in(2));
    aliased.map_or(near, |offset| layout::ALIAS + offset).wrapping_add(random.below(16)).wrapping_sub(4)
}

pub(super) fn code_address(random: &mut Random) -> u64 {
    // Never back into the case's own code: that would be a loop.
    layout::CODE + 0x20 + random.below(0x800)
}

/// Puts the memory operands where they do something, and bytes there.
pub(super) fn memory(insn: &Instruction, lane: Lane, state: &mut State, random: &mut Random) {
    if insn.is_stack_instruction() {
        let bytes = stack_bytes(insn, random);
        let at = if insn.mnemonic() == Mnemonic::Leave { state.gpr[5] } else { state.gpr[RSP] };
        write(state, at, &bytes);
    }
    let Some(operand) = memory_operand(insn) else { return };
    if insn.is_vsib() {
        return gathered(insn, state, random);
    }
    let size = insn.memory_size().size().max(1);
    bit_offset(insn, state, random);
    // Which byte of a split x87 environment faults first is the maker's choice; and what is found in place of a branch's target may be no
    // canonical address, at which the fault is the target's here (see `x86::body::control`). Those stay inside the window.
    use Mnemonic as M;
    let inside = matches!(insn.mnemonic(), M::Fldenv | M::Frstor | M::Fnstenv | M::Fnsave | M::Call | M::Jmp);
    let target = if inside { layout::WINDOW + 0x800 + random.below(0x40) } else { target(size as u64, random) };
    place(insn, operand, target, state);
    let Some(address) = address(insn, operand, state) else { return };
    let bytes = match insn.mnemonic() {
        Mnemonic::Call | Mnemonic::Jmp => code_address(random).to_le_bytes().to_vec(),
        Mnemonic::Cmpxchg if random.one_in(2) => state.gpr[0].to_le_bytes()[..size].to_vec(),
        Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b if random.one_in(2) => compare_exchange(size, state),
        Mnemonic::Fldcw => (0x37f_u16 & !0x300 | random.pick(&[0, 0x200, 0x300]) | (random.bits() as u16 & 0xc00))
            .to_le_bytes()
            .to_vec(),
        Mnemonic::Fldenv | Mnemonic::Frstor => environment(size, random),
        // Bit 17 is AMD's alone.
        Mnemonic::Ldmxcsr | Mnemonic::Vldmxcsr => mxcsr(random).to_le_bytes().to_vec(),
        Mnemonic::Lea => return,
        _ => lane_for(insn, lane).bytes(size, random),
    };
    write(state, address, &bytes);
    if size == 1 || insn.op1_kind() == OpKind::Register && is_bit_test(insn) {
        write(state, address.wrapping_add(size as u64), &Lane::Integer(8).bytes(8, random));
    }
}

/// Puts the base of a gather into the window, and bytes where its indices mostly lead.
fn gathered(insn: &Instruction, state: &mut State, random: &mut Random) {
    let base = insn.memory_base().full_register().number();
    let start = if random.one_in(5) { layout::WINDOW + layout::WINDOW_LEN - 0x80 } else { layout::WINDOW + 0x800 };
    state.gpr[base] = start.wrapping_sub(insn.memory_displacement64());
    write(state, start, &Lane::Integer(64).bytes(0x320, random));
}

/// An x87 environment in 32-bit format (SDM volume 1, figure 8-9): control, status and tag word, no pointers, then registers if `size` has room.
fn environment(size: usize, random: &mut Random) -> Vec<u8> {
    let control = 0x37f_u16 & !0x300 | random.pick(&[0, 0x200, 0x300]) | (random.bits() as u16 & 0xc00);
    let words = [control, random.bits() as u16 & 0x7f7f & !0x3f, random.bits() as u16];
    let mut bytes: Vec<u8> = words.iter().flat_map(|&word| u32::from(word).to_le_bytes()).collect();
    bytes.resize(28, 0);
    bytes.extend(Lane::Extended.bytes(size.saturating_sub(28), random));
    bytes
}

/// Integer memory operands get edges of their own size.
fn lane_for(insn: &Instruction, lane: Lane) -> Lane {
    match (lane, insn.memory_size().size()) {
        (Lane::Integer(_), size @ (1 | 2 | 4 | 8)) => Lane::Integer(8 * size as u32),
        _ => lane,
    }
}

fn compare_exchange(size: usize, state: &State) -> Vec<u8> {
    let [low, high] = [state.gpr[0].to_le_bytes(), state.gpr[2].to_le_bytes()];
    [&low[..size / 2], &high[..size / 2]].concat()
}

/// What POP, RET and POPF find: an address of code is a value like others, and as flags it sets none of those that end the worker's peace.
fn stack_bytes(insn: &Instruction, random: &mut Random) -> Vec<u8> {
    let value = match insn.mnemonic() {
        Mnemonic::Popfq | Mnemonic::Popf => random.bits() & STATUS_FLAGS | if random.one_in(2) { 0x400 } else { 0 },
        Mnemonic::Ret => code_address(random),
        _ => values::integer(64, random),
    };
    value.to_le_bytes().to_vec()
}

fn is_bit_test(insn: &Instruction) -> bool {
    matches!(insn.mnemonic(), Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc)
}

/// BT and its kin reach far from their memory operand: keeps the bit near.
fn bit_offset(insn: &Instruction, state: &mut State, random: &mut Random) {
    if is_bit_test(insn) && insn.op1_kind() == OpKind::Register && insn.op1_register().full_register() != Register::RSP
    {
        let offset = random.pick(&[0, 1, 7, 8, 15, 16, 31, 32, 33, 63, 64, 100, -1, -8, -9, -64_i64]);
        state.gpr[insn.op1_register().full_register().number()] = offset as u64;
    }
}

/// Moves the base register so that the operand lies at `target`, if it has one.
fn place(insn: &Instruction, operand: u32, target: u64, state: &mut State) {
    let base = insn.memory_base();
    let movable = base.is_gpr() && base.size() >= 4 && insn.mnemonic() != Mnemonic::Xlatb;
    if let (true, Some(now)) = (movable, address(insn, operand, state)) {
        let register = &mut state.gpr[base.full_register().number()];
        let moved = register.wrapping_add(target.wrapping_sub(now));
        *register = if base.size() == 4 { *register & !0xffff_ffff | moved & 0xffff_ffff } else { moved };
    }
}

/// Writes bytes wherever they fall on data.
pub(super) fn write(state: &mut State, address: u64, bytes: &[u8]) {
    for (i, &byte) in bytes.iter().enumerate() {
        if let Some(home) = layout::home(address.wrapping_add(i as u64)) {
            state.memory.set_byte(home, byte);
        }
    }
}

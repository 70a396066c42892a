//! A state in which an instruction does something.
//!
//! Registers that it reads get values of its kind (all registers, when dense); then come the memory operands: [`super::memory`].

use super::memory::{code_address, memory, overlapping, stack_target, target, write};
use super::values::{self, Lane};
use super::{Density, Random};
use crate::layout;
use crate::state::{RSP, STATUS_FLAGS, State, X87};
use iced_x86::{
    CpuidFeature, EncodingKind, Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpAccess, OpKind, Register,
};

/// The state that `insn` starts from.
pub(super) fn state(insn: &Instruction, density: Density, random: &mut Random) -> State {
    let mut state = State::default();
    let lane = lane(insn, random);
    registers(insn, density, lane, &mut state, random);
    if density == Density::Dense || random.one_in(4) {
        state.flags = random.bits() & STATUS_FLAGS;
        state.flags |= if random.one_in(4) { 0x400 } else { 0 };
    }
    let floats = matches!(lane, Lane::Single | Lane::Double);
    if floats || density == Density::Dense {
        state.mxcsr = mxcsr(random);
    }
    x87(insn, density, &mut state, random);
    special(insn, &mut state, random);
    memory(insn, lane, &mut state, random);
    state
}

/// A state for any code.
pub(super) fn any(random: &mut Random) -> State {
    let mut state = State::default();
    for register in &mut state.gpr {
        *register = if random.one_in(2) { target(16, random) } else { values::integer(64, random) };
    }
    state.gpr[RSP] = stack_target(random);
    state.flags = random.bits() & STATUS_FLAGS | if random.one_in(8) { 0x400 } else { 0 };
    state.mxcsr = mxcsr(random);
    for n in 0..16 {
        let lane = random.pick(&[Lane::Single, Lane::Double, Lane::Integer(64)]);
        vector(&mut state, n, 4, lane, random);
    }
    state.x87.status = (random.below(8) as u16) << 11;
    state.x87.tags = random.bits() as u8;
    state.x87.registers = std::array::from_fn(|_| values::extended(random));
    write(&mut state, layout::WINDOW + 0x780, &Lane::Integer(64).bytes(0x300, random));
    state
}

/// What the operands hold, judged by the mnemonic's suffix or the memory operand's type.
fn lane(insn: &Instruction, random: &mut Random) -> Lane {
    match insn.memory_size() {
        MemorySize::Bcd => return Lane::Decimal,
        MemorySize::Float80 => return Lane::Extended,
        MemorySize::Float32 => return Lane::Single,
        MemorySize::Float64 => return Lane::Double,
        _ => {}
    }
    let vector = insn.code().op_code().op_kinds().iter().any(|k| format!("{k:?}").contains("mm"));
    let name = format!("{:?}", insn.mnemonic()).to_lowercase();
    let name = if insn.code().op_code().encoding() == EncodingKind::VEX { &name[1..] } else { &name };
    let name = name
        .strip_prefix("cvtt")
        .or(name.strip_prefix("cvt"))
        .and_then(|n| n.split('2').next())
        .unwrap_or(name)
        .to_owned();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|s| name.ends_with(s));
    match () {
        () if vector && ends(&["ps", "ss"]) || name.contains("comiss") => Lane::Single,
        () if vector && ends(&["pd", "sd"]) || name.contains("comisd") => Lane::Double,
        () => Lane::Integer(random.pick(&[8, 16, 32, 64])),
    }
}

fn registers(insn: &Instruction, density: Density, lane: Lane, state: &mut State, random: &mut Random) {
    let mut factory = InstructionInfoFactory::new();
    let is_vex = insn.code().op_code().encoding() == EncodingKind::VEX;
    if density == Density::Dense {
        for n in (0..16).filter(|&n| n != RSP) {
            state.gpr[n] = values::integer(64, random);
        }
        (0..16).for_each(|n| vector(state, n, 4, lane, random));
    }
    for used in factory.info(insn).used_registers() {
        let register = used.register();
        let reads =
            !matches!(used.access(), OpAccess::Write | OpAccess::NoMemAccess | OpAccess::None) || register.size() < 4;
        let n = register.full_register().number();
        if register.is_gpr() && n != RSP && (reads || random.one_in(2)) {
            let shift = if (Register::AH..=Register::BH).contains(&register) { 8 } else { 0 };
            let upper =
                if register.size() < 8 && random.one_in(2) { random.bits() << (8 * register.size()) } else { 0 };
            state.gpr[n] = (values::integer(8 * register.size() as u32, random) | upper) << shift;
        } else if register.is_xmm() || register.is_ymm() {
            vector(state, n, if is_vex { 4 } else { 2 }, lane, random);
        }
    }
}

/// Fills the low quadwords of a register.
fn vector(state: &mut State, n: usize, words: usize, lane: Lane, random: &mut Random) {
    for (word, bytes) in state.ymm[n][..words].iter_mut().zip(lane.bytes(8 * words, random).chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    }
}

/// All roundings, FTZ and DAZ, sticky flags; now and then unmasked exceptions.
pub(super) fn mxcsr(random: &mut Random) -> u32 {
    let rounding = if random.one_in(2) { random.below(4) as u32 } else { 0 };
    let zeros = [0, 0, 0, 0x8000, 0x40, 0x8040][random.below(6) as usize];
    let sticky = if random.one_in(4) { random.bits() as u32 & 0x3f } else { 0 };
    let unmasked = if random.one_in(8) { 1 << (7 + random.below(6)) } else { 0 };
    (0x1f80 & !unmasked) | rounding << 13 | zeros | sticky
}

fn x87(insn: &Instruction, density: Density, state: &mut State, random: &mut Random) {
    let uses = insn
        .cpuid_features()
        .iter()
        .any(|f| matches!(f, CpuidFeature::FPU | CpuidFeature::FPU287 | CpuidFeature::FPU387));
    let mmx = (0..insn.op_count()).any(|n| insn.op_kind(n) == OpKind::Register && insn.op_register(n).is_mm());
    let mmx = mmx || insn.mnemonic() == Mnemonic::Emms;
    if !(uses || mmx || density == Density::Dense) {
        return;
    }
    let top = random.below(8) as u16;
    let mut x87 = X87 { status: top << 11, ..X87::default() };
    if random.one_in(2) {
        x87.control = 0x37f & !0x300 | random.pick(&[0, 0x200, 0x300]) | (random.below(4) as u16) << 10;
    }
    if uses && random.one_in(8) {
        x87.control &= !(1 << random.below(6));
    }
    x87.status |= if random.one_in(4) { random.bits() as u16 & 0x4700 } else { 0 };
    x87.status |= if random.one_in(6) { random.bits() as u16 & 0x3f } else { 0 };
    // ES and B follow from the sticky flags and masks (SDM volume 1, section 8.1.3.3): such a state raises #MF.
    x87.status |= if x87.status & !x87.control & 0x3f != 0 { 0x8080 } else { 0 };
    // Mostly ST0 and ST1 are there; sometimes the stack is empty or full.
    let valid = match random.below(8) {
        0 => 0,
        1 => 8,
        _ if density == Density::Dense => random.below(9) as usize,
        _ => 2,
    };
    for i in 0..if mmx { 8 } else { valid } {
        let n = x87.physical(i);
        let named = |k| insn.op_kind(k) == OpKind::Register && insn.op_register(k) == Register::MM0 + n as u32;
        x87.tags |= 1 << n;
        x87.registers[n] = match mmx {
            true if density == Density::Sparse && !(0..insn.op_count()).any(named) => continue,
            true => 0xffff << 64 | u128::from(values::integer(64, random)),
            false => values::extended(random),
        };
    }
    for k in (0..insn.op_count()).filter(|&k| insn.op_kind(k) == OpKind::Register && insn.op_register(k).is_st()) {
        let n = x87.physical(insn.op_register(k).number());
        if valid != 0 && x87.is_empty(n) {
            x87.tags |= 1 << n;
            x87.registers[n] = values::extended(random);
        }
    }
    state.x87 = x87;
}

/// Operands that mean more than their value.
fn special(insn: &Instruction, state: &mut State, random: &mut Random) {
    use Mnemonic as M;
    let [rax, rcx, rdx, rbx, rbp] = [0, 1, 2, 3, 5];
    match insn.mnemonic() {
        M::Div | M::Idiv => {
            let negative = insn.mnemonic() == M::Idiv && random.one_in(2);
            state.gpr[rdx] = if negative { u64::MAX } else { random.pick(&[0, 0, 1, 2]) };
            if insn.memory_size().size() == 1 || insn.op0_register().size() == 1 {
                state.gpr[rax] &= random.pick(&[0xff, 0x3ff, 0xffff]);
            }
        }
        M::Shl | M::Shr | M::Sar | M::Rol | M::Ror | M::Rcl | M::Rcr | M::Shld | M::Shrd if random.one_in(2) => {
            state.gpr[rcx] = random.pick(&[0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255]);
        }
        M::Leave | M::Enter => state.gpr[rbp] = layout::STACK + 8 * random.below(32),
        M::Xlatb => state.gpr[rbx] = layout::WINDOW + 0x800,
        M::Loop | M::Loope | M::Loopne | M::Jrcxz | M::Jecxz => {
            state.gpr[rcx] = random.pick(&[0, 1, 2, u64::MAX, 1 << 32])
        }
        M::Call | M::Jmp if insn.op0_kind() == OpKind::Register && insn.op0_register() != Register::RSP => {
            state.gpr[insn.op0_register().number()] = code_address(random);
        }
        M::Mulx if insn.op2_kind() == OpKind::Register && random.one_in(8) => state.gpr[rdx] = u64::MAX,
        M::Wrfsbase | M::Wrgsbase => {
            let n = insn.op0_register().number();
            state.gpr[n] &= if n == RSP { u64::MAX } else { 0x7fff_ffff_ffff };
        }
        M::Bextr | M::Bzhi => {
            state.gpr[insn.op2_register().full_register().number()] = random.below(70) | random.below(70) << 8;
        }
        _ => {}
    }
    if insn.is_stack_instruction() {
        state.gpr[RSP] = stack_target(random);
    }
    strings(insn, state, random);
    if insn.is_vsib() {
        indices(insn, state, random);
    }
    if insn.is_string_instruction() {
        string(insn, state, random);
    }
    if matches!(insn.mnemonic(), M::Maskmovq | M::Maskmovdqu | M::Vmaskmovdqu) {
        state.gpr[7] = target(16, random);
    }
    if matches!(insn.memory_segment(), Register::FS | Register::GS) && insn.segment_prefix() != Register::None {
        state.fs_base = 0x1000 * random.below(16);
        state.gs_base = 0x1230 * random.below(16);
    }
}

/// PCMPESTRI and its kin: lengths about the number of elements, and texts of few letters.
fn strings(insn: &Instruction, state: &mut State, random: &mut Random) {
    let name = format!("{:?}", insn.mnemonic()).to_lowercase();
    if !name.contains("pcmpestr") && !name.contains("pcmpistr") {
        return;
    }
    for length in [0, 2] {
        state.gpr[length] = (random.below(40) as i64 - 20) as u64;
    }
    if random.one_in(4) {
        return;
    }
    let bytes = |random: &mut Random| -> u64 {
        (0..8).fold(0, |word, _| word << 8 | random.pick(&[0x61, 0x61, 0x62, 0x62, 0x7a, 0x80, 0xff, 0]))
    };
    for ymm in &mut state.ymm {
        (ymm[0], ymm[1]) = (bytes(random), bytes(random));
    }
}

/// A gather's indices: mostly near, now and then far away.
fn indices(insn: &Instruction, state: &mut State, random: &mut Random) {
    // Not into the upper half of the address space, where the operating system is.
    let far = if insn.is_vsib32() { 0x3fff_ffff } else { u64::MAX };
    for word in &mut state.ymm[insn.memory_index().number()] {
        let near = |random: &mut Random| if random.one_in(12) { random.bits() >> 20 & far } else { random.below(0x60) };
        *word = match insn.is_vsib32() {
            true => near(random) & 0xffff_ffff | near(random) << 32,
            false => near(random),
        };
    }
}

fn string(insn: &Instruction, state: &mut State, random: &mut Random) {
    let size = insn.memory_size().size() as u64;
    state.gpr[1] = if random.one_in(6) { 0 } else { random.below(20) };
    // Processors compare addresses, not places, before they copy in pieces: between aliases the order of a repeated instruction is theirs.
    let may_alias = !insn.has_rep_prefix() && !insn.has_repne_prefix();
    let allowed = |address| layout::home(address).filter(|_| !may_alias).unwrap_or(address);
    state.gpr[6] = allowed(target(size, random));
    let near = random.one_in(4);
    state.gpr[7] = allowed(if near { overlapping(state.gpr[6], random) } else { target(size, random) });
    for pointer in [state.gpr[6], state.gpr[7]] {
        // Two values only, so that comparisons run on for a while.
        let bytes: Vec<u8> = (0..48).map(|i| if i < 24 || !random.one_in(6) { 0x41 } else { 0x80 }).collect();
        write(state, pointer.wrapping_sub(24), &bytes);
    }
    if random.one_in(2) {
        state.gpr[0] = 0x4141_4141_4141_4141;
    }
}

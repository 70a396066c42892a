//! A random valid encoding of a code, driven by the operand kinds in iced's table.

use super::{Random, Shape, values};
use crate::layout;
use crate::operand::memory_operand;
use iced_x86::{
    Code, Decoder, DecoderOptions, Encoder, Instruction, Mnemonic, OpCodeOperandKind as Kind, OpKind, Register,
};

#[rustfmt::skip]
const BASES: [Register; 14] = [
    Register::RBX, Register::RSI, Register::RDI, Register::RBP, Register::RDX, Register::RSP, Register::R8, Register::R9, Register::R10,
    Register::R11, Register::R12, Register::R13, Register::R14, Register::R15,
];

/// One attempt: the decoded instruction and its bytes.
pub(super) fn encode(code: Code, shape: Shape, random: &mut Random) -> Option<(Instruction, Vec<u8>)> {
    let mut insn = Instruction::default();
    insn.set_code(code);
    let info = code.op_code();
    for (n, &kind) in info.op_kinds().iter().enumerate() {
        operand(&mut insn, n as u32, kind, shape, random)?;
    }
    prefixes(&mut insn, random);
    let mut encoder = Encoder::new(64);
    encoder.encode(&insn, layout::CODE).ok()?;
    let bytes = encoder.take_buffer();
    let decoded = Decoder::with_ip(64, &bytes, layout::CODE, DecoderOptions::NONE).decode();
    (decoded.len() == bytes.len() && decoded.code() == code).then_some((decoded, bytes))
}

fn operand(insn: &mut Instruction, n: u32, kind: Kind, shape: Shape, random: &mut Random) -> Option<()> {
    if let Some(class) = register_or_memory(kind) {
        let is_memory = match shape {
            Shape::Register => false,
            Shape::Memory => true,
            Shape::Any => random.one_in(2),
        };
        return if is_memory { memory(insn, n, random) } else { register(insn, n, class, random) };
    }
    if let Some(class) = register_class(kind) {
        return register(insn, n, class, random);
    }
    if let Some(kind) = immediate_kind(kind) {
        return immediate(insn, n, kind, random);
    }
    match kind {
        Kind::mem | Kind::mem_mpx | Kind::sibmem => memory(insn, n, random),
        Kind::mem_vsib32x | Kind::mem_vsib64x => vector_indexed(insn, n, Register::XMM0, random),
        Kind::mem_vsib32y | Kind::mem_vsib64y => vector_indexed(insn, n, Register::YMM0, random),
        Kind::mem_offs => absolute(insn, n, random),
        Kind::imm8_const_1 => {
            insn.set_op_kind(n, OpKind::Immediate8);
            insn.set_immediate8(1);
            Some(())
        }
        Kind::seg_rSI => string(insn, n, OpKind::MemorySegRSI),
        Kind::es_rDI => string(insn, n, OpKind::MemoryESRDI),
        Kind::seg_rDI => string(insn, n, OpKind::MemorySegRDI),
        Kind::seg_rBX_al => {
            insn.set_op_kind(n, OpKind::Memory);
            insn.set_memory_base(Register::RBX);
            insn.set_memory_index(Register::AL);
            Some(())
        }
        Kind::br64_1 => branch(insn, n, layout::CODE - 0x70 + random.below(0xe0)),
        Kind::br64_4 => branch(insn, n, layout::CODE_PAGES + 0x20 + random.below(layout::CODE_PAGES_LEN - 0x40)),
        _ => None,
    }
}

#[rustfmt::skip]
fn register_or_memory(kind: Kind) -> Option<Register> {
    Some(match kind {
        Kind::r8_or_mem  => Register::AL,  Kind::r16_or_mem => Register::AX,   Kind::r32_or_mem => Register::EAX, Kind::r64_or_mem => Register::RAX,
        Kind::mm_or_mem  => Register::MM0, Kind::xmm_or_mem => Register::XMM0, Kind::ymm_or_mem => Register::YMM0,
        _ => return None,
    })
}

/// A class by its first register; fixed registers are classes of one.
#[rustfmt::skip]
fn register_class(kind: Kind) -> Option<Register> {
    Some(match kind {
        Kind::r8_reg | Kind::r8_opcode                                           => Register::AL,
        Kind::r16_reg | Kind::r16_rm | Kind::r16_opcode                          => Register::AX,
        Kind::r32_reg | Kind::r32_rm | Kind::r32_opcode | Kind::r32_vvvv         => Register::EAX,
        Kind::r64_reg | Kind::r64_rm | Kind::r64_opcode | Kind::r64_vvvv         => Register::RAX,
        Kind::mm_reg | Kind::mm_rm                                               => Register::MM0,
        Kind::xmm_reg | Kind::xmm_rm | Kind::xmm_vvvv | Kind::xmm_is4            => Register::XMM0,
        Kind::ymm_reg | Kind::ymm_rm | Kind::ymm_vvvv | Kind::ymm_is4            => Register::YMM0,
        Kind::sti_opcode                                                         => Register::ST1,
        Kind::seg_reg                                                            => Register::ES,
        Kind::cr_reg                                                             => Register::CR0,
        Kind::dr_reg                                                             => Register::DR0,
        Kind::fs | Kind::gs | Kind::al | Kind::cl | Kind::ax | Kind::dx | Kind::eax | Kind::rax | Kind::st0 => Register::None,
        _ => return None,
    })
}

fn register(insn: &mut Instruction, n: u32, class: Register, random: &mut Random) -> Option<()> {
    const HIGH: [Register; 4] = [Register::AH, Register::CH, Register::DH, Register::BH];
    let count = match class {
        Register::MM0 => 8,
        Register::ES => 6,
        Register::CR0 => 9,
        Register::DR0 => 8,
        _ => 16,
    };
    let register = match class {
        Register::None => fixed(insn.code().op_code().op_kind(n))?,
        Register::ST1 => Register::ST0 + random.below(8) as u32,
        Register::AL if random.one_in(5) => random.pick(&HIGH),
        // Between BL and SPL stand the four high bytes.
        Register::AL => match random.below(16) as u32 {
            low @ 0..4 => Register::AL + low,
            other => Register::SPL + (other - 4),
        },
        first => first + random.below(count) as u32,
    };
    insn.set_op_kind(n, OpKind::Register);
    insn.set_op_register(n, register);
    Some(())
}

#[rustfmt::skip]
fn fixed(kind: Kind) -> Option<Register> {
    Some(match kind {
        Kind::al => Register::AL,   Kind::cl => Register::CL,   Kind::ax => Register::AX,  Kind::dx => Register::DX,
        Kind::fs => Register::FS,   Kind::gs => Register::GS,
        Kind::eax => Register::EAX, Kind::rax => Register::RAX, Kind::st0 => Register::ST0,
        _ => return None,
    })
}

/// `[base]`, with displacement, with index, absolute, RIP-relative, now and then with FS or 32-bit addresses.
fn memory(insn: &mut Instruction, n: u32, random: &mut Random) -> Option<()> {
    insn.set_op_kind(n, OpKind::Memory);
    let form = random.below(10);
    if form == 9 {
        insn.set_memory_base(Register::RIP);
        insn.set_memory_displ_size(8);
        insn.set_memory_displacement64(target(random));
        return Some(());
    }
    if form == 8 {
        insn.set_memory_displ_size(4);
        insn.set_memory_displacement64(target(random));
        return Some(());
    }
    let base = random.pick(&BASES);
    let narrow = random.one_in(16);
    let name = |register: Register| if narrow { register.full_register32() } else { register };
    insn.set_memory_base(name(base));
    if form >= 5 {
        let index = Register::RAX + random.below(16) as u32;
        if index != Register::RSP && index != base {
            insn.set_memory_index(name(index));
            insn.set_memory_index_scale(1 << random.below(4));
        }
    }
    if form % 2 == 1 {
        let displacement =
            if random.one_in(2) { i64::from(random.bits() as i8) } else { i64::from(random.bits() as i16) };
        insn.set_memory_displ_size(if i8::try_from(displacement).is_ok() { 1 } else { 8 });
        let wide = displacement as u64;
        insn.set_memory_displacement64(if narrow { wide & 0xffff_ffff } else { wide });
    }
    if random.one_in(12) {
        insn.set_segment_prefix(random.pick(&[Register::FS, Register::GS]));
    }
    Some(())
}

/// `[base + vector]`, with scale and displacement.
fn vector_indexed(insn: &mut Instruction, n: u32, class: Register, random: &mut Random) -> Option<()> {
    insn.set_op_kind(n, OpKind::Memory);
    insn.set_memory_base(random.pick(&BASES));
    insn.set_memory_index(class + random.below(16) as u32);
    insn.set_memory_index_scale(1 << random.below(4));
    if random.one_in(2) {
        insn.set_memory_displ_size(1);
        insn.set_memory_displacement64(random.below(0x40));
    }
    Some(())
}

/// An address in the middle of the window for operands that hold their address themselves.
fn target(random: &mut Random) -> u64 {
    layout::WINDOW + 0x400 + random.below(0x60) * if random.one_in(4) { 1 } else { 16 }
}

fn absolute(insn: &mut Instruction, n: u32, random: &mut Random) -> Option<()> {
    insn.set_op_kind(n, OpKind::Memory);
    insn.set_memory_displ_size(8);
    insn.set_memory_displacement64(target(random));
    Some(())
}

fn string(insn: &mut Instruction, n: u32, kind: OpKind) -> Option<()> {
    insn.set_op_kind(n, kind);
    Some(())
}

/// A branch to `to`, or past the code if that lies in it: a loop would only time out.
fn branch(insn: &mut Instruction, n: u32, to: u64) -> Option<()> {
    let to = if (layout::CODE..layout::CODE + 0x10).contains(&to) { to + 0x10 } else { to };
    insn.set_op_kind(n, OpKind::NearBranch64);
    insn.set_near_branch64(to);
    Some(())
}

#[rustfmt::skip]
fn immediate_kind(kind: Kind) -> Option<OpKind> {
    Some(match kind {
        Kind::imm8 => OpKind::Immediate8,          Kind::imm8sex16 => OpKind::Immediate8to16, Kind::imm8sex32 => OpKind::Immediate8to32,
        Kind::imm8sex64 => OpKind::Immediate8to64, Kind::imm16 => OpKind::Immediate16,        Kind::imm32 => OpKind::Immediate32,
        Kind::imm32sex64 => OpKind::Immediate32to64, Kind::imm64 => OpKind::Immediate64,
        _ => return None,
    })
}

fn immediate(insn: &mut Instruction, n: u32, kind: OpKind, random: &mut Random) -> Option<()> {
    const COUNTS: [u64; 14] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64];
    // ENTER's second immediate: the nesting level.
    if n == 1 && insn.mnemonic() == Mnemonic::Enter {
        insn.set_op_kind(n, OpKind::Immediate8_2nd);
        insn.set_immediate8_2nd(random.pick(&[0, 0, 1, 2, 3]));
        return Some(());
    }
    insn.set_op_kind(n, kind);
    match kind {
        OpKind::Immediate8 if random.one_in(2) => insn.set_immediate8(random.pick(&COUNTS) as u8),
        OpKind::Immediate8 => insn.set_immediate8(random.bits() as u8),
        OpKind::Immediate16 if matches!(insn.mnemonic(), Mnemonic::Enter | Mnemonic::Ret) => {
            insn.set_immediate16(random.below(0x80) as u16)
        }
        OpKind::Immediate16 => insn.set_immediate16(values::integer(16, random) as u16),
        OpKind::Immediate64 => insn.set_immediate64(values::integer(64, random)),
        OpKind::Immediate8to16 | OpKind::Immediate8to32 | OpKind::Immediate8to64 => {
            insn.set_immediate_i64(n, i64::from(values::integer(8, random) as i8));
        }
        OpKind::Immediate32 => insn.set_immediate32(values::integer(32, random) as u32),
        _ => insn.set_immediate_i64(n, i64::from(values::integer(32, random) as i32)),
    }
    Some(())
}

fn prefixes(insn: &mut Instruction, random: &mut Random) {
    let info = insn.code().op_code();
    if info.can_use_lock_prefix() && memory_operand(insn) == Some(0) {
        insn.set_has_lock_prefix(random.one_in(6));
    }
    if info.can_use_rep_prefix() && random.one_in(2) {
        insn.set_has_rep_prefix(true);
    } else if info.can_use_repne_prefix() && random.one_in(2) {
        insn.set_has_repne_prefix(true);
    }
}

//! Decoding: bytes to [`Insn`], by iced-x86.
//!
//! Decoding happens at address 0, which makes branch targets and RIP-relative addresses distances from the first byte.
//! What a processor's level lacks is no instruction: see [`crate::level`].

use crate::insn::{CodeMode, Gpr, Insn, Mem, Operand, Prefixes, Segment, Vex};
use crate::level::Level;
use crate::width::Width;
use iced_x86::{Code, Decoder, DecoderError, DecoderOptions, EncodingKind, Instruction, Mnemonic, OpKind, Register};

/// Why bytes are no instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    /// No instruction has this encoding: #UD.
    Invalid,
    /// The instruction goes on after the given bytes.
    Truncated,
    /// More than 15 bytes: #GP(0).
    TooLong,
}

/// Decodes the instruction at the start of `bytes`, in 64-bit mode, as a processor of the highest level does. 15 bytes
/// always suffice.
///
/// # Errors
/// [`Undecodable`] says what the processor would do.
pub fn decode(bytes: &[u8]) -> Result<Insn, Undecodable> {
    decode_for(Level::V3, bytes)
}

/// [`decode`] as a processor of `level` does.
///
/// # Errors
/// As [`decode`].
pub fn decode_for(level: Level, bytes: &[u8]) -> Result<Insn, Undecodable> {
    decode_in(CodeMode::Long, level, bytes)
}

/// [`decode_for`] in code of either mode. Near branches with 16-bit targets, which 32-bit code can have with a prefix and
/// has not, are refused as no instruction.
///
/// # Errors
/// As [`decode`].
pub fn decode_in(mode: CodeMode, level: Level, bytes: &[u8]) -> Result<Insn, Undecodable> {
    let window = &bytes[..bytes.len().min(16)];
    let mut decoder = Decoder::with_ip(mode.stack_operand().bits(), window, 0, DecoderOptions::NONE);
    let mut insn = decoder.decode();
    match decoder.last_error() {
        DecoderError::None => {
            if !level.has(insn.code()) {
                insn.set_code(without_prefix(insn.code()).ok_or(Undecodable::Invalid)?);
            }
            let known = level.has(insn.code()) && insn.op0_kind() != OpKind::NearBranch16;
            if known { Ok(convert(&insn, mode)) } else { Err(Undecodable::Invalid) }
        }
        DecoderError::NoMoreBytes if bytes.len() < 15 => Err(Undecodable::Truncated),
        DecoderError::NoMoreBytes => Err(Undecodable::TooLong),
        _ if too_long(window, mode) => Err(Undecodable::TooLong),
        _ => Err(Undecodable::Invalid),
    }
}

/// What TZCNT and LZCNT are to a processor that ignores their prefix.
fn without_prefix(code: Code) -> Option<Code> {
    Some(match code {
        Code::Tzcnt_r16_rm16 => Code::Bsf_r16_rm16,
        Code::Tzcnt_r32_rm32 => Code::Bsf_r32_rm32,
        Code::Tzcnt_r64_rm64 => Code::Bsf_r64_rm64,
        Code::Lzcnt_r16_rm16 => Code::Bsr_r16_rm16,
        Code::Lzcnt_r32_rm32 => Code::Bsr_r32_rm32,
        Code::Lzcnt_r64_rm64 => Code::Bsr_r64_rm64,
        _ => return None,
    })
}

/// Whether `window` is nothing but prefixes for 15 bytes, which is #GP(0) and not #UD (SDM 3A 6.15, #GP).
fn too_long(window: &[u8], mode: CodeMode) -> bool {
    let prefix = |b: &u8| match b {
        0x66 | 0x67 | 0xf0 | 0xf2 | 0xf3 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 => true,
        0x40..=0x4f => mode == CodeMode::Long,
        _ => false,
    };
    window.len() >= 15 && window[..14].iter().all(prefix)
}

fn convert(raw: &Instruction, mode: CodeMode) -> Insn {
    let mut operands = [Operand::None; 4];
    for (slot, index) in operands.iter_mut().zip(0..raw.op_count()) {
        *slot = operand(raw, index);
    }
    let index = raw.memory_index();
    if index.is_xmm() || index.is_ymm() {
        operands[3] = Operand::Xmm(index.number() as u8);
    }
    let vex = vex(raw);
    let mem_size = raw.memory_size().size() as u16;
    let third = || if vex == Vex::None { None } else { operand_width(raw, 2) };
    let width = operand_width(raw, 0).or_else(|| operand_width(raw, 1)).or_else(third).unwrap_or(Width::W64);
    let source_width = operand_width(raw, 1).unwrap_or(width);
    Insn {
        code: raw.code(),
        mnemonic: raw.mnemonic(),
        mode,
        length: raw.len() as u8,
        width,
        source_width,
        prefixes: prefixes(raw),
        operands,
        mem: memory(raw, mode),
        imm: immediate(raw, width),
        imm2: second_immediate(raw),
        mem_size,
        vex,
    }
}

/// The encoding, and whether an operand, or a vector of indices, has 256 bits.
fn vex(raw: &Instruction) -> Vex {
    if raw.code().encoding() != EncodingKind::VEX {
        return Vex::None;
    }
    let is_ymm = |index| raw.op_kind(index) == OpKind::Register && raw.op_register(index).is_ymm();
    let wide = raw.mnemonic() == Mnemonic::Vzeroall
        || raw.memory_index().is_ymm()
        || raw.memory_size().size() == 32
        || (0..raw.op_count()).any(is_ymm);
    if wide { Vex::L256 } else { Vex::L128 }
}

fn prefixes(raw: &Instruction) -> Prefixes {
    Prefixes {
        lock: raw.has_lock_prefix(),
        rep: raw.has_rep_prefix(),
        repne: raw.has_repne_prefix(),
        address_width: (0..raw.op_count()).find_map(|i| string_width(raw.op_kind(i))).unwrap_or(Width::W64),
    }
}

/// The width of the pointer in an operand of a string instruction.
fn string_width(kind: OpKind) -> Option<Width> {
    match kind {
        OpKind::MemorySegSI | OpKind::MemorySegDI | OpKind::MemoryESDI => Some(Width::W16),
        OpKind::MemorySegESI | OpKind::MemorySegEDI | OpKind::MemoryESEDI => Some(Width::W32),
        OpKind::MemorySegRSI | OpKind::MemorySegRDI | OpKind::MemoryESRDI => Some(Width::W64),
        _ => None,
    }
}

fn operand(raw: &Instruction, index: u32) -> Operand {
    match raw.op_kind(index) {
        OpKind::Register => register(raw.op_register(index)),
        OpKind::Memory => Operand::Mem,
        OpKind::NearBranch32 | OpKind::NearBranch64 => Operand::Imm,
        OpKind::Immediate8
        | OpKind::Immediate8_2nd
        | OpKind::Immediate16
        | OpKind::Immediate32
        | OpKind::Immediate64
        | OpKind::Immediate8to16
        | OpKind::Immediate8to32
        | OpKind::Immediate8to64
        | OpKind::Immediate32to64 => Operand::Imm,
        // String operands are implied by the mnemonic, far pointers are the machine's to read.
        _ => Operand::None,
    }
}

fn register(register: Register) -> Operand {
    // SPL to DIL have numbers of their own beside AH to BH: the whole register's is the encoding's.
    let number = if register.is_gpr() { register.full_register().number() } else { register.number() } as u8;
    match register {
        Register::AH | Register::CH | Register::DH | Register::BH => Operand::High(Gpr(number)),
        r if r.is_gpr() => Operand::Gpr(Gpr(number)),
        r if r.is_xmm() || r.is_ymm() => Operand::Xmm(number),
        r if r.is_mm() => Operand::Mmx(number),
        r if r.is_st() => Operand::St(number),
        r if r.is_segment_register() => Operand::Segment(Segment::ALL[usize::from(number)]),
        r if r.is_cr() => Operand::Control(number),
        r if r.is_dr() => Operand::Debug(number),
        _ => Operand::None,
    }
}

/// Width of operand `index`, if it is an integer in a register, in memory, or immediate.
fn operand_width(raw: &Instruction, index: u32) -> Option<Width> {
    if index >= raw.op_count() {
        return None;
    }
    match raw.op_kind(index) {
        OpKind::Register => {
            let register = raw.op_register(index);
            register.is_gpr().then(|| Width::from_bytes(register.size())).flatten()
        }
        kind if kind == OpKind::Memory || string_width(kind).is_some() => Width::from_bytes(raw.memory_size().size()),
        OpKind::Immediate8 => Some(Width::W8),
        OpKind::Immediate16 | OpKind::Immediate8to16 => Some(Width::W16),
        OpKind::Immediate32 | OpKind::Immediate8to32 => Some(Width::W32),
        OpKind::Immediate64 | OpKind::Immediate8to64 | OpKind::Immediate32to64 => Some(Width::W64),
        _ => None,
    }
}

fn immediate(raw: &Instruction, width: Width) -> u64 {
    for index in 0..raw.op_count() {
        match raw.op_kind(index) {
            OpKind::NearBranch32 => return Width::W32.sign_extend(raw.near_branch_target()),
            OpKind::NearBranch64 => return raw.near_branch_target(),
            OpKind::FarBranch16 => return u64::from(raw.far_branch_selector()) << 32 | u64::from(raw.far_branch16()),
            OpKind::FarBranch32 => return u64::from(raw.far_branch_selector()) << 32 | u64::from(raw.far_branch32()),
            // ENTER's first operand is the 16-bit frame size, its second the nesting level.
            OpKind::Immediate8_2nd => continue,
            OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64 => {
                let wide = index == 0 || operand_width(raw, index) >= Some(width);
                return raw.immediate(index) & if wide { width.mask() } else { u64::MAX };
            }
            _ => {}
        }
    }
    0
}

fn second_immediate(raw: &Instruction) -> u8 {
    (0..raw.op_count()).find(|&i| raw.op_kind(i) == OpKind::Immediate8_2nd).map_or(0, |_| raw.immediate8_2nd())
}

fn memory(raw: &Instruction, mode: CodeMode) -> Mem {
    let gpr = |r: Register| (r.is_gpr()).then(|| Gpr(r.number() as u8));
    let rip_relative = raw.is_ip_rel_memory_operand();
    let address_width = address_width(raw, mode);
    Mem {
        base: gpr(raw.memory_base()),
        index: gpr(raw.memory_index()),
        scale: raw.memory_index_scale().trailing_zeros() as u8,
        disp: displacement(raw, rip_relative, address_width),
        segment: segment(raw, mode),
        rip_relative,
        address_width,
    }
}

/// The segment whose base counts.
fn segment(raw: &Instruction, mode: CodeMode) -> Option<Segment> {
    let register = raw.memory_segment();
    match register {
        Register::FS => Some(Segment::Fs),
        Register::GS => Some(Segment::Gs),
        _ if mode == CodeMode::Long => None,
        _ => Some(Segment::ALL[register.number()]),
    }
}

/// What the registers of an address, or where it has none its displacement, say of its width.
fn address_width(raw: &Instruction, mode: CodeMode) -> Width {
    let (base, index) = (raw.memory_base(), raw.memory_index());
    match mode {
        CodeMode::Long if base.size() == 4 || index.size() == 4 || base == Register::EIP => Width::W32,
        CodeMode::Long => Width::W64,
        CodeMode::Compatibility if base.size() == 2 || index.size() == 2 => Width::W16,
        CodeMode::Compatibility if base == Register::None && raw.memory_displ_size() == 2 => Width::W16,
        CodeMode::Compatibility => Width::W32,
    }
}

fn displacement(raw: &Instruction, rip_relative: bool, address_width: Width) -> i64 {
    match (rip_relative, address_width) {
        (true, _) => raw.ip_rel_memory_address() as i64,
        (false, Width::W64) => raw.memory_displacement64() as i64,
        (false, _) => i64::from(raw.memory_displacement32() as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iced_x86::Mnemonic;

    #[test]
    fn branches_and_rip_relative_addresses_count_from_the_first_byte() {
        let jump = decode(&[0xeb, 0xfe]).unwrap();
        assert_eq!((jump.mnemonic, jump.imm), (Mnemonic::Jmp, 0));
        let load = decode(&[0x48, 0x8b, 0x05, 0x10, 0, 0, 0]).unwrap();
        assert!(load.mem.rip_relative);
        assert_eq!(load.mem.disp, 0x17);
    }

    #[test]
    fn widths_and_immediates() {
        let add = decode(&[0x83, 0xc0, 0xff]).unwrap();
        assert_eq!((add.width, add.imm), (Width::W32, 0xffff_ffff));
        let movzx = decode(&[0x0f, 0xb6, 0xc4]).unwrap();
        assert_eq!(
            (movzx.width, movzx.source_width, movzx.operands[1]),
            (Width::W32, Width::W8, Operand::High(Gpr::RAX))
        );
        let shift = decode(&[0x48, 0xd3, 0xe0]).unwrap();
        assert_eq!((shift.width, shift.source_width), (Width::W64, Width::W8));
    }

    #[test]
    fn what_is_no_instruction() {
        assert_eq!(decode(&[0x06, 0x90, 0x90]), Err(Undecodable::Invalid));
        assert_eq!(decode(&[0x48, 0x8b]), Err(Undecodable::Truncated));
        assert_eq!(decode(&[0x66; 16]), Err(Undecodable::TooLong));
    }

    #[test]
    fn a_level_has_what_it_has_and_prefixes_of_others_mean_nothing() {
        let (popcnt, tzcnt, vpaddb) = ([0xf3, 0x0f, 0xb8, 0xc8], [0xf3, 0x0f, 0xbc, 0xc8], [0xc5, 0xf1, 0xfc, 0xc2]);
        assert_eq!(decode_for(Level::V1, &popcnt), Err(Undecodable::Invalid));
        assert_eq!(decode_for(Level::V2, &popcnt).unwrap().mnemonic, Mnemonic::Popcnt);
        assert_eq!(decode_for(Level::V2, &tzcnt).unwrap().mnemonic, Mnemonic::Bsf);
        assert_eq!(decode_for(Level::V3, &tzcnt).unwrap().mnemonic, Mnemonic::Tzcnt);
        assert_eq!(decode_for(Level::V2, &vpaddb), Err(Undecodable::Invalid));
        assert_eq!(decode(&vpaddb).unwrap().vex, Vex::L128);
        // VADDPS zmm with EVEX shares its mnemonic with AVX.
        assert_eq!(decode(&[0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2]), Err(Undecodable::Invalid));
    }
}

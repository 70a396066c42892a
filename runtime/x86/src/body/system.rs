//! The system instructions that run often. SDM volume 2. What they must refuse, and the rest, is the machine's one function.

use super::stack::{operand_width, push_value};
use crate::flags::{self, FlagOp, bit};
use crate::insn::{CodeMode, Gpr, Insn, Operand, Segment};
use crate::machine::{BinOp, Compare, Machine};
use crate::operands::{read, write, write_gpr};
use crate::privileged::SystemRegister;
use crate::width::Width;

const IF: u64 = 1 << 9;
const DF: u64 = 1 << 10;
const RF: u64 = 1 << 16;
const VM: u64 = 1 << 17;
/// Always set in RFLAGS.
const FIXED: u64 = 2;
/// What SYSRET takes from R11.
const SYSRET_FLAGS: u64 = 0x3c_7fd7;

const EFER_SCE: u64 = 1;
const CR4_TSD: u64 = 1 << 2;
const CR4_FSGSBASE: u64 = 1 << 16;

/// Access rights of the flat segments that SYSCALL and SYSRET load without reading the GDT, at privilege level 0.
const CODE_RIGHTS: u16 = 0xa09b;
const DATA_RIGHTS: u16 = 0xc093;
const USER: u16 = 3 << 5;

/// CLD and STD (`down`).
#[inline(always)]
pub fn direction<M: Machine>(m: &mut M, down: bool) {
    let old = m.system_flags();
    let new = if down {
        let bit = m.imm(DF);
        m.or(old, bit)
    } else {
        m.and_imm(old, !DF)
    };
    m.set_system_flags(new);
}

/// CLI.
#[inline(always)]
pub fn cli<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.in_kernel() {
        return m.helper(insn);
    }
    let old = m.system_flags();
    let new = m.and_imm(old, !IF);
    m.set_system_flags(new);
    Ok(())
}

/// STI. Of user mode, whether it may is the helper's to find out.
#[inline(always)]
pub fn sti<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.has_system() || !m.in_kernel() {
        return m.helper(insn);
    }
    open_interrupts(m);
    Ok(())
}

/// Sets IF. Interrupts are held off for one more instruction if they were off.
pub fn open_interrupts<M: Machine>(m: &mut M) {
    let old = m.system_flags();
    let bit = m.imm(IF);
    let new = m.or(old, bit);
    m.opens(new);
    let was = m.and_imm(old, IF);
    let closed = m.is_zero(was);
    m.hold_interrupts(closed);
    m.set_system_flags(new);
}

/// PUSHF.
#[inline(always)]
pub fn pushf<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = operand_width(insn);
    let now = m.flags();
    let arithmetic = flags::word(m, now);
    let system = m.system_flags();
    let system = m.and_imm(system, !(VM | RF));
    let word = m.or(arithmetic, system);
    let word = m.and_imm(word, w.mask());
    push_value(m, insn.mode, w, word)
}

/// SWAPGS.
#[inline(always)]
pub fn swapgs<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.in_kernel() {
        return m.helper(insn);
    }
    m.swap_gs_base();
    Ok(())
}

/// Sets RFLAGS to a word.
fn set_whole_flags<M: Machine>(m: &mut M, word: M::Int) {
    let system = m.and_imm(word, !bit::ARITHMETIC);
    let fixed = m.imm(FIXED);
    let system = m.or(system, fixed);
    m.set_system_flags(system);
    let arithmetic = m.and_imm(word, bit::ARITHMETIC);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, arithmetic, none, none);
}

/// Loads CS and SS, which follows it in the GDT or, for user mode, comes before.
fn flat_segments<M: Machine>(m: &mut M, code: M::Int, stack: M::Int, level: u16) {
    m.set_flat_segment(Segment::Cs, code, CODE_RIGHTS | level);
    m.set_flat_segment(Segment::Ss, stack, DATA_RIGHTS | level);
}

fn no_system_calls<M: Machine>(m: &mut M) -> M::Bool {
    let efer = m.system_register(SystemRegister::Efer);
    let enabled = m.and_imm(efer, EFER_SCE);
    m.is_zero(enabled)
}

/// SYSCALL of 64-bit mode. The helper refuses it.
#[inline(never)]
pub fn syscall<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.has_system() || insn.mode != CodeMode::Long {
        return m.helper(insn);
    }
    let off = no_system_calls(m);
    if m.rare(off) {
        return m.helper(insn);
    }
    let now = m.flags();
    let arithmetic = flags::word(m, now);
    let system = m.system_flags();
    let flags = m.or(arithmetic, system);
    let flags = m.and_imm(flags, !RF);
    let fmask = m.system_register(SystemRegister::Fmask);
    let kept = m.un(crate::machine::UnOp::Not, Width::W64, fmask);
    let masked = m.and(flags, kept);
    let target = m.system_register(SystemRegister::Lstar);
    let star = m.system_register(SystemRegister::Star);
    let code = m.shr_imm(star, 32);
    let code = m.and_imm(code, 0xfffc);
    let eight = m.imm(8);
    let stack = m.add(Width::W16, code, eight);
    let rip = m.rip();
    let length = m.imm(insn.length.into());
    let next = m.add(Width::W64, rip, length);
    m.set_gpr(Gpr::RCX, next);
    m.set_gpr(Gpr::R11, flags);
    set_whole_flags(m, masked);
    flat_segments(m, code, stack, 0);
    m.cross(0, target);
    Ok(())
}

/// SYSRET to 64-bit mode. The helper refuses it, and is the one to compatibility mode.
#[inline(never)]
pub fn sysret<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !m.has_system() || insn.mode != CodeMode::Long || !m.in_kernel() {
        return m.helper(insn);
    }
    let off = no_system_calls(m);
    let target = m.gpr(Gpr::RCX);
    let wild = not_canonical(m, target);
    let refused = m.either(off, wild);
    if m.rare(refused) {
        return m.helper(insn);
    }
    let mask = SYSRET_FLAGS & !(RF | VM);
    let old = m.system_flags();
    let old = m.and_imm(old, !(mask | bit::ARITHMETIC));
    let given = m.gpr(Gpr::R11);
    let given = m.and_imm(given, mask);
    let flags = m.or(old, given);
    m.opens(flags);
    let star = m.system_register(SystemRegister::Star);
    let base = m.shr_imm(star, 48);
    let three = m.imm(3);
    let [code, stack] = [16, 8].map(|distance| {
        let distance = m.imm(distance);
        let selector = m.add(Width::W16, base, distance);
        m.or(selector, three)
    });
    set_whole_flags(m, flags);
    flat_segments(m, code, stack, USER);
    m.cross(3, target);
    Ok(())
}

/// Whether bits 47 to 63 of an address differ.
fn not_canonical<M: Machine>(m: &mut M, address: M::Int) -> M::Bool {
    let sixteen = m.imm(16);
    let high = m.bin(BinOp::Shl, Width::W64, address, sixteen);
    let extended = m.bin(BinOp::Sar, Width::W64, high, sixteen);
    m.compare(Compare::Ne, Width::W64, extended, address)
}

/// RDTSC, and RDTSCP with `aux`. The helper refuses it.
#[inline(never)]
pub fn rdtsc<M: Machine>(m: &mut M, insn: &Insn, aux: bool) -> Result<(), M::Stop> {
    if !m.has_system() {
        return m.helper(insn);
    }
    if !m.in_kernel() {
        let cr4 = m.system_register(SystemRegister::Cr4);
        let privileged = m.and_imm(cr4, CR4_TSD);
        let privileged = m.is_nonzero(privileged);
        if m.rare(privileged) {
            return m.helper(insn);
        }
    }
    let time = m.time();
    let low = m.and_imm(time, 0xffff_ffff);
    let high = m.shr_imm(time, 32);
    write_gpr(m, Gpr::RAX, Width::W32, low);
    write_gpr(m, Gpr::RDX, Width::W32, high);
    if aux {
        let aux = m.system_register(SystemRegister::TscAux);
        let aux = m.and_imm(aux, 0xffff_ffff);
        write_gpr(m, Gpr::RCX, Width::W32, aux);
    }
    Ok(())
}

/// RDFSBASE, RDGSBASE, and with `store` WRFSBASE and WRGSBASE, if CR4.FSGSBASE allows them. The helper refuses them.
#[inline(never)]
pub fn segment_base<M: Machine>(m: &mut M, insn: &Insn, segment: Segment, store: bool) -> Result<(), M::Stop> {
    if !m.has_system() {
        return m.helper(insn);
    }
    let cr4 = m.system_register(SystemRegister::Cr4);
    let allowed = m.and_imm(cr4, CR4_FSGSBASE);
    let refused = m.is_zero(allowed);
    if !store {
        if m.rare(refused) {
            return m.helper(insn);
        }
        let value = m.segment_base(segment);
        let value = m.and_imm(value, insn.width.mask());
        return write(m, insn, 0, insn.width, value);
    }
    let value = read(m, insn, 0, insn.width)?;
    let wild = not_canonical(m, value);
    let refused = m.either(refused, wild);
    if m.rare(refused) {
        return m.helper(insn);
    }
    m.set_segment_base(segment, value);
    Ok(())
}

/// MOV from a segment register, and in the kernel from a control register. Those that are more than a value, and all else,
/// are the helper's.
#[inline(never)]
pub fn mov<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if let (Operand::Segment(segment), true) = (insn.operands[1], m.has_system()) {
        let value = m.selector(segment);
        let width = if insn.operands[0] == Operand::Mem { Width::W16 } else { insn.width };
        return write(m, insn, 0, width, value);
    }
    let register = match insn.operands[1] {
        Operand::Control(0) => SystemRegister::Cr0,
        Operand::Control(2) => SystemRegister::Cr2,
        Operand::Control(3) => SystemRegister::Cr3,
        Operand::Control(4) => SystemRegister::Cr4,
        _ => return m.helper(insn),
    };
    let Operand::Gpr(to) = insn.operands[0] else { return m.helper(insn) };
    if !m.has_system() || !m.in_kernel() {
        return m.helper(insn);
    }
    let value = m.system_register(register);
    let value = m.and_imm(value, insn.width.mask());
    m.set_gpr(to, value);
    Ok(())
}

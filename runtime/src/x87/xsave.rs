//! The XSAVE family: XSAVE, XSAVEOPT, XSAVEC and XRSTOR, with and without REX.W. SDM volume 1, chapter 13.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 511 | the legacy region: x87 and SSE as [`super::fxsave`] has them |
//! | 512 to 575 | the header: XSTATE_BV, XCOMP_BV, zeros |
//! | 576 to 831 | AVX: the upper halves of YMM0 to YMM15; in the compacted format there too, since nothing comes before it |
//!
//! Outside 64-bit mode there are 8 XMM and YMM registers: the others are neither looked at nor touched, in the area too.
//!
//! A component is in use unless it is as after reset. XSAVEOPT saves what is in use; that it may leave out what has not
//! changed since the last XRSTOR it does not use.

use super::fxsave::{self, Image};
use super::{CR0_TS, Done};
use crate::cpu::Cpu;
use crate::exception::{Exception, vector};
use crate::system::require_xsave;
use crate::vm::Vm;
use x86::operands::{address, read_gpr};
use x86::{CodeMode, Gpr, Insn, Machine, Mnemonic, Width};

/// The x87 component of XCR0 and XSTATE_BV.
pub(crate) const X87: u64 = 1;
/// The SSE component.
pub(crate) const SSE: u64 = 2;
/// The AVX component.
pub(crate) const AVX: u64 = 4;
/// All components that there are.
pub(crate) const ALL: u64 = X87 | SSE | AVX;
/// Bit of XCOMP_BV that says that the format is compacted.
const COMPACTED: u64 = 1 << 63;
const HEADER: u64 = 512;
const HEADER_SIZE: usize = 64;
/// Where the AVX component begins.
pub(crate) const AVX_OFFSET: u64 = 576;
/// Its size in bytes.
pub(crate) const AVX_SIZE: u64 = 256;
const INITIAL_MXCSR: u32 = 0x1f80;

/// The components that are not as after reset, as far as the mode has them.
pub(crate) fn in_use(cpu: &Cpu, mode: CodeMode) -> u64 {
    let count = usize::from(mode.vector_registers());
    let x87 = (cpu.fcw, cpu.fsw, cpu.ftw, cpu.fop, cpu.fip, cpu.fdp) != (0x37f, 0, 0, 0, 0, 0)
        || cpu.fpr.iter().any(|register| *register != [0; 2]);
    let used = |registers: &[[u64; 2]; 16]| registers[..count].iter().any(|register| *register != [0; 2]);
    let component = |used: bool, bit: u64| if used { bit } else { 0 };
    component(x87, X87) | component(used(&cpu.xmm), SSE) | component(used(&cpu.ymm_high), AVX)
}

/// What every instruction of the family begins with: the area's address and the components that are asked for.
fn begin(vm: &mut Vm, insn: &Insn) -> Result<(u64, u64), Exception> {
    require_xsave(vm)?;
    if vm.cpu.cr0 & CR0_TS != 0 {
        return Err(Exception::plain(vector::NM));
    }
    let at = address(vm, insn);
    if !at.is_multiple_of(64) {
        return Err(Exception::GP0);
    }
    let asked = read_gpr(vm, Gpr::RDX, Width::W32) << 32 | read_gpr(vm, Gpr::RAX, Width::W32);
    Ok((at, asked & vm.cpu.xcr0))
}

/// Which of the saving instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// XSAVE: everything that is asked for.
    Plain,
    /// XSAVEOPT: of that what is in use.
    Optimized,
    /// XSAVEC: the same in the compacted format, with a header made anew.
    Compacted,
}

pub(super) fn save(vm: &mut Vm, insn: &Insn, variant: Variant) -> Done {
    let (at, asked) = begin(vm, insn)?;
    let wide = matches!(insn.mnemonic, Mnemonic::Xsave64 | Mnemonic::Xsaveopt64 | Mnemonic::Xsavec64);
    let used = asked & in_use_with_mxcsr(&vm.cpu, insn.mode, variant);
    let written = if variant == Variant::Plain { asked } else { used };
    probe(vm, at, asked)?;
    let old = vm.load(Width::W64, at.wrapping_add(HEADER))?;
    let image = fxsave::image_of(&vm.cpu, wide);
    let mut parts = Vec::new();
    if written & X87 != 0 {
        parts.extend([0..24, 32..160]);
    }
    // XSAVE and XSAVEOPT write MXCSR with SSE and with AVX, XSAVEC with SSE.
    if written & SSE != 0 || variant != Variant::Compacted && asked & (SSE | AVX) != 0 {
        parts.push(24..32);
    }
    if written & SSE != 0 {
        parts.push(160..fxsave::end(insn.mode) as u64);
    }
    for offset in parts.into_iter().flat_map(|part: std::ops::Range<u64>| part.step_by(8)) {
        vm.store_bytes(at.wrapping_add(offset), fxsave::get::<8>(&image, offset as usize))?;
    }
    if written & AVX != 0 {
        let registers = vm.cpu.ymm_high;
        for (index, [low, high]) in (0..insn.mode.vector_registers().into()).zip(registers) {
            let value = u128::from(high) << 64 | u128::from(low);
            vm.store_bytes(at.wrapping_add(AVX_OFFSET + 16 * index), value.to_le_bytes())?;
        }
    }
    let present = if variant == Variant::Compacted { used } else { old & !asked | used };
    vm.store(Width::W64, at.wrapping_add(HEADER), present)?;
    if variant == Variant::Compacted {
        vm.store(Width::W64, at.wrapping_add(HEADER + 8), asked | COMPACTED)?;
    }
    Ok(())
}

/// For XSAVEC a changed MXCSR means that SSE is in use (SDM 1, 13.10).
fn in_use_with_mxcsr(cpu: &Cpu, mode: CodeMode, variant: Variant) -> u64 {
    let changed = variant == Variant::Compacted && cpu.mxcsr != INITIAL_MXCSR;
    in_use(cpu, mode) | if changed { SSE } else { 0 }
}

/// Faults as the writes do, before the first.
fn probe(vm: &mut Vm, at: u64, asked: u64) -> Done {
    let size = if asked & AVX != 0 { AVX_OFFSET + AVX_SIZE } else { AVX_OFFSET };
    vm.probe_write(at, size)
}

pub(super) fn restore(vm: &mut Vm, insn: &Insn) -> Done {
    let (at, asked) = begin(vm, insn)?;
    let wide = insn.mnemonic == Mnemonic::Xrstor64;
    let header: [u8; HEADER_SIZE] = load(vm, at.wrapping_add(HEADER))?;
    let [present, layout] = [0, 8].map(|start| word(&header, start));
    let compacted = layout & COMPACTED != 0;
    // The standard format wants 16 zeros after XSTATE_BV, the compacted one 48 after XCOMP_BV (SDM 1, 13.8.1, 13.8.2).
    let reserved = if compacted { 16..64 } else { 8..24 };
    let allowed = if compacted { layout & !COMPACTED } else { vm.cpu.xcr0 };
    let invalid = header[reserved].iter().any(|&byte| byte != 0)
        || present & !(vm.cpu.xcr0 & allowed) != 0
        || compacted && allowed & !vm.cpu.xcr0 != 0;
    if invalid {
        return Err(Exception::GP0);
    }
    let (loaded, reset) = (asked & present, asked & !present);
    let image: Image = load(vm, at)?;
    let mxcsr = u32::from_le_bytes(fxsave::get(&image, 24));
    // The standard format has MXCSR with SSE and with AVX, whatever XSTATE_BV says.
    let takes_mxcsr = if compacted { loaded & SSE != 0 } else { asked & (SSE | AVX) != 0 };
    if takes_mxcsr && mxcsr & !fxsave::MXCSR_MASK != 0 {
        return Err(Exception::GP0);
    }
    let upper = if loaded & AVX != 0 { load_upper(vm, at)? } else { [[0; 2]; 16] };
    let count = usize::from(insn.mode.vector_registers());
    let cpu = &mut *vm.cpu;
    if takes_mxcsr {
        cpu.mxcsr = mxcsr;
    } else if compacted && reset & SSE != 0 {
        cpu.mxcsr = INITIAL_MXCSR;
    }
    match (loaded & X87 != 0, reset & X87 != 0) {
        (true, _) => fxsave::take_x87(cpu, &image, wide),
        (_, true) => reset_x87(cpu),
        _ => {}
    }
    match (loaded & SSE != 0, reset & SSE != 0) {
        (true, _) => fxsave::take_xmm(cpu, &image, insn.mode),
        (_, true) => cpu.xmm[..count].fill([0; 2]),
        _ => {}
    }
    if asked & AVX != 0 {
        cpu.ymm_high[..count].copy_from_slice(&upper[..count]);
    }
    Ok(())
}

fn reset_x87(cpu: &mut Cpu) {
    (cpu.fsw, cpu.ftw, cpu.fop, cpu.fip, cpu.fdp) = (0, 0, 0, 0, 0);
    cpu.fpr = [[0; 2]; 8];
    cpu.set_control(0x37f);
}

fn load_upper(vm: &mut Vm, at: u64) -> Result<[[u64; 2]; 16], Exception> {
    let bytes: [u8; AVX_SIZE as usize] = load(vm, at.wrapping_add(AVX_OFFSET))?;
    Ok(std::array::from_fn(|index| [word(&bytes, 16 * index), word(&bytes, 16 * index + 8)]))
}

fn word(bytes: &[u8], start: usize) -> u64 {
    (0..8).rev().fold(0, |word, i| word << 8 | u64::from(bytes[start + i]))
}

/// Loads bytes, eight at a time.
fn load<const N: usize>(vm: &mut Vm, at: u64) -> Result<[u8; N], Exception> {
    let mut bytes = [0; N];
    for (offset, part) in (0..).step_by(8).zip(bytes.chunks_exact_mut(8)) {
        part.copy_from_slice(&vm.load_bytes::<8>(at.wrapping_add(offset))?);
    }
    Ok(bytes)
}

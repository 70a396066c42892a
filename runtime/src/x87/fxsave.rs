//! FXSAVE and FXRSTOR, with and without REX.W. SDM volume 1, section 10.5, tables 10-2 and 10-3.
//!
//! | bytes | field |
//! |---|---|
//! | 0, 2, 4, 6 | FCW, FSW, abridged FTW, FOP |
//! | 8, 16 | FIP, FDP: 64 bits with REX.W, else 32 bits and a selector, which is 0 |
//! | 24, 28 | MXCSR, its mask |
//! | 32 to 159 | ST(0) to ST(7), 16 bytes each |
//! | 160 to 415 | XMM0 to XMM15; in compatibility mode XMM0 to XMM7, and what is behind stays as it is |
//!
//! XMM registers are saved and restored whatever CR4.OSFXSR says.

use super::{Done, available};
use crate::cpu::Cpu;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::operands::address;
use x86::{CodeMode, Insn, Mnemonic};

/// Bits of MXCSR that exist.
pub(super) const MXCSR_MASK: u32 = 0xffff;
/// Bytes that FXSAVE writes in 64-bit mode; those up to 512 stay as they are.
const WRITTEN: usize = 416;
const AREA: u64 = 512;
const STACK: usize = 32;
const XMM: usize = 160;
pub(super) type Image = [u8; WRITTEN];

/// Where the XMM registers that the mode has end.
pub(super) fn end(mode: CodeMode) -> usize {
    XMM + 16 * usize::from(mode.vector_registers())
}

fn put<const N: usize>(image: &mut Image, offset: usize, bytes: [u8; N]) {
    image[offset..offset + N].copy_from_slice(&bytes);
}

pub(super) fn get<const N: usize>(image: &Image, offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&image[offset..offset + N]);
    bytes
}

/// Address of the area: #GP(0) unless it is a multiple of 16.
fn area(vm: &mut Vm, insn: &Insn) -> Result<u64, Exception> {
    let at = address(vm, insn);
    if at.is_multiple_of(16) { Ok(at) } else { Err(Exception::GP0) }
}

pub(super) fn image_of(cpu: &Cpu, wide: bool) -> Image {
    let mut image = [0; WRITTEN];
    put(&mut image, 0, cpu.fcw.to_le_bytes());
    put(&mut image, 2, cpu.fsw.to_le_bytes());
    put(&mut image, 4, [cpu.ftw]);
    put(&mut image, 6, cpu.fop.to_le_bytes());
    let mask = if wide { u64::MAX } else { u32::MAX.into() };
    put(&mut image, 8, (cpu.fip & mask).to_le_bytes());
    put(&mut image, 16, (cpu.fdp & mask).to_le_bytes());
    put(&mut image, 24, cpu.mxcsr.to_le_bytes());
    put(&mut image, 28, MXCSR_MASK.to_le_bytes());
    for i in 0..8 {
        let [significand, high] = cpu.fpr[cpu.physical(i)];
        let offset = STACK + 16 * usize::from(i);
        put(&mut image, offset, significand.to_le_bytes());
        put(&mut image, offset + 8, (high as u16).to_le_bytes());
    }
    for (i, [low, high]) in cpu.xmm.iter().enumerate() {
        put(&mut image, XMM + 16 * i, low.to_le_bytes());
        put(&mut image, XMM + 16 * i + 8, high.to_le_bytes());
    }
    image
}

pub(super) fn save(vm: &mut Vm, insn: &Insn) -> Done {
    available(&vm.cpu)?;
    let at = area(vm, insn)?;
    vm.probe_write(at, AREA)?;
    let image = image_of(&vm.cpu, insn.mnemonic == Mnemonic::Fxsave64);
    for offset in (0..end(insn.mode)).step_by(16) {
        vm.store_bytes::<16>(at.wrapping_add(offset as u64), get(&image, offset))?;
    }
    Ok(())
}

pub(super) fn restore(vm: &mut Vm, insn: &Insn) -> Done {
    available(&vm.cpu)?;
    let at = area(vm, insn)?;
    let mut image = [0; WRITTEN];
    for offset in (0..WRITTEN).step_by(16) {
        let bytes = vm.load_bytes::<16>(at.wrapping_add(offset as u64))?;
        put(&mut image, offset, bytes);
    }
    let mxcsr = u32::from_le_bytes(get(&image, 24));
    if mxcsr & !MXCSR_MASK != 0 {
        return Err(Exception::GP0);
    }
    vm.cpu.mxcsr = mxcsr;
    take_x87(&mut vm.cpu, &image, insn.mnemonic == Mnemonic::Fxrstor64);
    take_xmm(&mut vm.cpu, &image, insn.mode);
    Ok(())
}

fn quad(image: &Image, offset: usize) -> u64 {
    u64::from_le_bytes(get(image, offset))
}

/// Sets the x87 unit.
pub(super) fn take_x87(cpu: &mut Cpu, image: &Image, wide: bool) {
    let word = |offset| u16::from_le_bytes(get(image, offset));
    let mask = if wide { u64::MAX } else { u32::MAX.into() };
    (cpu.fsw, cpu.ftw, cpu.fop) = (word(2), image[4], word(6) & 0x7ff);
    (cpu.fip, cpu.fdp) = (quad(image, 8) & mask, quad(image, 16) & mask);
    cpu.set_control(word(0));
    for i in 0..8 {
        let offset = STACK + 16 * usize::from(i);
        let n = cpu.physical(i);
        cpu.fpr[n] = [quad(image, offset), word(offset + 8).into()];
    }
}

/// Sets the XMM registers that the mode has.
pub(super) fn take_xmm(cpu: &mut Cpu, image: &Image, mode: CodeMode) {
    for (i, xmm) in cpu.xmm[..mode.vector_registers().into()].iter_mut().enumerate() {
        *xmm = [quad(image, XMM + 16 * i), quad(image, XMM + 16 * i + 8)];
    }
}

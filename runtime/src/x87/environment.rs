//! FNSTENV, FLDENV, FNSAVE, FRSTOR in the protected-mode layouts. SDM volume 1, section 8.1.10, figures 8-9 and 8-11.
//!
//! | field | 32 bits | 16 bits |
//! |---|---|---|
//! | control, status, full tag word | 0, 4, 8 | 0, 2, 4 |
//! | instruction pointer; selector and opcode | 12; 16 | 6; 8 |
//! | data pointer; selector | 20; 24 | 10; 12 |
//! | ST(0) to ST(7), 10 bytes each (FNSAVE, FRSTOR) | 28 | 14 |

use super::stack::{ES, EXCEPTIONS};
use super::{Done, available, ready};
use crate::cpu::Cpu;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::Insn;
use x86::operands::address;

/// Bytes of the largest image: environment and registers.
const IMAGE: usize = 28 + 80;

/// Which of the two layouts.
#[derive(Clone, Copy)]
struct Layout {
    /// Bytes of a field of the environment.
    step: usize,
    /// Bytes of the image that the instruction moves.
    size: usize,
}

impl Layout {
    fn of(insn: &Insn) -> Layout {
        let size = usize::from(insn.mem_size).min(IMAGE);
        Layout { step: if matches!(size, 14 | 94) { 2 } else { 4 }, size }
    }

    fn environment(self) -> usize {
        7 * self.step
    }
}

impl Cpu {
    /// The full tag word: two bits a physical register (SDM 1, 8.1.7).
    pub(super) fn full_tags(&self) -> u16 {
        (0..8).map(|n| self.full_tag(n) << (2 * n)).sum()
    }

    fn full_tag(&self, n: usize) -> u16 {
        const VALID: u16 = 0;
        const ZERO: u16 = 1;
        const SPECIAL: u16 = 2;
        const EMPTY: u16 = 3;
        let [significand, high] = self.fpr[n];
        let exponent = high & 0x7fff;
        match self.ftw >> n & 1 {
            0 => EMPTY,
            _ if exponent == 0 && significand == 0 => ZERO,
            _ if exponent == 0 || exponent == 0x7fff || significand >> 63 == 0 => SPECIAL,
            _ => VALID,
        }
    }

    /// Sets the tags from a full tag word: only "empty" counts, the rest follows from what the registers hold.
    fn set_full_tags(&mut self, tags: u16) {
        self.ftw = (0..8).filter(|n| tags >> (2 * n) & 3 != 3).map(|n| 1 << n).sum();
    }
}

/// Writes the environment at the start of an image.
fn put_environment(cpu: &Cpu, layout: Layout, image: &mut [u8; IMAGE]) {
    let opcode = u32::from(cpu.fop & 0x7ff) << 16;
    let fields = [cpu.fcw.into(), cpu.fsw.into(), cpu.full_tags().into(), cpu.fip as u32, opcode, cpu.fdp as u32, 0];
    for (i, field) in fields.into_iter().enumerate() {
        // The unused upper halves of words and of the last selector are ones.
        let field = if matches!(i, 0..=2 | 6) { field | 0xffff_0000 } else { field };
        image[i * layout.step..][..layout.step].copy_from_slice(&field.to_le_bytes()[..layout.step]);
    }
}

fn take_environment(cpu: &mut Cpu, layout: Layout, image: &[u8]) {
    let field = |i: usize| {
        let mut bytes = [0; 4];
        bytes[..layout.step].copy_from_slice(&image[i * layout.step..][..layout.step]);
        u32::from_le_bytes(bytes)
    };
    cpu.fsw = field(1) as u16;
    cpu.set_control(field(0) as u16);
    cpu.set_full_tags(field(2) as u16);
    (cpu.fip, cpu.fdp) = (field(3).into(), field(5).into());
    cpu.fop = if layout.step == 4 { (field(4) >> 16) as u16 & 0x7ff } else { 0 };
}

/// Keeps where a numeric instruction and its memory operand are.
pub(super) fn keep_pointers(cpu: &mut Cpu, data: Option<u64>) {
    cpu.fip = cpu.rip;
    cpu.fdp = data.unwrap_or(cpu.fdp);
}

/// Keeps the opcode of an instruction that left an exception pending.
pub(super) fn keep_opcode(vm: &mut Vm, insn: &Insn) {
    if vm.cpu.fsw & ES != 0 {
        vm.cpu.fop = opcode(vm, insn).unwrap_or(0);
    }
}

/// The 11 bits of the opcode: three of D8 to DF, and the ModR/M byte. They are the last ones before SIB and displacement,
/// and no prefix is in their range.
fn opcode(vm: &mut Vm, insn: &Insn) -> Result<u16, Exception> {
    let mut at = vm.linear_rip(vm.cpu.rip);
    for _ in 1..insn.length {
        let [first, second] = vm.load_bytes::<2>(at)?;
        if first & 0xf8 == 0xd8 {
            return Ok(u16::from(first & 7) << 8 | u16::from(second));
        }
        at = at.wrapping_add(1);
    }
    Ok(0)
}

/// Loads the whole image before anything is changed.
fn load(vm: &mut Vm, insn: &Insn, layout: Layout) -> Result<[u8; IMAGE], Exception> {
    let at = address(vm, insn);
    let mut image = [0; IMAGE];
    for (offset, pair) in image[..layout.size].chunks_exact_mut(2).enumerate() {
        pair.copy_from_slice(&vm.load_bytes::<2>(at.wrapping_add(2 * offset as u64))?);
    }
    Ok(image)
}

fn store(vm: &mut Vm, insn: &Insn, image: &[u8]) -> Done {
    let at = address(vm, insn);
    vm.probe_write(at, image.len() as u64)?;
    for (offset, pair) in image.chunks_exact(2).enumerate() {
        vm.store_bytes(at.wrapping_add(2 * offset as u64), [pair[0], pair[1]])?;
    }
    Ok(())
}

/// FNSTENV, which then masks all exceptions.
pub(super) fn store_environment(vm: &mut Vm, insn: &Insn) -> Done {
    available(&vm.cpu)?;
    let layout = Layout::of(insn);
    let mut image = [0; IMAGE];
    put_environment(&vm.cpu, layout, &mut image);
    store(vm, insn, &image[..layout.size])?;
    let control = vm.cpu.fcw | EXCEPTIONS;
    vm.cpu.set_control(control);
    Ok(())
}

pub(super) fn load_environment(vm: &mut Vm, insn: &Insn) -> Done {
    ready(&vm.cpu)?;
    let layout = Layout::of(insn);
    let image = load(vm, insn, layout)?;
    take_environment(&mut vm.cpu, layout, &image);
    Ok(())
}

/// FNSAVE, which then does what FNINIT does.
pub(super) fn save(vm: &mut Vm, insn: &Insn) -> Done {
    available(&vm.cpu)?;
    let layout = Layout::of(insn);
    let mut image = [0; IMAGE];
    put_environment(&vm.cpu, layout, &mut image);
    for (i, place) in image[layout.environment()..layout.size].chunks_exact_mut(10).enumerate() {
        let [significand, high] = vm.cpu.fpr[vm.cpu.physical(i as u8)];
        place[..8].copy_from_slice(&significand.to_le_bytes());
        place[8..].copy_from_slice(&(high as u16).to_le_bytes());
    }
    store(vm, insn, &image[..layout.size])?;
    vm.cpu.initialize_x87();
    Ok(())
}

pub(super) fn restore(vm: &mut Vm, insn: &Insn) -> Done {
    ready(&vm.cpu)?;
    let layout = Layout::of(insn);
    let image = load(vm, insn, layout)?;
    take_environment(&mut vm.cpu, layout, &image);
    for (i, place) in image[layout.environment()..layout.size].chunks_exact(10).enumerate() {
        let mut bytes = [0; 16];
        bytes[..10].copy_from_slice(place);
        let value = u128::from_le_bytes(bytes);
        let n = vm.cpu.physical(i as u8);
        vm.cpu.fpr[n] = [value as u64, (value >> 64) as u64];
    }
    Ok(())
}

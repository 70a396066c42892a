//! Transfers between privilege levels: SYSCALL, SYSRET, INT n, IRET, far returns. SDM volume 2; AMD APM volume 3 where
//! they differ is not followed.

use super::deliver::{Source, deliver};
use super::flags::{AC, DF, ID, IF, IOPL, NT, RF, TF, VM as VM_FLAG, iopl, rflags, set_rflags};
use super::segments::{self, Descriptor, Selector, load_segment, read_descriptor, set_code};
use super::{Done, require_kernel};
use crate::cpu::state::SegmentRegister;
use crate::exception::{Exception, vector};
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::flags::bit;
use x86::operands::address;
use x86::{Code, Gpr, Insn, Machine, Operand, Segment, Width};

const EFER_SCE: u64 = 1;
/// A flat 64-bit code segment, a flat data segment: what SYSCALL and SYSRET load without reading the GDT.
const CODE: u64 = 0x00af_9b00_0000_ffff;
const DATA_RIGHTS: u16 = 0xc093;

fn flat_data(selector: u16, level: u16) -> SegmentRegister {
    SegmentRegister { selector, rights: DATA_RIGHTS | level << 5, limit: u32::MAX, base: 0 }
}

pub(super) fn syscall(vm: &mut Vm) -> Done {
    if vm.cpu.efer & EFER_SCE == 0 {
        return Err(Exception::UD);
    }
    let flags = rflags(vm);
    let selector = (vm.cpu.star >> 32) as u16 & !3;
    vm.cpu.gpr[1] = vm.next_rip;
    vm.cpu.gpr[11] = flags & !RF;
    let mask = vm.cpu.sfmask;
    set_rflags(vm, flags & !mask & !RF, u64::MAX);
    set_code(vm, Selector(selector), Descriptor(CODE), 0);
    vm.cpu.segments[Segment::Ss as usize] = flat_data(selector + 8, 0);
    vm.next_rip = vm.cpu.lstar;
    vm.step_at_once();
    Ok(())
}

/// SYSRET to 64-bit mode; to compatibility mode it is refused.
pub(super) fn sysret(vm: &mut Vm, insn: &Insn) -> Done {
    if vm.cpu.efer & EFER_SCE == 0 {
        return Err(Exception::UD);
    }
    require_kernel(vm)?;
    if insn.code != Code::Sysretq {
        return Err(vm.undefined(insn));
    }
    let target = vm.cpu.gpr[1];
    if !canonical(target) {
        return Err(Exception::GP0);
    }
    let flags = vm.cpu.gpr[11];
    set_rflags(vm, flags, !(RF | VM_FLAG) & 0x3c_7fd7);
    let selector = (vm.cpu.star >> 48) as u16;
    set_code(vm, Selector((selector + 16) | 3), Descriptor(CODE | 3 << 45), 3);
    vm.cpu.segments[Segment::Ss as usize] = flat_data((selector + 8) | 3, 3);
    vm.next_rip = target;
    vm.step_at_once();
    Ok(())
}

/// INT n and INT3: the frame's RIP is that of the next instruction.
pub(super) fn software_interrupt(vm: &mut Vm, number: u8) -> Done {
    let here = vm.cpu.rip;
    vm.cpu.rip = vm.next_rip;
    let result = deliver(vm, number, None, Source::Software);
    if result.is_err() {
        vm.cpu.rip = here;
    }
    result
}

/// What IRET and far returns pop.
struct Frame {
    rip: u64,
    cs: Selector,
    rflags: u64,
    rsp: u64,
    ss: Selector,
}

/// IRETQ, IRETD and IRET: five values of the operand's size, as long mode always has it.
pub(super) fn iret(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Iretq => Width::W64,
        Code::Iretd => Width::W32,
        _ => Width::W16,
    };
    if vm.cpu.rflags & NT != 0 {
        return Err(Exception::GP0);
    }
    let rsp = vm.gpr(Gpr::RSP);
    let mut values = [0; 5];
    for (index, value) in values.iter_mut().enumerate() {
        *value = vm.load(w, rsp.wrapping_add(w.bytes() * index as u64))?;
    }
    let [rip, cs, rflags, rsp, ss] = values;
    let frame = Frame { rip, cs: Selector(cs as u16), rflags, rsp, ss: Selector(ss as u16) };
    let mut mask = bit::ARITHMETIC | TF | DF | NT | RF | AC | ID;
    if vm.cpu.cpl == 0 {
        mask |= IOPL;
    }
    if vm.cpu.cpl <= iopl(vm) {
        mask |= IF;
    }
    return_to(vm, &frame)?;
    vm.cpu.nmi_blocked = 0;
    set_rflags(vm, frame.rflags, mask & w.mask());
    Ok(())
}

/// Loads CS:RIP and SS:RSP of a return, which is to the same or an outer privilege level.
fn return_to(vm: &mut Vm, frame: &Frame) -> Done {
    let error = u32::from(frame.cs.0 & !3);
    let descriptor = read_descriptor(vm, frame.cs)?;
    let level = frame.cs.privilege();
    let allowed =
        if descriptor.conforming() { descriptor.privilege() <= level } else { descriptor.privilege() == level };
    if !descriptor.is_code() || level < vm.cpu.cpl || !allowed {
        return Err(Exception::with_error(vector::GP, error));
    }
    if !descriptor.present() {
        return Err(Exception::with_error(vector::NP, error));
    }
    if !descriptor.long() {
        // Compatibility mode is not implemented: refused as a segment that cannot be loaded.
        return Err(Exception::with_error(vector::GP, error));
    }
    if !canonical(frame.rip) {
        return Err(Exception::GP0);
    }
    let old_level = std::mem::replace(&mut vm.cpu.cpl, level);
    if let Err(fault) = load_segment(vm, Segment::Ss, frame.ss) {
        vm.cpu.cpl = old_level;
        return Err(fault);
    }
    set_code(vm, frame.cs, descriptor, level);
    if level > old_level {
        drop_inner_segments(vm, level);
    }
    vm.set_gpr(Gpr::RSP, frame.rsp);
    vm.next_rip = frame.rip;
    Ok(())
}

/// Data segments that the outer level may not use become null (SDM 3A, 5.8.6).
fn drop_inner_segments(vm: &mut Vm, level: u32) {
    for segment in [Segment::Es, Segment::Ds, Segment::Fs, Segment::Gs] {
        let register = &mut vm.cpu.segments[segment as usize];
        let privilege = u32::from(register.rights >> 5 & 3);
        let conforming = register.rights & 0x1c == 0x1c;
        if register.selector & !3 != 0 && privilege < level && !conforming {
            *register = segments::null(0);
        }
    }
}

/// RETF of every size: to a 64-bit code segment.
pub(super) fn far_return(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Retfq | Code::Retfq_imm16 => Width::W64,
        Code::Retfd | Code::Retfd_imm16 => Width::W32,
        _ => Width::W16,
    };
    let release = if insn.operands[0] == Operand::Imm { insn.imm & 0xffff } else { 0 };
    let rsp = vm.gpr(Gpr::RSP);
    let slot = |n: u64| rsp.wrapping_add(n * w.bytes());
    let rip = vm.load(w, slot(0))?;
    let cs = Selector(vm.load(w, slot(1))? as u16);
    if cs.privilege() == vm.cpu.cpl {
        let after = slot(2).wrapping_add(release);
        let ss = Selector(vm.cpu.segment(Segment::Ss).selector);
        let kept = vm.cpu.segments[Segment::Ss as usize];
        let descriptor = read_descriptor(vm, cs)?;
        if !descriptor.is_code() || !descriptor.long() || !descriptor.present() || !canonical(rip) {
            return Err(Exception::with_error(vector::GP, u32::from(cs.0 & !3)));
        }
        let level = vm.cpu.cpl;
        set_code(vm, cs, descriptor, level);
        vm.cpu.segments[Segment::Ss as usize] = SegmentRegister { selector: ss.0, ..kept };
        vm.set_gpr(Gpr::RSP, after);
        vm.next_rip = rip;
        return Ok(());
    }
    let outer = slot(2).wrapping_add(release);
    let rsp = vm.load(w, outer)?;
    let ss = Selector(vm.load(w, outer.wrapping_add(w.bytes()))? as u16);
    let frame = Frame { rip, cs, rflags: 0, rsp: rsp.wrapping_add(release), ss };
    return_to(vm, &frame)
}

/// JMP through a far pointer in memory, to a 64-bit code segment of the same privilege.
pub(super) fn far_jump(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Jmp_m1664 => Width::W64,
        Code::Jmp_m1632 => Width::W32,
        _ => Width::W16,
    };
    let (rip, cs, descriptor) = far_target(vm, insn, w)?;
    let level = vm.cpu.cpl;
    set_code(vm, cs, descriptor, level);
    vm.next_rip = rip;
    Ok(())
}

/// What a far pointer in memory leads to: a 64-bit code segment of the same privilege. Gates are refused.
fn far_target(vm: &mut Vm, insn: &Insn, w: Width) -> Result<(u64, Selector, Descriptor), Exception> {
    let at = address(vm, insn);
    let rip = vm.load(w, at)?;
    let cs = Selector(vm.load(Width::W16, at.wrapping_add(w.bytes()))? as u16);
    let descriptor = read_descriptor(vm, cs)?;
    if !descriptor.is_code() || !descriptor.long() || descriptor.privilege() != vm.cpu.cpl || !canonical(rip) {
        return Err(Exception::with_error(vector::GP, u32::from(cs.0 & !3)));
    }
    Ok((rip, cs, descriptor))
}

/// CALL through a far pointer in memory: pushes CS and RIP in the operand's size.
pub(super) fn far_call(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Call_m1664 => Width::W64,
        Code::Call_m1632 => Width::W32,
        _ => Width::W16,
    };
    let (rip, cs, descriptor) = far_target(vm, insn, w)?;
    let rsp = vm.gpr(Gpr::RSP).wrapping_sub(2 * w.bytes());
    vm.probe_write(rsp, 2 * w.bytes())?;
    let (old, back) = (vm.cpu.segment(Segment::Cs).selector, vm.next_rip);
    vm.store(w, rsp.wrapping_add(w.bytes()), old.into())?;
    vm.store(w, rsp, back & w.mask())?;
    vm.set_gpr(Gpr::RSP, rsp);
    let level = vm.cpu.cpl;
    set_code(vm, cs, descriptor, level);
    vm.next_rip = rip;
    Ok(())
}

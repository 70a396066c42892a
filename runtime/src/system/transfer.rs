//! Transfers between privilege levels and segments: SYSRET to compatibility mode, INT n, IRET, far jumps, calls and returns. SDM volume 2;
//! AMD APM volume 3 where they differ is not followed. Call gates, which Linux does not have, are refused as what is no
//! code segment.

use super::deliver::{Source, deliver};
use super::flags::{AC, DF, ID, IF, IOPL, NT, RF, TF, VM as VM_FLAG, iopl, set_rflags};
use super::segments::{self, Descriptor, Selector, load_segment, read_descriptor, set_code};
use super::{Done, require_kernel};
use crate::cpu::state::SegmentRegister;
use crate::exception::{Exception, vector};
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::body::stack::{above, below, slot};
use x86::flags::bit;
use x86::operands::{address, read_gpr};
use x86::{Code, CodeMode, Gpr, Insn, Machine, Operand, Segment, Width};

const EFER_SCE: u64 = 1;
/// The flat segments of compatibility mode that SYSRET loads without reading the GDT.
const COMPATIBILITY_CODE: u64 = 0x00cf_9b00_0000_ffff;
const DATA_RIGHTS: u16 = 0xc093;

fn flat_data(selector: u16, level: u16) -> SegmentRegister {
    SegmentRegister { selector, rights: DATA_RIGHTS | level << 5, limit: u32::MAX, base: 0 }
}

/// SYSRET to compatibility mode, and what is refused of either.
pub(super) fn sysret(vm: &mut Vm, insn: &Insn) -> Done {
    if vm.cpu.efer & EFER_SCE == 0 || insn.mode == CodeMode::Compatibility {
        return Err(Exception::UD);
    }
    require_kernel(vm)?;
    if insn.code == Code::Sysretq {
        // RCX is not canonical.
        return Err(Exception::GP0);
    }
    let selector = (vm.cpu.star >> 48) as u16;
    let target = read_gpr(vm, Gpr::RCX, Width::W32);
    let flags = vm.cpu.gpr[11];
    set_rflags(vm, flags, !(RF | VM_FLAG) & 0x3c_7fd7);
    set_code(vm, Selector(selector | 3), Descriptor(COMPATIBILITY_CODE | 3 << 45), 3);
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

/// The `index`th value of `w` from the top of the stack.
fn stacked(vm: &mut Vm, insn: &Insn, w: Width, index: u64) -> Result<u64, Exception> {
    let rsp = vm.gpr(Gpr::RSP);
    let pointer = above(vm, insn.mode, rsp, index * w.bytes());
    let place = slot(vm, insn.mode, pointer, w.bytes());
    vm.load(w, place)
}

/// IRETQ, IRETD and IRET: five values of the operand's size in 64-bit mode; in compatibility mode the stack only where it
/// changes.
pub(super) fn iret(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Iretq => Width::W64,
        Code::Iretd => Width::W32,
        _ => Width::W16,
    };
    if vm.cpu.rflags & NT != 0 {
        return Err(Exception::GP0);
    }
    let [rip, cs, rflags] = [0, 1, 2].map(|index| stacked(vm, insn, w, index));
    let (rip, cs, rflags) = (rip?, Selector(cs? as u16), rflags?);
    let old = vm.gpr(Gpr::RSP);
    let stack = if insn.mode == CodeMode::Long || cs.privilege() > vm.cpu.cpl {
        let rsp = stacked(vm, insn, w, 3)?;
        Stack::Other { rsp, ss: Selector(stacked(vm, insn, w, 4)? as u16) }
    } else {
        Stack::Same { rsp: above(vm, insn.mode, old, 3 * w.bytes()) }
    };
    let mut mask = bit::ARITHMETIC | TF | DF | NT | RF | AC | ID;
    if vm.cpu.cpl == 0 {
        mask |= IOPL;
    }
    if vm.cpu.cpl <= iopl(vm) {
        mask |= IF;
    }
    return_to(vm, rip, cs, stack)?;
    vm.cpu.nmi_blocked = 0;
    set_rflags(vm, rflags, mask & w.mask());
    Ok(())
}

/// The stack after a return.
#[derive(Debug, Clone, Copy)]
enum Stack {
    /// What was returned from stays in SS.
    Same { rsp: u64 },
    /// Another, which was on the first.
    Other { rsp: u64, ss: Selector },
}

/// Where a transfer enters a code segment. What is no mode's segment is refused as one that cannot be loaded.
fn entry(selector: Selector, code: Descriptor, rip: u64) -> Result<u64, Exception> {
    match code.code_mode() {
        Some(CodeMode::Long) if canonical(rip) => Ok(rip),
        Some(CodeMode::Compatibility) if rip <= code.limit().into() => Ok(rip),
        None => Err(Exception::with_error(vector::GP, selector.error())),
        _ => Err(Exception::GP0),
    }
}

/// Loads CS:RIP and SS:RSP of a return, which is to the same or an outer privilege level.
fn return_to(vm: &mut Vm, rip: u64, cs: Selector, stack: Stack) -> Done {
    let error = cs.error();
    let descriptor = read_descriptor(vm, cs)?;
    let level = cs.privilege();
    let allowed =
        if descriptor.conforming() { descriptor.privilege() <= level } else { descriptor.privilege() == level };
    if !descriptor.is_code() || level < vm.cpu.cpl || !allowed {
        return Err(Exception::with_error(vector::GP, error));
    }
    if !descriptor.present() {
        return Err(Exception::with_error(vector::NP, error));
    }
    let rip = entry(cs, descriptor, rip)?;
    let old_level = vm.cpu.cpl;
    let rsp = match stack {
        Stack::Same { rsp } => rsp,
        Stack::Other { ss, .. } if ss.is_null() && !descriptor.long() => return Err(Exception::GP0),
        Stack::Other { rsp, ss } => {
            vm.cpu.cpl = level;
            if let Err(fault) = load_segment(vm, Segment::Ss, ss) {
                vm.cpu.cpl = old_level;
                return Err(fault);
            }
            rsp
        }
    };
    set_code(vm, cs, descriptor, level);
    if level > old_level {
        drop_inner_segments(vm, level);
    }
    vm.set_gpr(Gpr::RSP, rsp);
    vm.next_rip = rip;
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

/// RETF of every size.
pub(super) fn far_return(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Retfq | Code::Retfq_imm16 => Width::W64,
        Code::Retfd | Code::Retfd_imm16 => Width::W32,
        _ => Width::W16,
    };
    let release = if insn.operands[0] == Operand::Imm { insn.imm & 0xffff } else { 0 };
    let rip = stacked(vm, insn, w, 0)?;
    let cs = Selector(stacked(vm, insn, w, 1)? as u16);
    let old = vm.gpr(Gpr::RSP);
    let after = above(vm, insn.mode, old, 2 * w.bytes() + release);
    if cs.privilege() <= vm.cpu.cpl {
        return return_to(vm, rip, cs, Stack::Same { rsp: after });
    }
    let place = slot(vm, insn.mode, after, 2 * w.bytes());
    let rsp = vm.load(w, place)?;
    let ss = Selector(vm.load(Width::W16, place.wrapping_add(w.bytes()))? as u16);
    return_to(vm, rip, cs, Stack::Other { rsp: rsp.wrapping_add(release), ss })
}

/// JMP through a far pointer, to a code segment of the same privilege.
pub(super) fn far_jump(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Jmp_m1664 => Width::W64,
        Code::Jmp_m1632 | Code::Jmp_ptr1632 => Width::W32,
        _ => Width::W16,
    };
    let (rip, cs, descriptor) = far_target(vm, insn, w)?;
    let level = vm.cpu.cpl;
    set_code(vm, cs, descriptor, level);
    vm.next_rip = rip;
    Ok(())
}

/// The far pointer, in memory or in the instruction.
fn far_pointer(vm: &mut Vm, insn: &Insn, w: Width) -> Result<(u64, Selector), Exception> {
    if !insn.has_memory() {
        return Ok((insn.imm & w.mask(), Selector((insn.imm >> 32) as u16)));
    }
    let at = address(vm, insn);
    let offset = vm.load(w, at)?;
    let selector = vm.load(Width::W16, at.wrapping_add(w.bytes()))?;
    Ok((offset, Selector(selector as u16)))
}

/// What a far pointer leads to: a code segment that runs at the current privilege (SDM volume 2, JMP). Gates are refused.
fn far_target(vm: &mut Vm, insn: &Insn, w: Width) -> Result<(u64, Selector, Descriptor), Exception> {
    let (offset, cs) = far_pointer(vm, insn, w)?;
    let descriptor = read_descriptor(vm, cs)?;
    let (level, own) = (vm.cpu.cpl, descriptor.privilege());
    let allowed = if descriptor.conforming() { own <= level } else { own == level && cs.privilege() <= level };
    if !descriptor.is_code() || !allowed {
        return Err(Exception::with_error(vector::GP, cs.error()));
    }
    if !descriptor.present() {
        return Err(Exception::with_error(vector::NP, cs.error()));
    }
    let rip = entry(cs, descriptor, offset)?;
    Ok((rip, cs, descriptor))
}

/// CALL through a far pointer: pushes CS and RIP in the operand's size.
pub(super) fn far_call(vm: &mut Vm, insn: &Insn) -> Done {
    let w = match insn.code {
        Code::Call_m1664 => Width::W64,
        Code::Call_m1632 | Code::Call_ptr1632 => Width::W32,
        _ => Width::W16,
    };
    let (rip, cs, descriptor) = far_target(vm, insn, w)?;
    let rsp = vm.gpr(Gpr::RSP);
    let top = below(vm, insn.mode, rsp, 2 * w.bytes());
    let place = slot(vm, insn.mode, top, 2 * w.bytes());
    vm.probe_write(place, 2 * w.bytes())?;
    let (old, back) = (vm.cpu.segment(Segment::Cs).selector, vm.next_rip);
    vm.store(w, place.wrapping_add(w.bytes()), old.into())?;
    vm.store(w, place, back & w.mask())?;
    vm.set_gpr(Gpr::RSP, top);
    let level = vm.cpu.cpl;
    set_code(vm, cs, descriptor, level);
    vm.next_rip = rip;
    Ok(())
}

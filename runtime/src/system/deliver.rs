//! Delivery of exceptions and interrupts through the IDT, in 64-bit mode. SDM volume 3A, sections 6.14 (gates, stack
//! switches), 6.15 (each exception), 6.8 (masking).

use super::flags::{self, IF, NT, RF, TF, VM};
use super::segments::{self, Descriptor, Selector};
use crate::cpu::breakpoints::GD;
use crate::exception::{Exception, vector};
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::{Segment, Width};

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An exception of the current instruction, or an interrupt from outside.
    Hardware,
    /// INT n and INT3: the gate's privilege counts.
    Software,
}

/// Error code bits (SDM 3A, 6.13).
const EXTERNAL: u32 = 1;
const FROM_IDT: u32 = 2;

/// Delivers an exception of the instruction at RIP; a second one on the way makes a double fault, a third one shuts the
/// machine down.
pub(crate) fn exception(vm: &mut Vm, first: Exception) {
    let mut current = first;
    loop {
        if current.vector == vector::PF {
            vm.cpu.cr2 = current.address;
        }
        if current.vector == vector::DB {
            vm.cpu.dr[7] &= !GD;
        }
        if current.is_fault() {
            vm.cpu.rflags |= RF;
        }
        let Err(second) = deliver(vm, current.vector, current.error, Source::Hardware) else { return };
        current = match combined(current, external(second)) {
            Some(next) => next,
            None => {
                vm.shutdown = true;
                vm.attention = true;
                return;
            }
        };
    }
}

/// What two exceptions make (SDM 3A, table 6-5): the second, a double fault, or shutdown.
fn combined(first: Exception, second: Exception) -> Option<Exception> {
    let double = match first.vector {
        vector::DF => return None,
        vector::PF => second.vector == vector::PF || second.contributory(),
        _ => first.contributory() && second.contributory(),
    };
    Some(if double { Exception::with_error(vector::DF, 0) } else { second })
}

/// Delivers an interrupt from outside.
pub(crate) fn interrupt(vm: &mut Vm, number: u8) {
    if let Err(fault) = deliver(vm, number, None, Source::Hardware) {
        exception(vm, external(fault));
    }
}

/// A fault in the delivery of an event that no software asked for says so, where its error code has that bit (SDM 3A, 6.13).
fn external(fault: Exception) -> Exception {
    let has_bit = matches!(fault.vector, vector::TS | vector::NP | vector::SS | vector::GP);
    Exception { error: fault.error.map(|error| if has_bit { error | EXTERNAL } else { error }), ..fault }
}

/// A gate of the IDT.
struct Gate {
    selector: Selector,
    offset: u64,
    stack: u8,
    privilege: u32,
    /// An interrupt gate clears IF, a trap gate does not.
    interrupt: bool,
}

fn gate(vm: &mut Vm, number: u8) -> Result<Gate, Exception> {
    let error = (u32::from(number) << 3) | FROM_IDT;
    let at = u64::from(number) * 16;
    if at + 15 > vm.cpu.idtr.limit {
        return Err(Exception::with_error(vector::GP, error));
    }
    let base = vm.cpu.idtr.base.wrapping_add(at);
    let low = segments::system_load(vm, Width::W64, base)?;
    let high = segments::system_load(vm, Width::W64, base.wrapping_add(8))?;
    let kind = (low >> 40) & 0x1f;
    if kind != 0xe && kind != 0xf {
        return Err(Exception::with_error(vector::GP, error));
    }
    if low >> 47 & 1 == 0 {
        return Err(Exception::with_error(vector::NP, error));
    }
    Ok(Gate {
        selector: Selector((low >> 16) as u16),
        offset: (low & 0xffff) | (low >> 32 & 0xffff_0000) | high << 32,
        stack: (low >> 32 & 7) as u8,
        privilege: (low >> 45 & 3) as u32,
        interrupt: kind == 0xe,
    })
}

/// Delivers an event. On a fault nothing but the stack below its top has changed.
pub(super) fn deliver(vm: &mut Vm, number: u8, error: Option<u32>, source: Source) -> Result<(), Exception> {
    let gate = gate(vm, number)?;
    if source == Source::Software && gate.privilege < vm.cpu.cpl {
        return Err(Exception::with_error(vector::GP, (u32::from(number) << 3) | FROM_IDT));
    }
    let code = segments::read_descriptor(vm, gate.selector)?;
    let level = code_level(vm, gate.selector, code)?;
    if !canonical(gate.offset) {
        return Err(Exception::GP0);
    }
    let stack = stack_top(vm, &gate, level)? & !0xf;
    push_frame(vm, stack, error, level)?;
    enter(vm, &gate, code, stack - if error.is_some() { 48 } else { 40 }, level);
    Ok(())
}

/// The privilege level of the handler (SDM 3A, 6.12.1.1).
fn code_level(vm: &Vm, selector: Selector, code: Descriptor) -> Result<u32, Exception> {
    let error = u32::from(selector.0 & !3);
    let level = if code.conforming() { vm.cpu.cpl } else { code.privilege() };
    if selector.is_null() || !code.is_code() || level > vm.cpu.cpl || !code.long() {
        return Err(Exception::with_error(vector::GP, error));
    }
    if !code.present() {
        return Err(Exception::with_error(vector::NP, error));
    }
    Ok(level)
}

/// The handler's stack: from the TSS where the gate names one or the privilege changes, else the current one.
fn stack_top(vm: &mut Vm, gate: &Gate, level: u32) -> Result<u64, Exception> {
    let offset = match gate.stack {
        0 if level == vm.cpu.cpl => return Ok(vm.cpu.gpr[4]),
        0 => 4 + 8 * u64::from(level),
        index => 36 + 8 * (u64::from(index) - 1),
    };
    if offset + 7 > u64::from(vm.cpu.tr.limit) {
        return Err(Exception::with_error(vector::TS, u32::from(vm.cpu.tr.selector & !3)));
    }
    let base = vm.cpu.tr.base.wrapping_add(offset);
    let top = segments::system_load(vm, Width::W64, base)?;
    if canonical(top) { Ok(top) } else { Err(Exception::SS0) }
}

/// Pushes SS, RSP, RFLAGS, CS, RIP and the error code below `stack`, at the handler's privilege.
fn push_frame(vm: &mut Vm, stack: u64, error: Option<u32>, level: u32) -> Result<(), Exception> {
    let frame = [
        u64::from(vm.cpu.segment(Segment::Ss).selector),
        vm.cpu.gpr[4],
        flags::rflags(vm),
        u64::from(vm.cpu.segment(Segment::Cs).selector),
        vm.cpu.rip,
    ];
    let values = frame.into_iter().chain(error.map(u64::from));
    for (index, value) in values.enumerate() {
        let at = stack.wrapping_sub(8 * (index as u64 + 1));
        segments::store_at_level(vm, at, value, level)?;
    }
    Ok(())
}

fn enter(vm: &mut Vm, gate: &Gate, code: Descriptor, rsp: u64, level: u32) {
    if level != vm.cpu.cpl {
        vm.cpu.segments[Segment::Ss as usize] = segments::null(level as u16);
    }
    segments::set_code(vm, Selector(gate.selector.0 & !3 | level as u16), code, level);
    vm.cpu.gpr[4] = rsp;
    vm.cpu.rip = gate.offset;
    vm.next_rip = gate.offset;
    let cleared = TF | NT | RF | VM | if gate.interrupt { IF } else { 0 };
    vm.cpu.rflags &= !cleared;
    vm.cpu.interrupt_shadow = 0;
}

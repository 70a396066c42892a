//! String operations: SCAS and CMPS, and what `x86::body::strings` leaves of MOVS, STOS and LODS. SDM volume 1, section 7.3.9;
//! volume 2, REP.
//!
//! A repeated MOVS or STOS goes page by page, as bulk copies and fills of memory. One execution does at most one
//! [`CHUNK`]; if elements remain the instruction is executed again, so that interrupts are taken in between and the
//! registers are right at a fault in the middle.

use super::Done;
use super::flags::{DF, RF};
use crate::exception::Exception;
use crate::interp::access::Target;
use crate::memory::Place;
use crate::mmu::Access;
use crate::vm::Vm;
use x86::operands::{linear, read_gpr, write_gpr};
use x86::{CodeMode, FlagOp, Gpr, Insn, Machine, Segment, Width};

/// Most bytes that one execution moves.
const CHUNK: u64 = 1 << 16;

/// Most elements that one execution moves: one while single steps or breakpoints may come after each.
fn chunk(vm: &mut Vm, w: Width) -> u64 {
    if vm.by_element() { 1 } else { CHUNK >> w as u32 }
}

/// The repeat count of a string instruction.
pub(super) struct Count {
    /// Elements left; `None` without a repeat prefix.
    left: Option<u64>,
    width: Width,
}

impl Count {
    /// The count, unless it is 0: then there is nothing to do.
    pub(super) fn of(vm: &mut Vm, insn: &Insn) -> Option<Count> {
        let width = address_width(insn);
        if !insn.prefixes.rep && !insn.prefixes.repne {
            return Some(Count { left: None, width });
        }
        let left = read_gpr(vm, Gpr::RCX, width);
        (left != 0).then_some(Count { left: Some(left), width })
    }

    fn left(&self) -> u64 {
        self.left.unwrap_or(1)
    }

    /// Accounts for `elements`; the instruction repeats if some are left.
    pub(super) fn done(&self, vm: &mut Vm, elements: u64) {
        let Some(left) = self.left else { return };
        write_gpr(vm, Gpr::RCX, self.width, left - elements);
        if left > elements {
            vm.next_rip = vm.cpu.rip;
            // An interrupt in between pushes RF set (SDM 3B, 17.3.1.1).
            vm.cpu.rflags |= RF;
            vm.attention = true;
        }
    }

    /// Accounts for the last element that was to be done, although some are left: SCAS and CMPS.
    fn stop(&self, vm: &mut Vm, elements: u64) {
        if let Some(left) = self.left {
            write_gpr(vm, Gpr::RCX, self.width, left - elements);
        }
    }
}

fn address_width(insn: &Insn) -> Width {
    insn.prefixes.address_width
}

/// Where elements are, and stepping from one to the next.
pub(super) mod step {
    use super::*;

    /// Linear address of the source element: DS:RSI, or another segment's.
    pub(in crate::system) fn source(vm: &mut Vm, insn: &Insn) -> u64 {
        let offset = read_gpr(vm, Gpr::RSI, address_width(insn));
        linear(vm, insn, offset)
    }

    /// Linear address of the destination element: ES:RDI.
    pub(in crate::system) fn destination(vm: &mut Vm, insn: &Insn) -> u64 {
        let offset = read_gpr(vm, Gpr::RDI, address_width(insn));
        match insn.mode {
            CodeMode::Long => offset,
            CodeMode::Compatibility => vm.segmented(Segment::Es, offset, insn.width.bytes()),
        }
    }

    /// Moves a pointer over `elements`, up or down as DF says.
    pub(in crate::system) fn advance(vm: &mut Vm, insn: &Insn, register: Gpr, elements: u64) {
        advance_bytes(vm, insn, register, elements.wrapping_mul(insn.width.bytes()));
    }

    /// The same by bytes: the first operand of OUTS, whose width is the instruction's, is a port.
    pub(in crate::system) fn advance_bytes(vm: &mut Vm, insn: &Insn, register: Gpr, bytes: u64) {
        let width = address_width(insn);
        let value = read_gpr(vm, register, width);
        let moved = if vm.cpu.rflags & DF == 0 { value.wrapping_add(bytes) } else { value.wrapping_sub(bytes) };
        write_gpr(vm, register, width, moved & width.mask());
    }
}

/// How many of `most` elements from `address` on lie whole in its page and wrap nowhere, going up.
fn in_page(address: u64, w: Width, most: u64) -> u64 {
    ((0x1000 - (address & 0xfff)) >> w as u32).min(most)
}

/// Translates without an element crossing a page; devices are left to the element-wise way.
fn page_of(vm: &mut Vm, address: u64, access: Access) -> Result<Option<Place>, Exception> {
    match vm.translate(address, access, vm.privilege())? {
        Target::Memory(place) => Ok(Some(place)),
        Target::Device(_) => Ok(None),
    }
}

fn up(vm: &Vm) -> bool {
    vm.cpu.rflags & DF == 0
}

/// Whether elements may be taken together: upwards, and in segments that end nowhere.
fn in_bulk(vm: &Vm, insn: &Insn) -> bool {
    let whole = |segment| vm.cpu.segment(segment).is_whole();
    let ends = insn.mode == CodeMode::Compatibility && !(whole(Segment::Es) && insn.mem.segment.is_none_or(whole));
    // Pointers of 16 bits come round in the middle of a page.
    up(vm) && !ends && insn.prefixes.address_width != Width::W16
}

/// MOVS.
pub(super) fn copy(vm: &mut Vm, insn: &Insn) -> Done {
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let w = insn.width;
    let most = count.left().min(chunk(vm, w));
    let mut done = 0;
    while done < most {
        match copy_some(vm, insn, most - done) {
            Ok(elements) => done += elements,
            // What was moved before the fault stays moved.
            Err(fault) => {
                count.stop(vm, done);
                return Err(fault);
            }
        }
    }
    count.done(vm, done);
    Ok(())
}

/// Moves elements as far as source and destination stay in their pages; at least one.
fn copy_some(vm: &mut Vm, insn: &Insn, most: u64) -> Result<u64, Exception> {
    let w = insn.width;
    let (from, to) = (step::source(vm, insn), step::destination(vm, insn));
    let elements = if in_bulk(vm, insn) { in_page(from, w, in_page(to, w, most)) } else { 0 };
    if elements > 1 {
        copy_in_page(vm, w, to, from, elements << w as u32)?;
    } else {
        let value = vm.load(w, from)?;
        vm.store(w, to, value)?;
    }
    advance_both(vm, insn, elements.max(1));
    Ok(elements.max(1))
}

/// Copies elements upwards, in one page on either side.
pub(crate) fn copy_in_page(vm: &mut Vm, w: Width, to: u64, from: u64, bytes: u64) -> Done {
    if bytes == 0 {
        return Ok(());
    }
    let source = page_of(vm, from, Access::Read)?;
    let target = page_of(vm, to, Access::Write)?;
    if let (Some(source), Some(target)) = (source, target) {
        vm.copy_memory(source, target, bytes as u32, w);
        return Ok(());
    }
    for offset in (0..bytes).step_by(w.bytes() as usize) {
        let value = vm.load(w, from + offset)?;
        vm.store(w, to + offset, value)?;
    }
    Ok(())
}

fn advance_both(vm: &mut Vm, insn: &Insn, elements: u64) {
    step::advance(vm, insn, Gpr::RSI, elements);
    step::advance(vm, insn, Gpr::RDI, elements);
}

/// STOS.
pub(super) fn fill(vm: &mut Vm, insn: &Insn) -> Done {
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let most = count.left().min(chunk(vm, insn.width));
    let mut done = 0;
    while done < most {
        match fill_some(vm, insn, most - done) {
            Ok(elements) => done += elements,
            Err(fault) => {
                count.stop(vm, done);
                return Err(fault);
            }
        }
    }
    count.done(vm, done);
    Ok(())
}

fn fill_some(vm: &mut Vm, insn: &Insn, most: u64) -> Result<u64, Exception> {
    let w = insn.width;
    let to = step::destination(vm, insn);
    let value = read_gpr(vm, Gpr::RAX, w);
    let elements = if in_bulk(vm, insn) { in_page(to, w, most) } else { 0 };
    if elements > 1 {
        fill_in_page(vm, w, to, value, elements << w as u32)?;
    } else {
        vm.store(w, to, value)?;
    }
    step::advance(vm, insn, Gpr::RDI, elements.max(1));
    Ok(elements.max(1))
}

/// Fills memory with elements, in one page.
pub(crate) fn fill_in_page(vm: &mut Vm, w: Width, to: u64, value: u64, bytes: u64) -> Done {
    if bytes == 0 {
        return Ok(());
    }
    if let Some(target) = page_of(vm, to, Access::Write)? {
        vm.fill_memory(target, bytes as u32, value, w);
        return Ok(());
    }
    for offset in (0..bytes).step_by(w.bytes() as usize) {
        vm.store(w, to + offset, value)?;
    }
    Ok(())
}

/// LODS: each element replaces the last.
pub(super) fn load(vm: &mut Vm, insn: &Insn) -> Done {
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let from = step::source(vm, insn);
    let value = vm.load(insn.width, from)?;
    write_gpr(vm, Gpr::RAX, insn.width, value);
    step::advance(vm, insn, Gpr::RSI, 1);
    count.done(vm, 1);
    Ok(())
}

/// Whether a REPE or REPNE goes on after a comparison that was `equal`.
fn goes_on(insn: &Insn, equal: bool) -> bool {
    if insn.prefixes.repne { !equal } else { equal }
}

/// Compares elements until the prefix's condition fails, at most a chunk of them.
fn compare_elements(
    vm: &mut Vm,
    insn: &Insn,
    pair: impl Fn(&mut Vm) -> Result<(u64, u64), Exception>,
    advance: impl Fn(&mut Vm),
) -> Done {
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let most = count.left().min(chunk(vm, insn.width));
    for done in 1..=most {
        let (a, b) = match pair(vm) {
            Ok(pair) => pair,
            Err(fault) => {
                count.stop(vm, done - 1);
                return Err(fault);
            }
        };
        advance(vm);
        vm.set_flags(FlagOp::Sub, insn.width, a, b, 0);
        if !goes_on(insn, a == b) {
            count.stop(vm, done);
            return Ok(());
        }
    }
    count.done(vm, most);
    Ok(())
}

/// SCAS: the accumulator against ES:[RDI].
pub(super) fn scan(vm: &mut Vm, insn: &Insn) -> Done {
    let w = insn.width;
    compare_elements(
        vm,
        insn,
        |vm| {
            let at = step::destination(vm, insn);
            let b = vm.load(w, at)?;
            Ok((read_gpr(vm, Gpr::RAX, w), b))
        },
        |vm| step::advance(vm, insn, Gpr::RDI, 1),
    )
}

/// CMPS: DS:[RSI] against ES:[RDI].
pub(super) fn compare(vm: &mut Vm, insn: &Insn) -> Done {
    let w = insn.width;
    compare_elements(
        vm,
        insn,
        |vm| {
            let (from, to) = (step::source(vm, insn), step::destination(vm, insn));
            let a = vm.load(w, from)?;
            Ok((a, vm.load(w, to)?))
        },
        |vm| advance_both(vm, insn, 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Backends;
    use crate::memory::Memory;

    const CODE: u64 = 0x1000;
    const FROM: u64 = 0x4000;
    const TO: u64 = 0x4_0000;
    /// More than two chunks.
    const BYTES: u64 = 2 * CHUNK + 0x1238;

    /// Runs a repeated instruction on quadwords, and INC EDX behind it, on a machine without paging.
    fn run(instruction: &[u8], done: impl Fn(&Vm) -> bool) -> Vm {
        let mut vm = Vm::new(Memory::new(0x8_0000, 0).unwrap(), 0, Backends::default());
        let code = [instruction, &[0xff, 0xc2]].concat();
        vm.memory.bytes_mut(Place(CODE as u32), code.len()).copy_from_slice(&code);
        for (at, byte) in vm.memory.bytes_mut(Place(FROM as u32), BYTES as usize).iter_mut().enumerate() {
            *byte = (at % 251) as u8 + 1;
        }
        vm.cpu.rip = CODE;
        vm.cpu.gpr[..8].copy_from_slice(&[!0, BYTES / 8, 0, 0, 0, 0, FROM, TO]);
        vm.cpu.budget = i64::MAX;
        for _ in 0..BYTES {
            vm.interpret(usize::MAX);
            if vm.cpu.gpr[2] != 0 {
                assert!(done(&vm), "{instruction:x?}: the next instruction ran too early");
                return vm;
            }
        }
        panic!("{instruction:x?}: no end");
    }

    #[test]
    fn more_than_a_chunk_is_done_before_the_next_instruction() {
        let all = |vm: &Vm| vm.cpu.gpr[1] == 0;
        let vm = run(&[0xf3, 0x48, 0xab], all);
        assert!(vm.memory.bytes(Place(TO as u32), BYTES as usize).iter().all(|byte| *byte == 0xff));
        let vm = run(&[0xf3, 0x48, 0xa5], all);
        let bytes = |at: u64| vm.memory.bytes(Place(at as u32), BYTES as usize);
        assert!(bytes(FROM) == bytes(TO));
        let vm = run(&[0xf3, 0x48, 0xad], all);
        assert_eq!(vm.cpu.gpr[6], FROM + BYTES);
        let vm = run(&[0xf2, 0x48, 0xaf], all);
        assert_eq!(vm.cpu.gpr[7], TO + BYTES);
        run(&[0xf3, 0x48, 0xa7], |vm| vm.cpu.gpr[1] == BYTES / 8 - 1);
    }
}

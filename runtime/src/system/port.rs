//! Port input and output: IN, OUT, INS, OUTS. SDM volume 1, chapter 19.

use super::string::{Count, step};
use super::{Done, flags};
use crate::devices::Width as Access;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::operands::{read_gpr, write_gpr};
use x86::{Gpr, Insn, Machine, Mnemonic, Operand, Width};

/// #GP(0) unless the privilege level, or the TSS's permission bitmap, allows all of a port's `w` (SDM 1, 19.5.2).
fn check(vm: &mut Vm, port: u16, w: Width) -> Done {
    if vm.cpu.cpl <= flags::iopl(vm) || allowed_by_bitmap(vm, port, w)? { Ok(()) } else { Err(Exception::GP0) }
}

/// Two bytes of the bitmap are read, both inside the TSS, whatever the port (SDM 1, 19.5.2).
fn allowed_by_bitmap(vm: &mut Vm, port: u16, w: Width) -> Result<bool, Exception> {
    const BITMAP_BASE: u64 = 102;
    let (base, limit) = (vm.cpu.tr.base, u64::from(vm.cpu.tr.limit));
    if BITMAP_BASE + 1 > limit {
        return Ok(false);
    }
    let bitmap = u64::from(u16::from_le_bytes(vm.load_system(base.wrapping_add(BITMAP_BASE))?));
    let byte = bitmap + u64::from(port / 8);
    if byte + 1 > limit {
        return Ok(false);
    }
    let bits = u16::from_le_bytes(vm.load_system(base.wrapping_add(byte))?) >> (port % 8);
    Ok(bits & ((1 << w.bytes()) - 1) == 0)
}

fn port_in_dx(vm: &mut Vm) -> u16 {
    read_gpr(vm, Gpr::RDX, Width::W16) as u16
}

fn access(w: Width) -> Access {
    match w {
        Width::W8 => Access::Byte,
        Width::W16 => Access::Word,
        _ => Access::Dword,
    }
}

fn input(vm: &mut Vm, port: u16, w: Width) -> u64 {
    vm.watch_port(port, w.bytes());
    let now = vm.tsc();
    vm.attention = true;
    vm.devices.port_read(now, port, access(w)).into()
}

fn output(vm: &mut Vm, port: u16, w: Width, value: u64) {
    vm.watch_port(port, w.bytes());
    let now = vm.tsc();
    vm.devices.port_write(now, port, access(w), value as u32);
    vm.attention = true;
}

/// IN and OUT: the accumulator's width, the port in an immediate or DX.
pub(super) fn transfer(vm: &mut Vm, insn: &Insn) -> Done {
    use x86::Code::*;
    let w = match insn.code {
        In_AL_imm8 | In_AL_DX | Out_imm8_AL | Out_DX_AL => Width::W8,
        In_AX_imm8 | In_AX_DX | Out_imm8_AX | Out_DX_AX => Width::W16,
        _ => Width::W32,
    };
    let port = match insn.operands.contains(&Operand::Imm) {
        true => u16::from(insn.imm as u8),
        false => port_in_dx(vm),
    };
    check(vm, port, w)?;
    if insn.mnemonic == Mnemonic::In {
        let value = input(vm, port, w);
        write_gpr(vm, Gpr::RAX, w, value);
    } else {
        let value = read_gpr(vm, Gpr::RAX, w);
        output(vm, port, w, value);
    }
    Ok(())
}

/// INS: one element an execution; with REP it repeats itself.
pub(super) fn input_string(vm: &mut Vm, insn: &Insn) -> Done {
    let (port, w) = (port_in_dx(vm), insn.width);
    check(vm, port, w)?;
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let to = step::destination(vm, insn);
    vm.probe_write(to, w.bytes())?;
    let value = input(vm, port, w);
    vm.store(w, to, value)?;
    step::advance(vm, insn, Gpr::RDI, 1);
    count.done(vm, 1);
    Ok(())
}

/// OUTS: one element an execution; with REP it repeats itself.
pub(super) fn output_string(vm: &mut Vm, insn: &Insn) -> Done {
    let (port, w) = (port_in_dx(vm), insn.source_width);
    check(vm, port, w)?;
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let from = step::source(vm, insn);
    let value = vm.load(w, from)?;
    output(vm, port, w, value);
    step::advance_bytes(vm, insn, Gpr::RSI, w.bytes());
    count.done(vm, 1);
    Ok(())
}

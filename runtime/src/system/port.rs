//! Port input and output: IN, OUT, INS, OUTS. SDM volume 1, chapter 19. The TSS's permission bitmap is not consulted:
//! Linux's is empty unless a program asks for it, which the kernel configuration leaves out.

use super::string::{Count, step};
use super::{Done, flags};
use crate::devices::Width as Access;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::operands::{read_gpr, write_gpr};
use x86::{Gpr, Insn, Machine, Mnemonic, Operand, Width};

fn check(vm: &Vm) -> Done {
    if vm.cpu.cpl <= flags::iopl(vm) { Ok(()) } else { Err(Exception::GP0) }
}

fn access(w: Width) -> Access {
    match w {
        Width::W8 => Access::Byte,
        Width::W16 => Access::Word,
        _ => Access::Dword,
    }
}

fn input(vm: &mut Vm, port: u16, w: Width) -> u64 {
    let now = vm.tsc();
    vm.attention = true;
    vm.devices.port_read(now, port, access(w)).into()
}

fn output(vm: &mut Vm, port: u16, w: Width, value: u64) {
    let now = vm.tsc();
    vm.devices.port_write(now, port, access(w), value as u32);
    vm.attention = true;
}

/// IN and OUT: the accumulator's width, the port in an immediate or DX.
pub(super) fn transfer(vm: &mut Vm, insn: &Insn) -> Done {
    check(vm)?;
    use x86::Code::*;
    let w = match insn.code {
        In_AL_imm8 | In_AL_DX | Out_imm8_AL | Out_DX_AL => Width::W8,
        In_AX_imm8 | In_AX_DX | Out_imm8_AX | Out_DX_AX => Width::W16,
        _ => Width::W32,
    };
    let port = match insn.operands.contains(&Operand::Imm) {
        true => u16::from(insn.imm as u8),
        false => read_gpr(vm, Gpr::RDX, Width::W16) as u16,
    };
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
    check(vm)?;
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let w = insn.width;
    let to = step::destination(vm, insn);
    vm.probe_write(to, w.bytes())?;
    let port = read_gpr(vm, Gpr::RDX, Width::W16) as u16;
    let value = input(vm, port, w);
    vm.store(w, to, value)?;
    step::advance(vm, insn, Gpr::RDI, 1);
    count.done(vm, 1);
    Ok(())
}

/// OUTS: one element an execution; with REP it repeats itself.
pub(super) fn output_string(vm: &mut Vm, insn: &Insn) -> Done {
    check(vm)?;
    let Some(count) = Count::of(vm, insn) else { return Ok(()) };
    let w = insn.source_width;
    let from = step::source(vm, insn);
    let value = vm.load(w, from)?;
    let port = read_gpr(vm, Gpr::RDX, Width::W16) as u16;
    output(vm, port, w, value);
    step::advance(vm, insn, Gpr::RSI, 1);
    count.done(vm, 1);
    Ok(())
}

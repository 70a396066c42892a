//! Data transfer: loads, stores, FXCH, FCMOVcc, constants. SDM volume 1, sections 8.3.3 and 8.3.4.

use super::constants::Constant;
use super::float::raised::{DE, IE, OE, SF, UE, ZE};
use super::float::{self, DOUBLE, Direction, Extended, Rounded, SINGLE};
use super::operands::{Format, load, register};
use super::{Done, Exception};
use crate::cpu::Cpu;
use crate::vm::Vm;
use x86::flags::Condition;
use x86::operands::address;
use x86::{Insn, Machine};

impl Cpu {
    /// Pushes a value that was loaded, unless the stack is full. A denormal one is pushed also where DE is not masked.
    fn push_loaded(&mut self, value: Extended, raised: u16) {
        let full = !self.is_empty(7);
        let raised = if full { IE | SF } else { raised };
        self.report(raised, full);
        if !self.traps(raised & IE) {
            self.push(if full { Extended::INDEFINITE } else { value });
        }
    }
}

/// FLD.
pub(super) fn load_real(vm: &mut Vm, insn: &Insn) -> Done {
    let (value, raised) = match insn.mem_size {
        0 => match vm.cpu.st(register(insn, 0)) {
            Some(value) => (value, 0),
            None => (Extended::INDEFINITE, IE | SF),
        },
        10 => (load(vm, insn, Format::Real)?.value, 0),
        _ => float::quieted(load(vm, insn, Format::Real)?),
    };
    vm.cpu.push_loaded(value, raised);
    Ok(())
}

/// FILD.
pub(super) fn load_integer(vm: &mut Vm, insn: &Insn) -> Done {
    let value = load(vm, insn, Format::Integer)?.value;
    vm.cpu.push_loaded(value, 0);
    Ok(())
}

/// FBLD.
pub(super) fn load_decimal(vm: &mut Vm, insn: &Insn) -> Done {
    let at = address(vm, insn);
    let value = float::from_bcd(vm.load_bytes(at)?);
    vm.cpu.push_loaded(value, 0);
    Ok(())
}

/// FLDZ, FLD1, FLDPI, …
pub(super) fn load_constant(vm: &mut Vm, constant: Constant) -> Done {
    let value = constant.rounded(vm.cpu.context().direction);
    vm.cpu.push_loaded(value, 0);
    Ok(())
}

/// FST and FSTP.
pub(super) fn store_real(vm: &mut Vm, insn: &Insn, pops: bool) -> Done {
    let context = vm.cpu.context();
    let stored = match vm.cpu.st(0) {
        Some(value) => (value, 0),
        None => (Extended::INDEFINITE, IE | SF),
    };
    match (stored, insn.mem_size) {
        ((value, fault), 4) => {
            let result = float::to_float(context, SINGLE, value).and(fault);
            store(vm, insn, result, |bits| (bits as u32).to_le_bytes(), pops)
        }
        ((value, fault), 8) => {
            let result = float::to_float(context, DOUBLE, value).and(fault);
            store(vm, insn, result, u64::to_le_bytes, pops)
        }
        ((value, fault), 10) => store(vm, insn, Rounded::new(value, fault), extended_bytes, pops),
        ((value, fault), _) => {
            if vm.cpu.report(fault, false) {
                vm.cpu.set_st(register(insn, 0), value);
                if pops {
                    vm.cpu.pop();
                }
            }
            Ok(())
        }
    }
}

/// FSTPNCE, an alias of FSTP ST(i) that only tables of opcodes name: an empty ST(0) is no exception, and is popped alone.
pub(super) fn store_unchecked(vm: &mut Vm, insn: &Insn) -> Done {
    vm.cpu.report(0, false);
    if let Some(value) = vm.cpu.st(0) {
        vm.cpu.set_st(register(insn, 0), value);
    }
    vm.cpu.pop();
    Ok(())
}

fn extended_bytes(value: Extended) -> [u8; 10] {
    let bits = u128::from(value.high) << 64 | u128::from(value.significand);
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&bits.to_le_bytes()[..10]);
    bytes
}

/// Stores a result, and pops, unless an exception other than PE is not masked. The access may fault in both cases.
fn store<T, const N: usize>(
    vm: &mut Vm,
    insn: &Insn,
    result: Rounded<T>,
    bytes: impl FnOnce(T) -> [u8; N],
    pops: bool,
) -> Done {
    let stores = !vm.cpu.traps(result.raised & (IE | DE | ZE | OE | UE));
    let at = address(vm, insn);
    match stores {
        true => vm.store_bytes(at, bytes(result.value))?,
        false => vm.probe_write(at, N as u64)?,
    }
    vm.cpu.report(result.raised, result.up);
    if stores && pops {
        vm.cpu.pop();
    }
    Ok(())
}

/// FIST and FISTP, and FISTTP with [`Direction::Zero`].
pub(super) fn store_integer(vm: &mut Vm, insn: &Insn, direction: Direction, pops: bool) -> Done {
    let bits = 8 * u32::from(insn.mem_size);
    let result = match vm.cpu.st(0) {
        Some(value) => float::to_integer(value, bits, direction),
        None => Rounded::new(1 << (bits - 1), IE | SF),
    };
    match insn.mem_size {
        2 => store(vm, insn, result, |value| (value as u16).to_le_bytes(), pops),
        4 => store(vm, insn, result, |value| (value as u32).to_le_bytes(), pops),
        _ => store(vm, insn, result, u64::to_le_bytes, pops),
    }
}

/// FBSTP.
pub(super) fn store_decimal(vm: &mut Vm, insn: &Insn) -> Done {
    let direction = vm.cpu.context().direction;
    let result = match vm.cpu.st(0) {
        Some(value) => float::to_bcd(value, direction),
        None => float::to_bcd(Extended::INDEFINITE, direction).and(IE | SF),
    };
    store(vm, insn, result, |bytes| bytes, true)
}

/// FXCH. Empty registers are filled first where that is masked.
pub(super) fn exchange(vm: &mut Vm, insn: &Insn) -> Done {
    let i = register(insn, 1);
    let cpu = &mut *vm.cpu;
    let (a, b) = (cpu.st(0), cpu.st(i));
    let written = if a.is_some() && b.is_some() { cpu.report(0, false) } else { cpu.report_underflow() };
    if written {
        cpu.set_st(0, b.unwrap_or(Extended::INDEFINITE));
        cpu.set_st(i, a.unwrap_or(Extended::INDEFINITE));
    }
    Ok(())
}

/// FCMOVcc. Both registers must hold values whether the condition holds or not. C1 stays unless one is empty.
pub(super) fn move_if(vm: &mut Vm, insn: &Insn, condition: Condition) -> Result<(), Exception> {
    let flags = vm.flags();
    let holds = x86::flags::holds(vm, flags, condition);
    let cpu = &mut *vm.cpu;
    match (cpu.st(0), cpu.st(register(insn, 1))) {
        (Some(_), Some(value)) if holds => cpu.set_st(0, value),
        (Some(_), Some(_)) => {}
        _ => {
            if cpu.report_underflow() {
                cpu.set_st(0, Extended::INDEFINITE);
            }
        }
    }
    Ok(())
}

//! Data transfer: loads, stores, FXCH, FCMOVcc, constants. SDM volume 1, sections 8.3.3 and 8.3.4.

use super::Done;
use super::constants::Constant;
use super::float::raised::{DE, IE, OE, SF, UE, ZE};
use super::float::{self, DOUBLE, Direction, Extended, Rounded, SINGLE};
use super::operands::{Format, load};
use super::unit::{Form, Unit};
use crate::cpu::Cpu;
use x86::flags::Condition;

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
pub(super) fn load_real(unit: &mut impl Unit, form: Form) -> Done {
    let (value, raised) = match form.size {
        0 => match unit.cpu().st(form.registers[0]) {
            Some(value) => (value, 0),
            None => (Extended::INDEFINITE, IE | SF),
        },
        10 => (load(unit, form, Format::Real)?.value, 0),
        _ => float::quieted(load(unit, form, Format::Real)?),
    };
    unit.cpu().push_loaded(value, raised);
    Ok(())
}

/// FILD.
pub(super) fn load_integer(unit: &mut impl Unit, form: Form) -> Done {
    let value = load(unit, form, Format::Integer)?.value;
    unit.cpu().push_loaded(value, 0);
    Ok(())
}

/// FBLD.
pub(super) fn load_decimal(unit: &mut impl Unit) -> Done {
    let value = float::from_bcd(unit.load()?);
    unit.cpu().push_loaded(value, 0);
    Ok(())
}

/// FLDZ, FLD1, FLDPI, …
pub(super) fn load_constant(unit: &mut impl Unit, constant: Constant) -> Done {
    let value = constant.rounded(unit.cpu().context().direction);
    unit.cpu().push_loaded(value, 0);
    Ok(())
}

/// FST and FSTP.
pub(super) fn store_real(unit: &mut impl Unit, form: Form, pops: bool) -> Done {
    let context = unit.cpu().context();
    let stored = match unit.cpu().st(0) {
        Some(value) => (value, 0),
        None => (Extended::INDEFINITE, IE | SF),
    };
    match (stored, form.size) {
        ((value, fault), 4) => {
            let result = float::to_float(context, SINGLE, value).and(fault);
            store(unit, result, |bits| (bits as u32).to_le_bytes(), pops)
        }
        ((value, fault), 8) => {
            let result = float::to_float(context, DOUBLE, value).and(fault);
            store(unit, result, u64::to_le_bytes, pops)
        }
        ((value, fault), 10) => store(unit, Rounded::new(value, fault), extended_bytes, pops),
        ((value, fault), _) => {
            if unit.cpu().report(fault, false) {
                unit.cpu().set_st(form.registers[0], value);
                if pops {
                    unit.cpu().pop();
                }
            }
            Ok(())
        }
    }
}

/// FSTPNCE, an alias of FSTP ST(i) that only tables of opcodes name: an empty ST(0) is no exception, and is popped alone.
pub(super) fn store_unchecked(unit: &mut impl Unit, form: Form) -> Done {
    unit.cpu().report(0, false);
    if let Some(value) = unit.cpu().st(0) {
        unit.cpu().set_st(form.registers[0], value);
    }
    unit.cpu().pop();
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
    unit: &mut impl Unit,
    result: Rounded<T>,
    bytes: impl FnOnce(T) -> [u8; N],
    pops: bool,
) -> Done {
    let stores = !unit.cpu().traps(result.raised & (IE | DE | ZE | OE | UE));
    match stores {
        true => unit.store(bytes(result.value))?,
        false => unit.probe::<N>()?,
    }
    unit.cpu().report(result.raised, result.up);
    if stores && pops {
        unit.cpu().pop();
    }
    Ok(())
}

/// FIST and FISTP, and FISTTP with [`Direction::Zero`].
pub(super) fn store_integer(unit: &mut impl Unit, form: Form, direction: Direction, pops: bool) -> Done {
    let bits = 8 * u32::from(form.size);
    let result = match unit.cpu().st(0) {
        Some(value) => float::to_integer(value, bits, direction),
        None => Rounded::new(1 << (bits - 1), IE | SF),
    };
    match form.size {
        2 => store(unit, result, |value| (value as u16).to_le_bytes(), pops),
        4 => store(unit, result, |value| (value as u32).to_le_bytes(), pops),
        _ => store(unit, result, u64::to_le_bytes, pops),
    }
}

/// FBSTP.
pub(super) fn store_decimal(unit: &mut impl Unit) -> Done {
    let direction = unit.cpu().context().direction;
    let result = match unit.cpu().st(0) {
        Some(value) => float::to_bcd(value, direction),
        None => float::to_bcd(Extended::INDEFINITE, direction).and(IE | SF),
    };
    store(unit, result, |bytes| bytes, true)
}

/// FXCH. Empty registers are filled first where that is masked.
pub(super) fn exchange(unit: &mut impl Unit, form: Form) -> Done {
    let i = form.registers[1];
    let cpu = unit.cpu();
    let (a, b) = (cpu.st(0), cpu.st(i));
    let written = if a.is_some() && b.is_some() { cpu.report(0, false) } else { cpu.report_underflow() };
    if written {
        cpu.set_st(0, b.unwrap_or(Extended::INDEFINITE));
        cpu.set_st(i, a.unwrap_or(Extended::INDEFINITE));
    }
    Ok(())
}

/// FCMOVcc. Both registers must hold values whether the condition holds or not. C1 stays unless one is empty.
pub(super) fn move_if(unit: &mut impl Unit, form: Form, condition: Condition) -> Done {
    let holds = unit.holds(condition);
    let cpu = unit.cpu();
    match (cpu.st(0), cpu.st(form.registers[1])) {
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

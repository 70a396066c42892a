//! The transcendental instructions on the stack. SDM volume 1, sections 8.3.7 to 8.3.10.

use super::Done;
use super::arith::push_second;
use super::float::{self, Context, Extended, Rounded};
use super::stack::C2;
use super::unit::Unit;
use crate::cpu::Cpu;

/// ST(0) becomes `f` of it; C2 says that it is out of range and stays.
pub(super) fn of_angle(unit: &mut impl Unit, f: impl FnOnce(Context, Extended) -> Option<Rounded>) -> Done {
    let cpu = unit.cpu();
    cpu.fsw &= !C2;
    match cpu.st(0).map(|a| f(cpu.context(), a)) {
        Some(None) => out_of_range(cpu),
        Some(result) => {
            cpu.finish(0, result);
        }
        None => {
            cpu.finish(0, None);
        }
    }
    Ok(())
}

fn out_of_range(cpu: &mut Cpu) {
    cpu.report(0, false);
    cpu.fsw |= C2;
}

/// ST(0) becomes the first of two functions of it, the second is pushed.
fn of_angle_pushing(unit: &mut impl Unit, f: impl FnOnce(Context, Extended) -> Option<(Rounded, Extended)>) -> Done {
    let cpu = unit.cpu();
    cpu.fsw &= !C2;
    match cpu.st(0).map(|a| f(cpu.context(), a)) {
        Some(None) if cpu.is_empty(7) => out_of_range(cpu),
        pair => {
            push_second(cpu, pair.flatten());
        }
    }
    Ok(())
}

/// FPTAN: the tangent, then 1; of a NaN, the NaN twice.
pub(super) fn tangent(unit: &mut impl Unit) -> Done {
    of_angle_pushing(unit, |context, a| {
        let result = float::tangent(context, a)?;
        Some((result, if result.value.is_nan() { result.value } else { Extended::ONE }))
    })
}

/// FSINCOS: the sine, then the cosine.
pub(super) fn sine_and_cosine(unit: &mut impl Unit) -> Done {
    of_angle_pushing(unit, |context, a| {
        let (sine, cosine) = (float::sine(context, a)?, float::cosine(context, a)?);
        Some((sine.and(cosine.raised), cosine.value))
    })
}

/// ST(1) becomes `f` of ST(0) and ST(1), and ST(0) is popped.
pub(super) fn of_pair(unit: &mut impl Unit, f: impl FnOnce(Context, Extended, Extended) -> Rounded) -> Done {
    let cpu = unit.cpu();
    let result = cpu.st(0).zip(cpu.st(1)).map(|(x, y)| f(cpu.context(), x, y));
    if cpu.finish(1, result) {
        cpu.pop();
    }
    Ok(())
}

//! Decoder to semantics: arbitrary bytes, decoded at every level and carried out by the interpreter, in user or in kernel mode.
//!
//! Rules: a level has what the levels below it have, of the same length; an instruction that faults has changed nothing, but for what the
//! manuals leave done (a repeated string instruction's elements, a gather's lanes, MXCSR's flags with #XM), what comes after a trap, and the
//! x87 unit's transition to MMX, which processors make before the fault of a memory operand or #XM.

use crate::case::{Case, End, Fault};
use crate::generate::{self, Random};
use crate::interpreter::Interpreter;
use crate::layout;
use anyhow::{Result, ensure};
use translator::lift::Privilege;
use x86::{Insn, Level, Mnemonic, decode_for};

/// Instructions of an input that are carried out.
const STEPS: usize = 8;

/// Runs an input: a byte for level and privilege, 8 that the registers follow from, code.
///
/// # Errors
/// The rule that is broken.
pub fn execute(input: &[u8]) -> Result<()> {
    let Some((&[choices, ref seed @ ..], code)) = input.split_first_chunk::<9>() else { return Ok(()) };
    let code = &code[..code.len().min(layout::CODE_MAX)];
    if code.is_empty() {
        return Ok(());
    }
    levels_nest(code)?;
    let seed = seed.iter().fold(0, |seed, &byte| seed << 8 | u64::from(byte));
    let level = Level::ALL[usize::from(choices >> 1) % Level::ALL.len()];
    let privilege = if choices & 1 == 0 { Privilege::User } else { Privilege::Kernel };
    let mut machine = Interpreter::of(level, privilege);
    machine.load(&Case::unchecked(code, generate::any_state(&mut Random::new(seed))));
    for _ in 0..STEPS {
        if !step(&mut machine)? {
            break;
        }
    }
    Ok(())
}

fn levels_nest(code: &[u8]) -> Result<()> {
    let mut below: Option<(Level, Insn)> = None;
    for level in Level::ALL {
        let insn = decode_for(level, code).ok();
        if let Some(insn) = insn {
            let length = usize::from(insn.length);
            ensure!((1..=15).contains(&length) && length <= code.len(), "{:?} of {length} bytes", insn.code);
            ensure!(level.has(insn.code), "{} decodes {:?}, which it lacks", level.name(), insn.code);
        }
        if let Some((lower, known)) = below {
            let same = insn.is_some_and(|insn| insn.length == known.length);
            ensure!(same, "{} has {:?}, but {} has {insn:?}", lower.name(), known.code, level.name());
        }
        below = insn.map(|insn| (level, insn)).or(below);
    }
    Ok(())
}

/// Carries out the instruction at RIP. Whether the machine goes on.
fn step(machine: &mut Interpreter) -> Result<bool> {
    let insn = machine.next();
    let before = machine.image();
    let (mxcsr, status, tags) = (machine.cpu().mxcsr, machine.cpu().fsw, machine.cpu().ftw);
    let end = match machine.step() {
        None => return Ok(true),
        Some(End::Done | End::Timeout) => return Ok(false),
        Some(end) => end,
    };
    if end == End::Fault(Fault::Simd) {
        machine.cpu().mxcsr = mxcsr;
    }
    if insn.is_some_and(|insn| insn.has_mmx()) {
        (machine.cpu().fsw, machine.cpu().ftw) = (status, tags);
    }
    let unchanged = may_change(insn.as_ref(), &end) || machine.image() == before;
    ensure!(unchanged, "{:?} has changed something and ended in {end:?}", insn.map(|insn| insn.code));
    Ok(false)
}

fn may_change(insn: Option<&Insn>, end: &End) -> bool {
    use Mnemonic as M;
    let trap = matches!(end, End::Fault(Fault::Breakpoint | Fault::Debug));
    let in_parts = insn.is_some_and(|insn| {
        let gather = matches!(insn.mnemonic, M::Vgatherdps | M::Vgatherdpd | M::Vgatherqps | M::Vgatherqpd)
            || matches!(insn.mnemonic, M::Vpgatherdd | M::Vpgatherdq | M::Vpgatherqd | M::Vpgatherqq);
        gather || insn.prefixes.rep || insn.prefixes.repne
    });
    trap || in_parts
}

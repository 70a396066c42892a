//! The coverage table: what becomes of every code of iced-x86 that the highest processor level has.
//!
//! | word | meaning |
//! |---|---|
//! | `lifted` | translated code carries it out |
//! | `interpreted` | translated code leaves for the interpreter, which does |
//! | `absent` | #UD, logged |
//!
//! Each code is encoded with registers and with memory wherever it can be, decoded, lifted and run; where the forms differ the table
//! says so. So it follows from the code, and nobody keeps it by hand.

use crate::case::{Case, End};
use crate::compare::Executor;
use crate::generate::{self, Random, Shape};
use crate::interpreter::Interpreter;
use iced_x86::{Code, OpCodeOperandKind};
use std::fmt::Write;
use x86::Level;

/// Encodings tried of each code and shape.
const TRIES: usize = 6;

/// What becomes of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Translated code carries it out.
    Lifted,
    /// The interpreter carries it out.
    Interpreted,
    /// Nobody does.
    Absent,
}

impl Coverage {
    fn name(self) -> &'static str {
        match self {
            Coverage::Lifted => "lifted",
            Coverage::Interpreted => "interpreted",
            Coverage::Absent => "absent",
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// The least level that has it.
    pub level: Level,
    /// What becomes of its forms, each word once.
    pub forms: Vec<Coverage>,
}

/// The codes of 64-bit mode in the profile. Left out are those that stand for two instructions (WAIT and another), and those
/// that Intel's processors take for others: near branches with 16 bits, and UD0 without ModRM.
pub fn entries() -> Vec<Entry> {
    let codes = Code::values().filter(|code| code.op_code().mode64() && code.op_code().is_instruction());
    let codes = codes.filter(|code| !code.op_code().fwait() && !is_other(*code));
    codes.filter_map(|code| Some(Entry { code, level: x86::level::least(code)?, forms: forms(code) })).collect()
}

fn is_other(code: Code) -> bool {
    use OpCodeOperandKind as Kind;
    let near16 = code.op_code().op_kinds().iter().any(|kind| matches!(kind, Kind::br16_1 | Kind::br16_2));
    near16 || matches!(code, Code::Retnw | Code::Retnw_imm16 | Code::Call_rm16 | Code::Jmp_rm16 | Code::Ud0)
}

fn forms(code: Code) -> Vec<Coverage> {
    let mut random = Random::new(code as u64);
    let shapes = [Shape::Register, Shape::Memory].into_iter().flat_map(|shape| [shape; TRIES]);
    let mut forms: Vec<Coverage> = shapes
        .filter_map(|shape| generate::unchecked_case(code, shape, &mut random))
        .filter_map(|case| of(code, &case))
        .collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

fn of(code: Code, case: &Case) -> Option<Coverage> {
    let insn = x86::decode(case.code()).ok().filter(|insn| insn.code == code)?;
    if !translator::lift::leaves(&insn, &translator::lift::Options::default()) {
        return Some(Coverage::Lifted);
    }
    let absent = matches!(Interpreter::new().run(case).end, End::Refused(why) if why.starts_with("not implemented"));
    Some(if absent { Coverage::Absent } else { Coverage::Interpreted })
}

/// The table as text: counts, then a line a code.
pub fn table(entries: &[Entry]) -> String {
    let mut out = String::from(
        "# Written by `BLESS=1 cargo test -p golden --test coverage`. What the words mean: golden/src/coverage.rs.\n",
    );
    let words = |entry: &Entry| entry.forms.iter().map(|form| form.name()).collect::<Vec<_>>().join(", ");
    for level in Level::ALL {
        let of_level: Vec<&Entry> = entries.iter().filter(|entry| entry.level == level).collect();
        let count = |form| of_level.iter().filter(|entry| entry.forms.contains(&form)).count();
        let counts = [Coverage::Lifted, Coverage::Interpreted, Coverage::Absent]
            .map(|form| format!("{} {}", count(form), form.name()));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "\n# {}: {} codes; {}", level.name(), of_level.len(), counts.join(", "));
        for entry in of_level {
            let _ = writeln!(out, "{:<48} {}", format!("{:?}", entry.code), words(entry));
        }
    }
    out
}

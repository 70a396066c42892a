//! The row format: one case a line.
//!
//! ```text
//! 48 01 d8 (add rax,rbx) | rax=1 rbx=ff => rax=100 flags=P
//! f7 f1 (div ecx) | => #DE
//! 89 07 (mov [rdi],eax) | rdi=10001ffe => #PF(10002000,w)
//! ```
//!
//! - `bytes (text) | inputs => outputs`. The bytes count; the text is checked against them. `#` at the start of a line begins a comment.
//! - All numbers are hexadecimal without prefix. **Inputs** start from [`State::default`]: zero, but RSP in the middle of the window, FCW 37f,
//!   MXCSR 1f80. **Outputs** name what differs from the inputs; what is not named is unchanged. Memory is the layout of [`crate::layout`].
//! - `rax`…`r15`, `fsbase`, `gsbase`, `mxcsr`: numbers. `xmm0`…`xmm15`: 128 bits. `ymm0`…`ymm15`: all 256 bits.
//! - `flags`: the letters of the flags that are set, out of `CPAZSTDO`, `K` (AC), `I` (ID); `-` for none. In outputs undefined flags
//!   (see [`crate::undefined`]) are left out and not compared.
//! - `fcw`, `fsw`: numbers; `ftw`: FXSAVE's abridged tags, a bit per physical register. `st0`…`st7`: 80 bits, numbered from the TOP of their
//!   own side. What empty registers hold is neither written nor compared.
//! - `[10000010]=0011ff`: bytes in memory order.
//! - `rip=82` or `rip=-80` (outputs): RIP relative to the code's first byte. Without it RIP is the end of the code, or at a fault its begin.
//! - `#DE #DB #BP #UD #MF #AC #XM`, `#NP(e) #SS(e) #GP(e)` with the error code (left out if 0), `#PF(address,access)` with `r`, `w` or `x` and
//!   `p` after it if the page is present. `timeout`: does not end.

mod fault;
mod fields;

use crate::case::{Case, End, Outcome};
use crate::state::State;
use crate::undefined::Undefined;
use anyhow::{Context, Result, ensure};

/// A case with its expected outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What to run.
    pub case: Case,
    /// What must come of it; `None` for a row whose outputs are not blessed yet (nothing after `=>`, or no `=>`).
    pub expected: Option<Outcome>,
}

impl Row {
    /// Parses a line. Errors name the token and what was expected.
    pub fn parse(line: &str) -> Result<Row> {
        let (code, rest) = line.split_once('|').context("expected `bytes (text) | inputs => outputs`, found no `|`")?;
        let (inputs, outputs) = match rest.split_once("=>") {
            Some((inputs, outputs)) => (inputs, Some(outputs.trim()).filter(|o| !o.is_empty())),
            None => (rest, None),
        };
        let (bytes, text) = match code.split_once('(') {
            Some((bytes, text)) => (bytes, text.trim_end().strip_suffix(')')),
            None => (code, None),
        };
        let bytes = fields::bytes(&bytes.replace(' ', "")).context("bytes of the code")?;
        let case = Case::new(&bytes, fields::inputs(inputs)?)?;
        if let Some(text) = text {
            ensure!(text == case.text(), "the text says `{text}`, the bytes say `{}`", case.text());
        }
        let expected = outputs.map(|outputs| fields::outputs(outputs, &case)).transpose()?;
        Ok(Row { case, expected })
    }

    /// The line of a case and, if given, its outcome.
    pub fn print(case: &Case, outcome: Option<&Outcome>) -> String {
        let left = left_side(case);
        match outcome {
            Some(outcome) => format!("{left} => {}", print_outcome(case, outcome)),
            None => left,
        }
    }
}

/// The left side of a case's row, which identifies it: `bytes (text) | inputs`.
pub fn left_side(case: &Case) -> String {
    let bytes: Vec<_> = case.code().iter().map(|b| format!("{b:02x}")).collect();
    let inputs = fields::differences(&State::default(), &case.state, u64::MAX);
    format!("{} ({}) | {}", bytes.join(" "), case.text(), inputs.join(" ")).trim_end().to_owned()
}

/// The right side of a case's row. Something always stands there: `rip` if nothing else changed.
pub fn print_outcome(case: &Case, outcome: &Outcome) -> String {
    let undefined = Undefined::after(case, &outcome.end);
    let mut outcome = outcome.clone();
    undefined.clear(&mut outcome.state);
    let default_rip = match &outcome.end {
        End::Done => case.code().len() as i64,
        End::Fault(_) => 0,
        End::Timeout => return "timeout".into(),
        End::Refused(reason) => return format!("refused: {reason}"),
    };
    let mut before = case.state.clone();
    undefined.clear(&mut before);
    let mut tokens = fields::differences(&before, &outcome.state, !undefined.flags);
    if let End::Fault(fault) = outcome.end {
        tokens.insert(0, fault::print(fault));
    }
    if outcome.rip != default_rip || tokens.is_empty() {
        tokens.push(format!("rip={}", fields::signed(outcome.rip)));
    }
    tokens.join(" ")
}

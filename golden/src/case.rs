//! A case (code and the state before it) and its outcome (how it ended and the state after it).

use crate::{layout, state::State};
use anyhow::{Result, ensure};
use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic};

/// Machine code at [`layout::CODE`] and the state it starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    code: Vec<u8>,
    /// State before the first instruction.
    pub state: State,
}

impl Case {
    /// Checks `code`: at least one byte, at most [`layout::CODE_MAX`], no instruction cut short (an invalid one may be the last), none that
    /// calls the operating system.
    pub fn new(code: &[u8], state: State) -> Result<Case> {
        ensure!(
            (1..=layout::CODE_MAX).contains(&code.len()),
            "code of {} bytes: expected 1 to {}",
            code.len(),
            layout::CODE_MAX
        );
        let case = Case { code: code.to_vec(), state };
        for insn in case.instructions() {
            let system = matches!(insn.mnemonic(), Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Int);
            ensure!(!system, "{} calls the operating system: a case is user-mode code alone", text(&insn));
        }
        Ok(case)
    }

    /// A case that may call the operating system: for the interpreter alone.
    pub(crate) fn unchecked(code: &[u8], state: State) -> Case {
        Case { code: code.to_vec(), state }
    }

    /// The code's bytes.
    pub fn code(&self) -> &[u8] {
        &self.code
    }

    /// The instructions, decoded one after the other; the last may be invalid.
    pub fn instructions(&self) -> Vec<Instruction> {
        let mut decoder = Decoder::with_ip(64, &self.code, layout::CODE, DecoderOptions::NONE);
        let mut list = Vec::new();
        while decoder.can_decode() {
            let insn = decoder.decode();
            list.push(insn);
            if insn.is_invalid() {
                break;
            }
        }
        list
    }

    /// The instructions as text, joined by `; `.
    pub fn text(&self) -> String {
        self.instructions().iter().map(text).collect::<Vec<_>>().join("; ")
    }
}

/// One instruction in Intel syntax, numbers in hexadecimal.
pub fn text(insn: &Instruction) -> String {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_space_after_operand_separator(false);
    options.set_rip_relative_addresses(true);
    let mut out = String::new();
    formatter.format(insn, &mut out);
    out
}

/// What a case did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// RIP at the end, relative to [`layout::CODE`]; at a fault the saved RIP.
    pub rip: i64,
    /// State at the end.
    pub state: State,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// RIP left the code for another place in the code pages.
    Done,
    /// An exception.
    Fault(Fault),
    /// It did not end in the time that the executor grants; the state means nothing.
    Timeout,
    /// The executor cannot run it, and says why; the state means nothing.
    Refused(String),
}

/// Exceptions of user mode (SDM volume 3, chapter 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// #DE.
    Divide,
    /// #DB.
    Debug,
    /// #BP.
    Breakpoint,
    /// #UD.
    InvalidOpcode,
    /// #NP with its error code.
    NotPresent(u16),
    /// #SS with its error code.
    Stack(u16),
    /// #GP with its error code.
    Protection(u16),
    /// #PF.
    Page {
        /// CR2: the first byte that could not be accessed.
        address: u64,
        /// What was attempted.
        access: Access,
        /// Whether the page is present and its rights forbid the access.
        present: bool,
    },
    /// #MF.
    X87,
    /// #AC.
    Alignment,
    /// #XM.
    Simd,
}

/// The access that raised #PF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A data read.
    Read,
    /// A data write, or the read of a read-modify-write.
    Write,
    /// An instruction fetch.
    Execute,
}

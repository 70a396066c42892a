//! One command run in several ways, and where the outcomes part.
//!
//! ```text
//! module ──► interpreted ─┐
//!        └─► translated ──┼─ Outcomes ─► differences ─► report
//! root directory ► native ┘
//! ```
//!
//! The module's runs are deterministic, so that what differs between them is the translation's doing. A native run has
//! the true time, this machine's processor and kernel, and no mounts but those of its root directory.

mod differences;
mod report;
mod run;

pub use differences::{Difference, Stream, differences};
pub use report::report;
pub use run::{Command, native, run};

use crate::engine::Outcome;
use std::fmt;

/// How a command ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// In the module's interpreter alone.
    Interpreted,
    /// In the module, with its translated code.
    Translated,
    /// By this machine, in a chroot.
    Native,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Interpreted => "interpreted",
            Mode::Translated => "translated",
            Mode::Native => "native",
        })
    }
}

/// How each run of a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// In the interpreter.
    pub interpreted: Outcome,
    /// With translated code.
    pub translated: Outcome,
    /// On this machine, if it was asked for.
    pub native: Option<Outcome>,
}

impl Outcomes {
    /// All outcomes, in the order of [`Mode`].
    pub fn all(&self) -> impl Iterator<Item = (Mode, &Outcome)> {
        let native = self.native.as_ref().map(|native| (Mode::Native, native));
        [(Mode::Interpreted, &self.interpreted), (Mode::Translated, &self.translated)].into_iter().chain(native)
    }
}

#[cfg(test)]
mod tests;

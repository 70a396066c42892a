//! The options that a converted module takes at the head of its own arguments.
//!
//! A module reads them from its first argument on; the first word that is none of them, or `--`, ends them, and all
//! that follows is the container's. Under a stock runtime the user writes them there; `prelift run` does it for its
//! user.

use clap::Args;

/// Option by which `prelift run` tells a module that every exit code arrives as it is: others turn codes above 125
/// into an error, so that the module exits with 125 and names the true code on standard error.
pub const EXACT_EXIT: &str = "--exact-exit";

/// Option by which `prelift run` tells a module that a preopen may only be read, as WASI does not.
pub const READ_ONLY: &str = "--read-only";

/// Options of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ModuleOptions {
    /// Run this program in place of the image's entrypoint
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// Interpret everything; use no translated code
    #[arg(long)]
    pub interpret: bool,
    /// Let guest time be the number of instructions, so that every run is the same
    #[arg(long)]
    pub deterministic: bool,
    /// At the end, write figures to standard error: instructions, share in translated code, exits, MIPS
    #[arg(long)]
    pub stats: bool,
}

impl ModuleOptions {
    /// The options as the module's arguments.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        if let Some(program) = &self.entrypoint {
            words.extend(["--entrypoint".to_owned(), program.clone()]);
        }
        let switches =
            [(self.interpret, "--interpret"), (self.deterministic, "--deterministic"), (self.stats, "--stats")];
        words.extend(switches.iter().filter(|(on, _)| *on).map(|(_, word)| (*word).to_owned()));
        words
    }
}

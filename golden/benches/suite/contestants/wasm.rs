//! The module in the embedded wasmtime, a new instance for every command.

use super::{Contestant, Machine, Sample};
use crate::process::{Of, used};
use anyhow::Result;
use golden::images::{Converted, Mode, Run};
use std::time::Instant;

/// A module, and who carries out its instructions.
pub(crate) struct Module<'a> {
    converted: &'a Converted,
    mode: Mode,
}

impl Module<'_> {
    pub(crate) fn new(machine: &Machine, mode: Mode) -> Result<Module<'_>> {
        Ok(Module { converted: &machine.module()?.converted, mode })
    }
}

/// A command as a module takes it, whatever the image's entrypoint.
pub(crate) fn run(words: &[String], options: &[&str]) -> Run {
    let entrypoint = words.iter().take(1).map(|program| format!("--entrypoint={program}"));
    let options = options.iter().map(|&option| option.to_owned()).chain(entrypoint).collect();
    Run { options, command: words[1..].to_vec(), ..Run::default() }
}

impl Contestant for Module<'_> {
    fn run(&mut self, words: &[String]) -> Result<Sample> {
        let run = run(words, &[]);
        let (cpu, wall) = (used(Of::Own)?, Instant::now());
        let outcome = self.converted.run(self.mode, &run)?;
        let (cpu, wall) = (used(Of::Own)? - cpu, wall.elapsed());
        Ok(Sample { cpu, wall, output: [outcome.stdout, outcome.stderr].concat(), code: outcome.code })
    }
}

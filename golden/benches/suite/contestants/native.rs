//! The host's own processor and kernel: the image unpacked, and entered with chroot.

use super::{Contestant, Machine, Sample};
use crate::process::{Of, used};
use anyhow::Result;
use golden::images::Run;
use golden::images::native::Native;
use std::time::Instant;

/// The unpacked image.
pub(crate) struct Host(Native);

impl Host {
    pub(crate) fn new(machine: &Machine) -> Result<Host> {
        Native::new(&machine.recipe).map(Host)
    }
}

impl Contestant for Host {
    fn run(&mut self, words: &[String]) -> Result<Sample> {
        let run = Run { command: words.to_vec(), ..Run::default() };
        let (cpu, wall) = (used(Of::Children)?, Instant::now());
        let outcome = self.0.run(&run)?;
        let (cpu, wall) = (used(Of::Children)? - cpu, wall.elapsed());
        Ok(Sample { cpu, wall, output: [outcome.stdout, outcome.stderr].concat(), code: outcome.code })
    }
}

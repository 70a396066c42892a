//! Those who do the work: one file each.
//!
//! All run commands in the same root file system. Emulators are started once and get their commands one after the other
//! ([`session`]), so that their boot is no part of what is measured.

mod bochs;
mod machine;
mod native;
mod node;
mod qemu;
mod session;
mod wasm;

pub(crate) use machine::Machine;

use anyhow::Result;
use clap::ValueEnum;
use golden::images::Mode;
use std::fmt;
use std::time::Duration;

/// A contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The host's own processor and kernel (chroot; root)
    Native,
    /// qemu-system-x86_64, TCG, the module's kernel and root file system
    Qemu,
    /// Bochs, with the same
    Bochs,
    /// The module in wasmtime
    Translated,
    /// The same module in node
    Node,
    /// The same module in wasmtime with --interpret
    Interpreted,
}

impl Kind {
    /// All, in the table's order.
    #[rustfmt::skip]
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Native, Kind::Qemu, Kind::Bochs, Kind::Translated, Kind::Node, Kind::Interpreted];

    /// The name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::Native => "native",
            Kind::Qemu => "QEMU",
            Kind::Bochs => "Bochs",
            Kind::Translated => "translated",
            Kind::Node => "in node",
            Kind::Interpreted => "interpreted",
        }
    }
}

/// As on the command line.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// A run of a command.
pub(crate) struct Sample {
    /// Processor time.
    pub(crate) cpu: Duration,
    /// Time on the clock.
    pub(crate) wall: Duration,
    /// What it wrote.
    pub(crate) output: Vec<u8>,
    /// Exit code.
    pub(crate) code: i32,
}

/// Somebody who can run commands.
pub(crate) trait Contestant {
    /// Runs a command, given as words without blanks, to its end.
    fn run(&mut self, words: &[String]) -> Result<Sample>;
}

/// Makes a contestant ready; an error says why it cannot take part.
pub(crate) fn open<'a>(kind: Kind, machine: &'a Machine) -> Result<Box<dyn Contestant + 'a>> {
    Ok(match kind {
        Kind::Native => Box::new(native::Host::new(machine)?),
        Kind::Qemu => Box::new(qemu::start(machine)?),
        Kind::Bochs => Box::new(bochs::start(machine)?),
        Kind::Translated => Box::new(wasm::Module::new(machine, Mode::Translated)?),
        Kind::Node => Box::new(node::Node::new(machine)?),
        Kind::Interpreted => Box::new(wasm::Module::new(machine, Mode::Interpreted)?),
    })
}

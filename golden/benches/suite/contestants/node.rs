//! The module in node (V8): compiled once, a new instance for every command.
//!
//! Node 20 crashes now and then when it has run many instances (SIGSEGV in its own code): then it is started again, and the
//! command with it.

use super::session::Session;
use super::{Contestant, Machine, Sample};
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// Compiles a module, then runs commands in it.
const PROGRAM: &str = include_str!("node.mjs");

/// Node, as long as it lives.
pub(crate) struct Node<'a> {
    machine: &'a Machine,
    session: Session,
}

impl Node<'_> {
    /// Starts it.
    pub(crate) fn new(machine: &Machine) -> Result<Node<'_>> {
        Command::new("node")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .context("node cannot be run (Debian package nodejs)")?;
        machine.say("compiling in node");
        Ok(Node { machine, session: start(machine)? })
    }
}

impl Contestant for Node<'_> {
    fn run(&mut self, words: &[String]) -> Result<Sample> {
        self.session.run(words).or_else(|error| {
            self.machine.say(&format!("node is started again: {error:#}"));
            self.session = start(self.machine)?;
            self.session.run(words)
        })
    }
}

fn start(machine: &Machine) -> Result<Session> {
    let module = machine.module()?;
    let program = machine.folder.path().join("node.mjs");
    std::fs::write(&program, PROGRAM).with_context(|| format!("cannot write {}", program.display()))?;
    let mut command = Command::new("node");
    command.args(["--no-warnings", "--no-flush-bytecode", "--expose-gc"]).arg(&program).arg(&module.path);
    command.arg(machine.folder.path().join("node.out"));
    Session::start(&mut command)
}

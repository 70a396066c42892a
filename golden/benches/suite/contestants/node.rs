//! The module in node (V8): compiled once, a new instance for every command.

use super::Machine;
use super::session::Session;
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// Compiles a module, then runs commands in it.
const PROGRAM: &str = include_str!("node.mjs");

/// Starts node.
pub(crate) fn start(machine: &Machine) -> Result<Session> {
    Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .context("node cannot be run (Debian package nodejs)")?;
    let module = machine.module()?;
    let program = machine.folder.path().join("node.mjs");
    std::fs::write(&program, PROGRAM).with_context(|| format!("cannot write {}", program.display()))?;
    machine.say("compiling in node");
    let mut command = Command::new("node");
    command.args(["--no-warnings", "--expose-gc"]).arg(&program).arg(&module.path);
    command.arg(machine.folder.path().join("node.out"));
    Session::start(&mut command)
}

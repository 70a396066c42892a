//! Runs a command in a module, and natively.

use super::Outcomes;
use crate::cli::EXACT_EXIT;
use crate::engine::{Engine, Outcome, Program, RunOptions, Streams};
use anyhow::{Context, Result, ensure};
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process;

/// What a native run has in its environment unless `env` replaces it: what the guest's init gives to root.
const NATIVE_ENV: [(&str, &str); 3] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOSTNAME", HOSTNAME),
    ("HOME", "/root"),
];
/// Host name in all runs, as far as the environment goes.
const HOSTNAME: &str = "prelift";

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The program and its arguments; not empty.
    pub words: Vec<String>,
    /// Variables added to the image's own.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Vec<u8>,
}

impl Command {
    /// The arguments with which a module runs this.
    fn module_args(&self, interpret: bool) -> Vec<String> {
        let mut args: Vec<String> =
            ["module.wasm", EXACT_EXIT, "--deterministic", "--hostname", HOSTNAME].map(str::to_owned).into();
        args.extend(interpret.then(|| "--interpret".to_owned()));
        args.extend(self.env.iter().flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")]));
        let mut words = self.words.iter().cloned();
        args.extend(["--entrypoint".to_owned(), words.next().unwrap_or_default(), "--".to_owned()]);
        args.extend(words);
        args
    }
}

/// Runs a command in a module made by prelift, interpreted and translated; `native` stays empty.
///
/// # Errors
/// If a run does not come to an exit code.
pub fn run(program: &Program, engine: &Engine, command: &Command, say: &dyn Fn(&str)) -> Result<Outcomes> {
    let one = |name: &str, interpret| {
        say(&format!("running {name}"));
        let streams = Streams::Captured(command.stdin.clone());
        let options = RunOptions { args: command.module_args(interpret), streams, ..RunOptions::default() };
        program.run(engine, &options).with_context(|| format!("the {name} run"))
    };
    Ok(Outcomes { translated: one("translated", false)?, interpreted: one("interpreted", true)?, native: None })
}

/// Runs a command by this machine, with `root` as its root directory, as root. Nothing is mounted, and what the command
/// writes stays written.
///
/// # Errors
/// If this process is not root's, `root` is no root directory, or there is no `chroot` command.
pub fn native(root: &Path, command: &Command) -> Result<Outcome> {
    let user = std::fs::metadata("/proc/self").context("find this process's user")?.uid();
    ensure!(user == 0, "a native run needs root: expected user 0, this is user {user}");
    ensure!(
        root.is_dir() && !root.join("oci-layout").is_file(),
        "{}: expected a root directory for a native run",
        root.display()
    );
    let mut stdin = tempfile::tempfile().context("a temporary file for standard input")?;
    stdin.write_all(&command.stdin).and_then(|()| stdin.rewind()).context("write standard input")?;
    let output = process::Command::new("chroot")
        .arg(root)
        .args(&command.words)
        .env_clear()
        .envs(NATIVE_ENV)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .output()
        .context("run chroot")?;
    let status = output.status;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or_default();
    Ok(Outcome { code, stdout: output.stdout, stderr: output.stderr })
}

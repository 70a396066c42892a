//! The same commands on the host's own processor and kernel: the image unpacked, and entered with chroot.
//!
//! That needs root. The directory has the few devices that programs expect, and /proc where the image has that directory: it is
//! mounted in a namespace of the command's own, so that nothing is left behind.

use super::{Outcome, Run};
use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use test_images::Recipe;

/// What the guest's shell has in its environment, too.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Names and minor numbers of the devices, all of major number 1.
const DEVICES: [(&str, &str); 3] = [("null", "3"), ("zero", "5"), ("urandom", "9")];

/// What the namespace's shell does: its arguments are the root directory and the command.
const ENTER: &str = "root=$1; shift; [ ! -d $root/proc ] || mount -t proc proc $root/proc; exec chroot $root \"$@\"";

/// An image as a directory of the host.
pub struct Native {
    root: TempDir,
}

impl Native {
    /// Unpacks an image; an error says why that cannot be done here, for a test to print and go on.
    ///
    /// # Errors
    /// Without root, or where that may not make devices or change its root directory.
    pub fn new(recipe: &Recipe) -> Result<Native> {
        let root = tempfile::tempdir().context("a temporary directory")?;
        for layer in &recipe.layers {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--preserve-permissions", "--directory"]).arg(root.path());
            ensure!(feed(&mut tar, layer)?.code == 0, "tar cannot unpack the image");
        }
        for (name, minor) in DEVICES {
            let path = root.path().join("dev").join(name);
            if path.exists() {
                continue;
            }
            let outcome = feed(Command::new("mknod").arg(path).args(["-m", "666", "c", "1", minor]), b"")?;
            ensure!(outcome.code == 0, "mknod: {}", String::from_utf8_lossy(&outcome.stderr).trim_end());
        }
        let native = Native { root };
        let outcome = native.run(&Run::shell("echo x >/dev/null"))?;
        ensure!(outcome.code == 0, "chroot: {}", String::from_utf8_lossy(&outcome.stderr).trim_end());
        Ok(native)
    }

    /// Runs a command to its end; a signal's number plus 128 is its exit code.
    ///
    /// # Errors
    /// If unshare cannot be run.
    pub fn run(&self, run: &Run) -> Result<Outcome> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(self.root.path()).args(&run.command).env_clear();
        command.env("PATH", PATH).env("HOME", "/root").envs(run.env.iter().cloned());
        feed(&mut command, &run.stdin)
    }
}

/// Runs a command with these bytes on its standard input.
fn feed(command: &mut Command, stdin: &[u8]) -> Result<Outcome> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let mut input = child.stdin.take().context("a pipe")?;
    let output = std::thread::scope(|scope| {
        // A program that does not read its input is none of our business.
        scope.spawn(move || drop(input.write_all(stdin)));
        child.wait_with_output()
    })?;
    let code = output.status.code().or_else(|| output.status.signal().map(|signal| signal + 128)).unwrap_or(-1);
    Ok(Outcome { code, stdout: output.stdout, stderr: output.stderr })
}

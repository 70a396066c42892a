//! Debian packages that the set-up needs: found, installed when root, otherwise named.

use anyhow::{Context, Result, bail, ensure};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A directory of apt's that is locked while packages are installed. apt-get waits for nobody who updates its lists, and tests
/// that start together miss the same packages.
const APT: &str = "/var/cache/apt";
/// How long apt-get is tried again while somebody else holds one of its locks, and how often.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(2);

/// A Debian package and the sign that it (or its equivalent from elsewhere) is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name in Debian's archive.
    pub name: &'static str,
    /// What is looked for.
    pub sign: Sign,
}

/// The sign that a package is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A command on `PATH`.
    Command(&'static str),
    /// A file at this absolute path.
    File(&'static str),
}

impl Package {
    /// A package that is there when `command` is on `PATH`.
    pub const fn command(name: &'static str, command: &'static str) -> Self {
        Package { name, sign: Sign::Command(command) }
    }

    /// A package that is there when the absolute path `file` exists.
    pub const fn file(name: &'static str, file: &'static str) -> Self {
        Package { name, sign: Sign::File(file) }
    }

    /// Whether its sign is there.
    pub fn is_present(&self) -> bool {
        match self.sign {
            Sign::File(path) => Path::new(path).exists(),
            Sign::Command(name) => std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file())),
        }
    }
}

/// Makes sure that all of `packages` are there: those missing are installed with `apt-get` when this process is root.
/// `progress` hears each of apt-get's lines.
///
/// # Errors
/// When some are missing and this process is not root, or there is no `apt-get` (the message then says what to run
/// or install), or when the installation fails.
pub fn ensure(packages: &[Package], progress: &dyn Fn(&str)) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    ensure!(
        Package::command("apt", "apt-get").is_present(),
        "missing: {names} (names of Debian 12 packages). There is no apt-get here: install their equivalents"
    );
    if !is_root() {
        bail!(
            "missing Debian packages. Run as root:\n  apt-get update && apt-get install -y --no-install-recommends {names}"
        );
    }
    alone(Path::new(APT), || install(packages, progress))
}

/// Installs what is missing by now.
fn install(packages: &[Package], progress: &dyn Fn(&str)) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    progress(&format!("installing {names}"));
    apt_get(&["update"], progress)?;
    let install = ["install", "-y", "--no-install-recommends"];
    apt_get(&[&install[..], &missing].concat(), progress)?;
    let still = self::missing(packages);
    ensure!(still.is_empty(), "installed {names}, but what they should bring is not there: {}", still.join(" "));
    Ok(())
}

/// Runs something while nobody else, in this process or another, does so with the directory.
fn alone<T>(directory: &Path, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let place = || format!("lock {}", directory.display());
    let lock = File::open(directory).with_context(place)?;
    lock.lock().with_context(place)?;
    run()
}

fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages.iter().filter(|package| !package.is_present()).map(|package| package.name).collect()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn apt_get(arguments: &[&str], progress: &dyn Fn(&str)) -> Result<()> {
    let place = || format!("apt-get {}", arguments.join(" "));
    let start = Instant::now();
    loop {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C").stdin(Stdio::null());
        let result = run(&mut command, &mut |line| progress(line));
        let waits = result.as_ref().is_err_and(|error| error.to_string().contains("Could not get lock"));
        if !waits || start.elapsed() >= PATIENCE {
            return result.with_context(place);
        }
        std::thread::sleep(PAUSE);
    }
}

/// Lines of output that an error repeats.
const TAIL: usize = 20;

/// Runs `command` with both its outputs joined, and hands each line to `line`.
///
/// # Errors
/// When it cannot be started, or fails: then with its last lines.
pub(crate) fn run(command: &mut Command, line: &mut dyn FnMut(&str)) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = std::io::pipe().context("create a pipe")?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("start {program}"))?;
    // The command still holds the pipe's writing ends: while it does, there is no end of file.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut tail = std::collections::VecDeque::new();
    for text in BufReader::new(reader).split(b'\n') {
        let text = String::from_utf8_lossy(&text?).trim_end().to_owned();
        line(&text);
        tail.push_back(text);
        if tail.len() > TAIL {
            tail.pop_front();
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{program} failed ({status}); its last lines:\n{}", tail.make_contiguous().join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Package, alone, missing, run};
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    #[test]
    fn packages_are_installed_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let busy = AtomicBool::new(false);
        let install = || {
            alone(directory.path(), || {
                assert!(!busy.swap(true, Ordering::SeqCst), "two at once");
                std::thread::sleep(Duration::from_millis(20));
                busy.store(false, Ordering::SeqCst);
                Ok(())
            })
        };
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(install)).collect();
            all.into_iter().for_each(|one| one.join().unwrap().unwrap());
        });
    }

    #[test]
    fn signs_tell_present_from_missing() {
        let present = [Package::command("dash", "sh"), Package::file("base-files", "/etc")];
        let absent = [Package::command("nowhere", "no-such-command"), Package::file("nothing", "/no/such/file")];
        assert_eq!(missing(&[present, absent].concat()), ["nowhere", "nothing"]);
    }

    #[test]
    fn failure_repeats_the_last_lines() {
        let mut lines = 0;
        let mut command = Command::new("sh");
        let error = run(command.args(["-c", "seq 100; echo why >&2; exit 3"]), &mut |_| lines += 1).unwrap_err();
        assert_eq!(lines, 101);
        let message = error.to_string();
        assert!(message.ends_with("99\n100\nwhy") && !message.contains("\n50\n"), "{message}");
    }
}

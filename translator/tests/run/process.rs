//! A process that ends with its test.

use crate::output::{Output, PATIENCE};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(10);

/// `prelift run` of busybox, with what the container gets.
pub(crate) fn prelift_run(words: &[&str]) -> Command {
    prelift_run_of(crate::module::busybox(), &[], words)
}

/// `prelift run` of a module, with its own options and what the container gets.
pub(crate) fn prelift_run_of(module: &Path, options: &[&str], words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
    command.args(["--quiet", "run"]).args(options).arg(module).args(words);
    command
}

/// A process, killed when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Process {
        Process(command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}")))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        eventually("end of the process", || self.0.try_wait().unwrap())
    }

    /// Its end, if it came within `time`.
    pub(crate) fn end_within(&mut self, time: Duration) -> Option<ExitStatus> {
        std::thread::sleep(time);
        self.0.try_wait().unwrap()
    }

    /// Waits until a signal has stopped it.
    pub(crate) fn stop(&self) {
        let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
        let status = eventually("stop of the process", || waitpid(Some(self.pid()), options).unwrap());
        assert!(status.1.stopped(), "expected a stop of the process, got {:?}", status.1);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "expected the {what} within {PATIENCE:?}");
        std::thread::sleep(LOOK);
    }
}

/// A process whose streams are pipes of the test.
pub(crate) struct Piped {
    pub(crate) process: Process,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Piped {
    /// Starts a command; its standard input is a pipe unless the command says what else.
    pub(crate) fn spawn(command: &mut Command) -> Piped {
        let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let child = &mut process.0;
        let stdin = child.stdin.take();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Piped { process, stdin, stdout, stderr }
    }

    /// Ends its input and waits for its end: exit status, and what it wrote since the test looked.
    pub(crate) fn finish(mut self) -> (ExitStatus, String, String) {
        drop(self.stdin.take());
        let text = |output: &mut Output| String::from_utf8_lossy(&output.rest()).into_owned();
        let (stdout, stderr) = (text(&mut self.stdout), text(&mut self.stderr));
        (self.process.end(), stdout, stderr)
    }
}

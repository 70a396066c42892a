//! A pseudo terminal with a program on it: the test types and reads, as a terminal emulator does.

#![allow(unsafe_code)]

use crate::output::Output;
use crate::process::{Process, prelift_run};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};

/// The prompt of busybox's shell, as root in `/`.
pub(crate) const PROMPT: &str = "/ # ";
/// By this the shell asks for the cursor's place. It can do without an answer.
const WHERE: &str = "\x1b[6n";

/// Rows and columns.
pub(crate) type Size = (u16, u16);

/// A terminal, and the session on it.
pub(crate) struct Terminal {
    master: File,
    /// Its settings before the program began.
    before: String,
    pub(crate) process: Process,
    pub(crate) output: Output,
}

impl Terminal {
    /// An interactive shell under `prelift run`, which shows its first prompt.
    pub(crate) fn shell(size: Size) -> Terminal {
        let mut terminal = Terminal::on(prelift_run(&["sh"]), size);
        terminal.output.expect(PROMPT);
        terminal
    }

    /// Any command.
    pub(crate) fn on(command: Command, size: Size) -> Terminal {
        let (master, slave) = open();
        resize(&master, size);
        Terminal::run(command, master, slave)
    }

    /// Any command, on a terminal in raw mode.
    pub(crate) fn raw(command: Command) -> Terminal {
        let (master, slave) = open();
        let mut settings = tcgetattr(&slave).unwrap();
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings).unwrap();
        Terminal::run(command, master, slave)
    }

    fn run(command: Command, master: File, slave: OwnedFd) -> Terminal {
        let before = settings(&master);
        let process = Process::spawn(&mut session(command, slave));
        let output = Output::of(master.try_clone().unwrap());
        Terminal { master, before, process, output }
    }

    /// Types these keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line at the prompt; returns all that the terminal shows up to the next prompt.
    pub(crate) fn line(&mut self, keys: &str) -> String {
        self.keys(keys);
        self.keys("\r");
        self.output.expect(PROMPT).replace(WHERE, "")
    }

    /// Types a command at the prompt, and waits until it runs.
    pub(crate) fn start(&mut self, command: &str) {
        self.keys(&format!("echo run'ning'; {command}\r"));
        self.output.expect("\r\nrunning\r\n");
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, size: Size) {
        resize(&self.master, size);
    }

    /// Whether its settings are what they were before the program began.
    pub(crate) fn is_as_before(&self) -> bool {
        settings(&self.master) == self.before
    }

    /// Waits for the end of the program, which has to leave the terminal as it was.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.output.rest();
        let status = self.process.end();
        assert_eq!(settings(&self.master), self.before, "the terminal's settings after and before the run");
        status
    }
}

/// Both sides of a new terminal.
fn open() -> (File, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
    (master.into(), slave)
}

/// The command as the leader of a session that the terminal controls.
fn session(mut command: Command, terminal: OwnedFd) -> Command {
    command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let lead = || {
        setsid()?;
        Ok(ioctl_tiocsctty(stdin())?)
    };
    // SAFETY: between fork and exec it makes two system calls, and touches neither memory nor locks.
    unsafe { command.pre_exec(lead) };
    command
}

fn resize(master: &File, (rows, columns): Size) {
    tcsetwinsize(master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

/// Modes and control characters, as text to compare.
fn settings(master: &File) -> String {
    format!("{:?}", tcgetattr(master).unwrap())
}

//! The program's terminal: a pseudo terminal of the container's own devpts, whose master side the pump serves.

use anyhow::{Context, Result};
use channel::WindowSize;
use rustix::fs::{Mode, OFlags, Uid};
use rustix::process::Pid;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Both sides of the pseudo terminal.
pub(crate) struct Terminal {
    master: OwnedFd,
    /// Held while the program runs: reads of a master fail once nobody has its slave open, though the program may
    /// open it again.
    _slave: OwnedFd,
    path: String,
}

impl Terminal {
    /// Opens a pseudo terminal in the devpts instance of the container that `first` is in, for its root, the machine's `owner`.
    pub(crate) fn open(first: Pid, owner: Uid, size: WindowSize) -> Result<Terminal> {
        let multiplexer = format!("/proc/{}/root/dev/pts/ptmx", first.as_raw_nonzero());
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let master = rustix::fs::open(&multiplexer, flags, Mode::empty())
            .with_context(|| format!("open the container's terminal multiplexer {multiplexer}"))?;
        rustix::pty::unlockpt(&master).context("unlock the terminal")?;
        let path = rustix::pty::ptsname(&master, Vec::new()).context("name of the terminal")?;
        let peer = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, peer).context("open the terminal")?;
        rustix::fs::fchown(&slave, Some(owner), None).context("give the terminal to the container's root")?;
        let terminal = Terminal { master, _slave: slave, path: path.into_string().context("name of the terminal")? };
        terminal.resize(size)?;
        Ok(terminal)
    }

    /// Path of the program's side in the container, such as `/dev/pts/0`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A new descriptor of the pump's side.
    pub(crate) fn master(&self) -> Result<OwnedFd> {
        self.master.try_clone().context("duplicate the terminal")
    }

    /// Sets the window size; the foreground processes get SIGWINCH if it differs.
    pub(crate) fn resize(&self, size: WindowSize) -> Result<()> {
        let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(self.master.as_fd(), size).context("set the terminal's size")
    }
}

/// The character that ends a terminal's input, as its settings are now.
pub(crate) fn end_of_file_character(terminal: BorrowedFd<'_>) -> Result<u8> {
    let settings = rustix::termios::tcgetattr(terminal).context("read the terminal's settings")?;
    Ok(settings.special_codes[rustix::termios::SpecialCodeIndex::VEOF])
}

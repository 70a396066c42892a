//! The terminal on standard input in raw mode: keys arrive as they are typed, nothing is echoed, nothing is turned into
//! a signal, and output is not touched. The guest's own terminal does all that.

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Raw mode until it is left or dropped.
pub(super) struct RawMode {
    before: Termios,
    left: Mutex<bool>,
}

impl RawMode {
    /// Sets it.
    ///
    /// # Errors
    /// If standard input is no terminal.
    pub(super) fn enter() -> io::Result<RawMode> {
        let mode = RawMode { before: tcgetattr(stdin())?, left: Mutex::new(false) };
        mode.resume()?;
        Ok(mode)
    }

    /// Sets it again after [`RawMode::suspend`], or after a shell took the terminal; not after [`RawMode::leave`].
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn resume(&self) -> io::Result<()> {
        let left = self.left();
        if *left {
            return Ok(());
        }
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(tcsetattr(stdin(), OptionalActions::Now, &raw)?)
    }

    /// Brings the terminal back to what it was.
    pub(super) fn suspend(&self) {
        // If the terminal is gone, there is nothing to bring back.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }

    /// Brings the terminal back for good, whatever another thread is about to do.
    pub(super) fn leave(&self) {
        let mut left = self.left();
        *left = true;
        self.suspend();
    }

    fn left(&self) -> MutexGuard<'_, bool> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.suspend();
    }
}

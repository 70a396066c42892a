//! Standard input and the signals of this process, as frames for a module (`runtime::host::frames`).
//!
//! ```text
//!  standard input ── thread ──► Data, End ──────┐
//!  signals ───────── thread ──► Signal, Resize ─┴─► pipe ──► the module's standard input
//! ```
//!
//! Between terminals the host's is in raw mode, and a signal that ends a process ends this one, with the terminal as
//! it was. Otherwise signals are the program's, as with `docker run`; the third SIGINT or SIGTERM ends this process.
//!
//! Where the machine can be saved (`--checkpoint`), SIGUSR2 and on a terminal Ctrl-] ask for that, and are not passed on.
//!
//! A frame is written in one piece, which a pipe takes whole, so the threads need no lock. They end with the process, or
//! when nobody reads the pipe. Bytes wait for room in the pipe. Signals and sizes do not: where a program leaves its input
//! unread until the pipe is full, SIGINT and SIGTERM end this process at once, and other signals and sizes are lost.

use super::raw_mode::RawMode;
use anyhow::{Context, Result};
use channel::WindowSize;
use runtime::host::frames::{Frame, MAX_DATA};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io::{IsTerminal, PipeReader, PipeWriter};
use std::sync::Arc;

/// Signals that say something about the terminal, or end this process.
const OF_TERMINAL: &[i32] = &[SIGWINCH, SIGCONT, SIGTSTP, SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// Signals that are passed on where there is no terminal.
const PASSED_ON: &[i32] = &[SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];
/// Those of them that ask for an end,
const ENDING: &[i32] = &[SIGINT, SIGTERM];
/// and how many of these are passed on, before one ends this process.
const PATIENCE: usize = 2;
/// What asks for a checkpoint: a signal,
const CHECKPOINT_SIGNAL: i32 = SIGUSR2;
/// and a key, Ctrl-].
const CHECKPOINT_KEY: u8 = 0x1d;

/// What a module's standard input is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputPlan {
    /// If standard input and output are a terminal, the program has one too.
    pub terminal: bool,
    /// Standard input is read.
    pub reads: bool,
    /// The machine can be saved.
    pub saves: bool,
    /// The program has started: what streams it has is decided.
    pub started: bool,
}

/// Standard input and signals, framed, until it is dropped.
pub struct HostInput {
    frames: PipeReader,
    terminal: Option<Arc<RawMode>>,
    started: bool,
}

impl HostInput {
    /// Begins to read, if it is to.
    ///
    /// # Errors
    /// If the system has no threads or pipes to give, or the terminal cannot be set.
    pub fn open(plan: InputPlan) -> Result<HostInput> {
        let InputPlan { terminal, reads, saves, started } = plan;
        let (frames, to) = std::io::pipe().context("a pipe for standard input")?;
        rustix::io::ioctl_fionbio(&to, true).context("a pipe for standard input")?;
        let terminal = terminal && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let watched = if terminal { OF_TERMINAL } else { PASSED_ON };
        let signals = watched.iter().copied().chain(saves.then_some(CHECKPOINT_SIGNAL));
        let signals = Signals::new(signals).context("watch signals")?;
        let key = (saves && terminal).then_some(CHECKPOINT_KEY);
        let terminal = terminal.then(|| RawMode::enter().map(Arc::new)).transpose().context("set the terminal")?;
        let watched = terminal.clone();
        let to_too = to.try_clone().context("a pipe for standard input")?;
        let watch = move || match watched {
            Some(mode) => watch_terminal(signals, &mode, &to_too),
            None => pass_on(signals, saves, &to_too),
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch).context("start a thread")?;
        if reads {
            std::thread::Builder::new().name("stdin".into()).spawn(move || read(&to, key)).context("start a thread")?;
        }
        Ok(HostInput { frames, terminal, started })
    }

    /// The options by which the module learns what it gets.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["--framed-stdin".to_owned()];
        // Without a terminal the module's input is a pipe, and a container has a terminal only if it is told.
        words.extend((!self.started && self.terminal.is_some()).then(|| "--tty".to_owned()));
        if let Some(size) = self.terminal.as_ref().and_then(|_| window()) {
            words.push(format!("--terminal={}x{}", size.rows, size.columns));
        }
        words
    }

    /// The module's standard input.
    ///
    /// # Errors
    /// If the process has too many open files.
    pub fn stream(&self) -> Result<PipeReader> {
        self.frames.try_clone().context("a pipe for standard input")
    }
}

impl Drop for HostInput {
    fn drop(&mut self) {
        // The thread has the mode too, and is never dropped.
        if let Some(mode) = &self.terminal {
            mode.leave();
        }
    }
}

/// The terminal's size, if it has one.
fn window() -> Option<WindowSize> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(WindowSize { rows: size.ws_row, columns: size.ws_col })
}

fn watch_terminal(mut signals: Signals, mode: &RawMode, to: &PipeWriter) {
    for signal in signals.forever() {
        if signal == CHECKPOINT_SIGNAL {
            // Without room it is lost; without a reader there is no program.
            let _ = send(to, &Frame::Checkpoint);
            continue;
        }
        if !matches!(signal, SIGWINCH | SIGCONT) {
            mode.suspend();
            // It comes back from a stop only. If the signal cannot be had again, it is as if it had not come.
            let _ = emulate_default_handler(signal);
        }
        if signal != SIGWINCH {
            // A terminal that is gone is seen by who reads it.
            let _ = mode.resume();
        }
        if let Some(size) = window() {
            // Without room it is lost; without a reader there is no program.
            let _ = send(to, &Frame::Resize(size));
        }
    }
}

fn pass_on(mut signals: Signals, saves: bool, to: &PipeWriter) {
    let mut asked = 0;
    for signal in signals.forever() {
        let ending = ENDING.contains(&signal);
        asked += usize::from(ending);
        let frame = match u8::try_from(signal) {
            _ if saves && signal == CHECKPOINT_SIGNAL => Frame::Checkpoint,
            number => Frame::Signal(number.unwrap_or_default()),
        };
        let lost = asked > PATIENCE || send(to, &frame).is_err();
        if ending && lost {
            // If the signal cannot be had again, it is as if it had not come.
            let _ = emulate_default_handler(signal);
        }
    }
}

/// Writes a frame if there is room for it now.
fn send(to: &PipeWriter, frame: &Frame<'_>) -> rustix::io::Result<()> {
    let bytes = frame.encode();
    rustix::io::retry_on_intr(|| rustix::io::write(to, &bytes)).map(drop)
}

/// Writes a frame as soon as there is room for it.
fn send_patiently(to: &PipeWriter, frame: &Frame<'_>) -> rustix::io::Result<()> {
    loop {
        match send(to, frame) {
            // An error leaves it to the write to fail.
            Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(to, PollFlags::OUT)], None)),
            sent => return sent,
        }
    }
}

/// Reads standard input to its end. What cannot be read is at its end. `key` asks for a checkpoint.
fn read(to: &PipeWriter, key: Option<u8>) {
    let mut buffer = [0; MAX_DATA];
    loop {
        let frames = match rustix::io::read(stdin(), &mut buffer) {
            Ok(0) => vec![Frame::End],
            Ok(length) => split(&buffer[..length], key),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                // Somebody who shares it made it not to block. An error leaves it to the read to fail.
                let _ = poll(&mut [PollFd::new(&stdin(), PollFlags::IN)], None);
                continue;
            }
            Err(_) => vec![Frame::End],
        };
        if frames.iter().any(|frame| send_patiently(to, frame).is_err() || *frame == Frame::End) {
            return;
        }
    }
}

/// Bytes of a terminal, with a checkpoint wherever its key is among them.
fn split(bytes: &[u8], key: Option<u8>) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    for (index, piece) in bytes.split(|&byte| Some(byte) == key).enumerate() {
        frames.extend((index > 0).then_some(Frame::Checkpoint));
        frames.extend((!piece.is_empty()).then_some(Frame::Data(piece)));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_no_input() {
        let data = Frame::Data;
        assert_eq!(split(b"ab\x1dc", None), [data(b"ab\x1dc")]);
        assert_eq!(split(b"ab\x1dc", Some(0x1d)), [data(b"ab"), Frame::Checkpoint, data(b"c")]);
        assert_eq!(split(b"\x1d\x1d", Some(0x1d)), [Frame::Checkpoint, Frame::Checkpoint]);
    }
}

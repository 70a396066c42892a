//! The loop that runs a resumed guest to its program's end.
//!
//! ```text
//!           ┌──────────────────────────────────────────────┐
//!  send ──► step ──► message: exit code, or failure         │
//!            ├─────► slice: host's clock, a glance at input ┤
//!            └─────► idle: wait for input or the next timer ┘
//! ```
//!
//! An idle guest waits in one poll of the host and uses no processor time; in deterministic mode it jumps to its next timer.

use super::checkpoint::{self, Checkpoint};
use super::console::Console;
use super::input::Input;
use super::pace::Pace;
use super::system::{Host, Sink};
use crate::devices::Stream;
use crate::session::{Event, Launch, Output, Session, SessionError, Standing};
use crate::snapshot::{self, Origin};
use channel::{ToGuest, ToHost};
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

/// Most instructions between two looks at the host.
const SLICE: u64 = 1_000_000;

/// The machine, as the loop sees it.
pub trait Guest {
    /// Runs until something happens.
    ///
    /// # Errors
    /// If the guest cannot go on.
    fn step(&mut self, output: &mut dyn Output) -> Result<Event, SessionError>;
    /// Where it is on its way.
    fn standing(&self) -> Standing;
    /// Writes the file of a snapshot of it as it is now.
    ///
    /// # Errors
    /// Those of `to`.
    fn write_snapshot(&mut self, to: &mut dyn Write) -> io::Result<()>;
    /// Sends a message to init.
    fn send(&mut self, message: &ToGuest);
    /// Bytes of standard input that the guest has room for.
    fn input_space(&self) -> usize;
    /// Gives standard input, at most as much as there is room for.
    fn push_input(&mut self, bytes: &[u8]);
    /// Ends standard input.
    fn close_input(&mut self);
    /// Tells the guest that nobody takes this output any more.
    fn close_output(&mut self, stream: Stream);
    /// The guest's clock, in nanoseconds.
    fn tsc(&self) -> u64;
    /// Moves the guest's clock forward; never back.
    fn advance_tsc(&mut self, tsc: u64);
    /// Its time is the host's from now on: nobody counts the instructions up to an interrupt.
    fn follow_host_time(&mut self);
}

impl Guest for Session {
    fn step(&mut self, output: &mut dyn Output) -> Result<Event, SessionError> {
        step(self, u64::MAX, output)
    }

    fn standing(&self) -> Standing {
        Session::standing(self)
    }

    fn write_snapshot(&mut self, mut to: &mut dyn Write) -> io::Result<()> {
        let origin = Origin::new([0; 32], &self.vm);
        snapshot::save(self, origin, &mut to)
    }

    fn send(&mut self, message: &ToGuest) {
        Session::send(self, message);
    }

    fn input_space(&self) -> usize {
        self.vm.devices.input_space(Stream::Stdin)
    }

    fn push_input(&mut self, bytes: &[u8]) {
        let taken = self.push(Stream::Stdin, bytes);
        debug_assert_eq!(taken, bytes.len(), "input beyond the stream's space");
    }

    fn close_input(&mut self) {
        self.close(Stream::Stdin);
    }

    fn close_output(&mut self, stream: Stream) {
        self.close(stream);
    }

    fn tsc(&self) -> u64 {
        self.vm.tsc()
    }

    fn advance_tsc(&mut self, tsc: u64) {
        self.vm.advance_tsc(tsc);
    }

    fn follow_host_time(&mut self) {
        self.vm.allow_overtime();
    }
}

/// [`Guest::step`] of a session, at most until `limit` instructions retired since reset.
///
/// # Errors
/// If the guest cannot go on.
pub(super) fn step(session: &mut Session, limit: u64, output: &mut dyn Output) -> Result<Event, SessionError> {
    // A guest that writes all the time comes back from its machine often, but from a step only at the limit.
    let event = session.step(limit.min(session.vm.retired().saturating_add(SLICE)), output)?;
    // The guest took what there was of a long message, and waits for the rest of it.
    let waits_for_message = !session.is_drained() && session.vm.devices.input_space(Stream::Config) > 0;
    Ok(if waits_for_message && matches!(event, Event::Idle(_)) { Event::Slice } else { event })
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The machine stopped.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Init could not go on.
    #[error("{0}")]
    Init(String),
    /// Init said what it must not say now.
    #[error("configuration channel: expected Exit or Failed, got {0:?}")]
    Message(ToHost),
    /// All of the guest waits, and there is neither a timer nor input left that could wake it.
    #[error("the guest waits for ever: it has no timer set and no input to come")]
    Stuck,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The program's, with this exit code.
    Exit(u8),
    /// The machine was saved.
    Saved,
}

/// How guest time goes on.
enum Time {
    /// With the instructions.
    Deterministic,
    /// With the host's clock.
    Real(Pace),
}

/// What a run is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// Guest time is the number of instructions.
    pub deterministic: bool,
    /// Standard input is at its end from the start.
    pub no_input: bool,
    /// Standard input is [frames](super::frames). Not in deterministic mode: frames come when they come.
    pub framed: bool,
    /// What the program gets in place of SIGTERM.
    pub stop_signal: u8,
    /// Where the machine is saved on request, and when without one. Not in deterministic mode.
    pub checkpoint: Option<Checkpoint>,
}

/// A run.
pub struct Drive<'a, 'h, G, H> {
    guest: &'a mut G,
    console: &'a mut Console<'h, H>,
    time: Time,
    input: Input,
    checkpoint: Option<Checkpoint>,
    idle: Duration,
}

impl<'a, 'h, G: Guest, H: Host> Drive<'a, 'h, G, H> {
    /// A run of a guest, wherever it is on its way.
    pub fn new(guest: &'a mut G, console: &'a mut Console<'h, H>, manner: Manner) -> Drive<'a, 'h, G, H> {
        let now = console.host.now();
        let time = if manner.deterministic {
            Time::Deterministic
        } else {
            guest.follow_host_time();
            Time::Real(Pace::new(guest.tsc(), now))
        };
        let mut input = Input::new(now, manner.framed.then_some(manner.stop_signal));
        if manner.no_input {
            input.close(guest);
        }
        Drive { guest, console, time, input, checkpoint: manner.checkpoint, idle: Duration::ZERO }
    }

    /// How long the run has waited for the host.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Runs the program to its end, or until the machine is saved. `word` is what init is told first: the program to start, or
    /// what is new for one that has started.
    ///
    /// # Errors
    /// [`Failure`] if it does not come to that.
    pub fn run(&mut self, word: Option<ToGuest>) -> Result<End, Failure> {
        let (mut launch, first) = Launch::begin(word, self.guest.standing());
        first.iter().for_each(|message| self.guest.send(message));
        loop {
            if let Time::Deterministic = self.time {
                self.input.fill(self.guest, self.console.host);
            }
            let event = self.guest.step(self.console)?;
            let closed = self.close_broken();
            match event {
                Event::Message(ToHost::Exit(code)) => return Ok(End::Exit(code)),
                Event::Message(ToHost::Failed(text)) => return Err(Failure::Init(text)),
                Event::Message(message) => match launch.answer(&message) {
                    Some(answer) => self.guest.send(&answer),
                    None => return Err(Failure::Message(message)),
                },
                Event::Slice | Event::Limit => self.busy(),
                Event::Idle(_) if closed => {}
                Event::Idle(deadline) => self.wait(deadline)?,
            }
            if self.saves() {
                return Ok(End::Saved);
            }
        }
    }

    /// Saves the machine if that is due. Whether the run is at its end with it; one that could not be saved goes on.
    fn saves(&mut self) -> bool {
        let requested = self.input.take_request();
        let Some(checkpoint) = &mut self.checkpoint else { return false };
        let now = self.console.host.now();
        let due = checkpoint.after.take_if(|after| *after <= now).is_some();
        if !requested && !due {
            return false;
        }
        let saved = checkpoint::write(&checkpoint.path, |to| self.guest.write_snapshot(to));
        let ends = saved.is_ok() && !checkpoint.leave_running;
        let mut text = match saved {
            Ok(()) => format!("prelift: saved to {}\n", checkpoint.path.display()),
            Err(error) => format!("prelift: {error}\n"),
        };
        if ends && self.input.waiting() > 0 {
            let lost = self.input.waiting();
            text.push_str(&format!(
                "prelift: {lost} bytes of standard input that the program had not taken are lost\n"
            ));
        }
        // If standard error cannot be written, there is nobody to tell.
        let _ = self.console.host.write(Sink::Stderr, text.as_bytes());
        ends
    }

    /// A pipe that nobody reads ends the guest's too, so that its program gets SIGPIPE. Whether there was one.
    fn close_broken(&mut self) -> bool {
        let broken = self.console.take_broken();
        let any = !broken.is_empty();
        for (stream, error) in broken {
            if error.kind() != ErrorKind::BrokenPipe {
                let text = format!("prelift: cannot write to {}: {error}\n", format!("{stream:?}").to_lowercase());
                // If standard error is the one that failed, there is nobody to tell.
                let _ = self.console.host.write(Sink::Stderr, text.as_bytes());
            }
            self.guest.close_output(stream);
        }
        any
    }

    /// Whether the machine is to be saved at a time to come.
    fn saves_later(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.after.is_some())
    }

    fn busy(&mut self) {
        let Time::Real(pace) = self.time else { return };
        let now = self.console.host.now();
        self.guest.advance_tsc(pace.tsc(now));
        self.input.glance(self.guest, self.console.host, now);
    }

    fn wait(&mut self, deadline: Option<u64>) -> Result<(), Failure> {
        if self.input.deliver(self.guest) {
            return Ok(());
        }
        match (&self.time, deadline) {
            (Time::Deterministic, Some(deadline)) => self.guest.advance_tsc(deadline),
            (_, None) if !self.input.wanted(self.guest) && !self.saves_later() => return Err(Failure::Stuck),
            (Time::Deterministic, None) => {}
            (&Time::Real(pace), deadline) => {
                let host = &mut *self.console.host;
                let before = host.now();
                let timer = deadline.map(|deadline| pace.until(deadline, before));
                let checkpoint = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.after);
                let checkpoint = checkpoint.map(|after| after.saturating_sub(before));
                let timeout = timer.into_iter().chain(checkpoint).min();
                self.input.wait(self.guest, host, before, timeout);
                let after = host.now();
                self.idle += after.saturating_sub(before);
                self.guest.advance_tsc(pace.tsc(after));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
mod tests;

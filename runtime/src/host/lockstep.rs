//! The machine at fixed counts of retired instructions: digests, to compare translated code with the interpreter, and a
//! snapshot of a run under way.
//!
//! In deterministic mode both must be in the same state after the same number of instructions (DESIGN.md, decision 7).
//! [`Lockstep`] stops the guest at each multiple of a step and notes a line:
//!
//! ```text
//! state INSTRUCTIONS rip=ADDRESS machine=DIGEST ram=DIGEST
//! ```
//!
//! `machine` is the XXH3 (64 bits) of processor and devices as a snapshot has them, so RFLAGS is one word, whoever set its
//! flags; `ram` that of the pages that are not zero, with their numbers. Nobody has an interest in a collision, and all of RAM is
//! read at each line: a cryptographic digest took most of the time.
//!
//! A snapshot is a file as `prelift snapshot` writes it.

use super::checkpoint::{self, SaveError};
use super::drive::{Guest, step};
use super::options::Options;
use crate::devices::Stream;
use crate::memory::PAGE;
use crate::session::{Event, Output, Session, SessionError, Standing};
use crate::snapshot::{self, Origin, Writer};
use channel::ToGuest;
use std::hash::Hasher as _;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::PathBuf;
use twox_hash::XxHash3_64;

/// When digests are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// At each multiple of this many instructions since reset.
    pub every: NonZeroU64,
    /// None before this many.
    pub from: u64,
}

/// Where a snapshot of the run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveAt {
    /// After this many instructions since reset.
    pub retired: u64,
    /// The file.
    pub path: PathBuf,
}

/// A session that is stopped at fixed counts.
pub struct Lockstep<'a> {
    session: &'a mut Session,
    origin: Origin,
    digests: Option<Digests>,
    next: u64,
    lines: Vec<String>,
    save: Option<SaveAt>,
    saved: Result<(), SaveError>,
}

impl<'a> Lockstep<'a> {
    /// A session that is stopped for digests, and once for a snapshot, or never.
    pub fn new(session: &'a mut Session, origin: Origin, options: &Options) -> Lockstep<'a> {
        let (digests, save) = (options.digests, options.save.clone());
        let next = digests.map_or(u64::MAX, |points| {
            let after = session.vm.retired().max(points.from.saturating_sub(1));
            (after / points.every).saturating_add(1).saturating_mul(points.every.get())
        });
        Lockstep { session, origin, digests, next, lines: Vec::new(), save, saved: Ok(()) }
    }

    /// The lines so far, and one for the state now.
    ///
    /// # Errors
    /// If the snapshot could not be written, or the run ended before it was due.
    pub fn finish(mut self) -> (Vec<String>, Result<(), SaveError>) {
        if self.digests.is_some() {
            self.lines.push(describe(self.session));
        }
        if let Some(SaveAt { path, retired }) = self.save {
            let error = io::Error::other(format!("the run ended before {retired} instructions"));
            self.saved = Err(SaveError { path, error });
        }
        (self.lines, self.saved)
    }

    /// The count to stop at.
    fn limit(&self) -> u64 {
        self.save.as_ref().map_or(self.next, |save| self.next.min(save.retired))
    }

    fn save(&mut self) {
        let retired = self.session.vm.retired();
        if let Some(SaveAt { path, .. }) = self.save.take_if(|save| save.retired <= retired) {
            self.saved = checkpoint::write(&path, |to| self.write_snapshot(to));
        }
    }

    fn note(&mut self) {
        let Some(points) = self.digests else { return };
        while self.session.vm.retired() >= self.next {
            self.lines.push(describe(self.session));
            self.next = self.next.saturating_add(points.every.get());
        }
    }
}

/// The line of a state. Allocates next to nothing: a module's heap is small beside its RAM.
fn describe(session: &Session) -> String {
    let vm = &session.vm;
    let mut machine = Writer::default();
    vm.save_state(&mut machine);
    let mut ram = XxHash3_64::new();
    for number in 0..vm.memory.ram_pages() {
        let page = vm.memory.ram_page(number);
        let Some(place) = vm.memory.place(page) else { continue };
        let bytes = vm.memory.bytes(place, PAGE);
        if bytes.iter().any(|&byte| byte != 0) {
            ram.write(&page.0.to_le_bytes());
            ram.write(bytes);
        }
    }
    let (machine, ram) = (XxHash3_64::oneshot(&machine.into_bytes()), ram.finish());
    format!("state {} rip={:#x} machine={machine:016x} ram={ram:016x}", vm.retired(), vm.cpu.rip)
}

impl Guest for Lockstep<'_> {
    fn standing(&self) -> Standing {
        self.session.standing()
    }

    fn step(&mut self, output: &mut dyn Output) -> Result<Event, SessionError> {
        let event = step(self.session, self.limit(), output)?;
        self.note();
        self.save();
        Ok(event)
    }

    fn write_snapshot(&mut self, mut to: &mut dyn Write) -> io::Result<()> {
        snapshot::save(self.session, self.origin, &mut to)
    }

    fn send(&mut self, message: &ToGuest) {
        Guest::send(self.session, message);
    }

    fn input_space(&self) -> usize {
        self.session.input_space()
    }

    fn push_input(&mut self, bytes: &[u8]) {
        self.session.push_input(bytes);
    }

    fn close_input(&mut self) {
        self.session.close_input();
    }

    fn close_output(&mut self, stream: Stream) {
        self.session.close_output(stream);
    }

    fn tsc(&self) -> u64 {
        Guest::tsc(self.session)
    }

    fn advance_tsc(&mut self, tsc: u64) {
        Guest::advance_tsc(self.session, tsc);
    }

    fn follow_host_time(&mut self) {
        self.session.follow_host_time();
    }
}

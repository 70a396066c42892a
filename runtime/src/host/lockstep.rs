//! Digests of the machine at fixed counts of retired instructions, to compare translated code with the interpreter.
//!
//! In deterministic mode both must be in the same state after the same number of instructions (DESIGN.md, decision 7).
//! [`Lockstep`] stops the guest at each multiple of a step and notes a line:
//!
//! ```text
//! state INSTRUCTIONS rip=ADDRESS machine=DIGEST ram=DIGEST
//! ```
//!
//! `machine` is the SHA-256 of processor and devices as a snapshot has them, so RFLAGS is one word, whoever set its
//! flags; `ram` that of the pages that are not zero, with their numbers. Both are cut to 64 bits.

use super::drive::{Guest, step};
use crate::devices::{Gpa, Stream};
use crate::memory::PAGE;
use crate::session::{Event, Output, Session, SessionError};
use crate::snapshot::Writer;
use channel::ToGuest;
use sha2::{Digest, Sha256};
use std::num::NonZeroU64;

/// When digests are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// At each multiple of this many instructions since reset.
    pub every: NonZeroU64,
    /// None before this many.
    pub from: u64,
}

/// A session that notes digests of its state.
pub struct Lockstep<'a> {
    session: &'a mut Session,
    checkpoints: Option<Checkpoints>,
    next: u64,
    lines: Vec<String>,
}

impl<'a> Lockstep<'a> {
    /// A session that is stopped at checkpoints, or at none.
    pub fn new(session: &'a mut Session, checkpoints: Option<Checkpoints>) -> Lockstep<'a> {
        let next = checkpoints.map_or(u64::MAX, |points| {
            let after = session.vm.retired().max(points.from.saturating_sub(1));
            (after / points.every).saturating_add(1).saturating_mul(points.every.get())
        });
        Lockstep { session, checkpoints, next, lines: Vec::new() }
    }

    /// The lines so far, and one for the state now.
    pub fn finish(mut self) -> Vec<String> {
        if self.checkpoints.is_some() {
            self.lines.push(describe(self.session));
        }
        self.lines
    }

    fn note(&mut self) {
        let Some(points) = self.checkpoints else { return };
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
    let mut ram = Sha256::new();
    for page in (0..vm.memory.ram_size()).step_by(PAGE) {
        let Some(place) = vm.memory.place(Gpa(page)) else { continue };
        let bytes = vm.memory.bytes(place, PAGE);
        if bytes.iter().any(|&byte| byte != 0) {
            ram.update(page.to_le_bytes());
            ram.update(bytes);
        }
    }
    let (machine, ram) = (short(Sha256::digest(machine.into_bytes())), short(ram.finalize()));
    format!("state {} rip={:#x} machine={machine:016x} ram={ram:016x}", vm.retired(), vm.cpu.rip)
}

/// The first 64 bits of a digest.
fn short(digest: impl AsRef<[u8]>) -> u64 {
    digest.as_ref().iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

impl Guest for Lockstep<'_> {
    fn has_run(&self) -> bool {
        self.session.has_run()
    }

    fn step(&mut self, output: &mut dyn Output) -> Result<Event, SessionError> {
        let event = step(self.session, self.next, output)?;
        self.note();
        Ok(event)
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
}

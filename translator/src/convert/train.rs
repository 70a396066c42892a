//! Training: the program runs once, natively and deterministically, and what runs is recorded. Before it init uses what the kernel
//! offers ([`Rehearsal`]), since other programs than this one will.

use super::guest::Guest;
use super::rehearsal::Rehearsal;
use crate::image::ImageConfig;
use anyhow::{Context, Result, bail};
use channel::{Start, ToHost};
use runtime::devices::Stream;
use runtime::profile::Profile;
use runtime::session::{Event, Launch, Output, Session};

/// How to train.
#[derive(Debug, Clone, Default)]
pub struct Training {
    /// Replaces the image's entrypoint and command.
    pub command: Option<Vec<String>>,
    /// Standard input.
    pub stdin: Vec<u8>,
    /// Instructions after which it ends; 4,000,000,000 where absent.
    pub limit: Option<u64>,
}

/// Instructions that a training run may take.
const DEFAULT_LIMIT: u64 = 4_000_000_000;
/// Wall-clock time of training runs: fixed, so that they repeat.
const EPOCH_NS: u64 = 1_700_000_000_000_000_000;

/// Runs the program and records a profile. It ends when the program does, when the guest waits for input that does not
/// come, or at the limit. Beside the profile it says what is to be known of the run, if it did not end well.
///
/// # Errors
/// If the guest fails.
pub fn train(guest: &Guest, training: &Training) -> Result<(Profile, Option<String>)> {
    let rehearsal = Rehearsal::begin()?;
    let mut session = guest.session_with(rehearsal.backends()?)?;
    rehearsal.put_layer_in(&mut session.vm.devices)?;
    let own = start_message(&guest.root.image.config, training.command.as_deref());
    let start = Start { rehearsal: true, directories: rehearsal.directories(), ..own };
    let limit = session.vm.retired() + training.limit.unwrap_or(DEFAULT_LIMIT);
    session.vm.start_profile();
    let mut output = Tail::default();
    let why = match run(&mut session, start, &training.stdin, limit, &mut output)? {
        Some(0) => None,
        Some(code) => Some(format!("ended with exit code {code}")),
        None if session.vm.retired() >= limit => {
            Some("was cut short at its limit of instructions (--train-limit)".into())
        }
        None => Some("was cut short: the guest waits for input that does not come".into()),
    };
    let note = why.map(|why| format!("the training run {why}; {}", last_words(&output.0)));
    let profile = session.vm.take_profile().context("the profile that was started")?;
    Ok((guest.located(profile)?, note))
}

/// What the guest is told to run: `command`, else what the image's configuration says.
pub fn start_message(config: &ImageConfig, command: Option<&[String]>) -> Start {
    let own = || config.entrypoint.iter().chain(&config.cmd).cloned().collect();
    Start {
        id: "prelift".into(),
        args: command.map_or_else(own, <[String]>::to_vec),
        env: config.env.clone(),
        cwd: if config.working_dir.is_empty() { "/".into() } else { config.working_dir.clone() },
        user: config.user.clone(),
        hostname: if config.hostname.is_empty() { "prelift".into() } else { config.hostname.clone() },
        volumes: config.volumes.iter().cloned().collect(),
        wall_clock_ns: EPOCH_NS,
        seed: vec![0x5a; 32],
        ..Start::default()
    }
}

/// Answers what init says of a program that starts.
///
/// # Errors
/// If init failed, or says what belongs to no start.
pub(super) fn answer(session: &mut Session, launch: &mut Launch, message: &ToHost) -> Result<()> {
    if let ToHost::Failed(reason) = message {
        bail!("the guest's init: {reason}");
    }
    let unexpected = || format!("the guest's init said {message:?}: expected the program's end");
    let answer = launch.answer(message).with_context(unexpected)?;
    session.send(&answer);
    Ok(())
}

/// Bytes of a program's last words that are shown.
const SHOWN: usize = 200;

/// The end of what a program wrote, as a clause.
pub(super) fn last_words(wrote: &[u8]) -> String {
    let last = &wrote[wrote.len().saturating_sub(SHOWN)..];
    format!("it last said: {}", String::from_utf8_lossy(last).trim())
}

/// The last of what the program wrote.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Output for Tail {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Stdout || stream == Stream::Stderr {
            self.0.extend_from_slice(bytes);
            self.0.drain(..self.0.len().saturating_sub(SHOWN));
        }
    }
}

/// A program's standard input, which ends.
struct Input<'a> {
    rest: &'a [u8],
    closed: bool,
}

impl Input<'_> {
    /// Gives what the guest has room for, and at last the end. Whether there was something to give.
    fn give(&mut self, session: &mut Session) -> bool {
        if self.closed {
            return false;
        }
        let taken = session.push(Stream::Stdin, self.rest);
        self.rest = &self.rest[taken..];
        if self.rest.is_empty() {
            session.close(Stream::Stdin);
            self.closed = true;
        }
        taken > 0 || self.closed
    }
}

/// Runs a program deterministically to its end, to idleness or to the limit; its exit code if it ended.
///
/// # Errors
/// If the guest fails.
fn run(session: &mut Session, start: Start, stdin: &[u8], limit: u64, output: &mut dyn Output) -> Result<Option<u8>> {
    let mut launch = session.launch(start);
    let mut input = Input { rest: stdin, closed: false };
    let mut waits = false;
    loop {
        if !input.give(session) && waits {
            return Ok(None);
        }
        waits = false;
        match session.step(limit, output)? {
            Event::Message(ToHost::Exit(code)) => return Ok(Some(code)),
            Event::Message(message) => answer(session, &mut launch, &message)?,
            Event::Idle(Some(deadline)) => session.vm.advance_tsc(deadline),
            Event::Idle(None) => waits = true,
            Event::Limit => return Ok(None),
            Event::Slice => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::cpu::state::SegmentRegister;
    use runtime::devices::{Backends, Gpa};
    use runtime::memory::Memory;
    use runtime::vm::Vm;
    use x86::Segment;

    const HLT: u64 = 0xf4;
    /// Present, writable, a large page.
    const LARGE: u64 = 0x83;

    /// A machine that halts in its first instruction, with interrupts off: it takes no input, and has no timer.
    fn halting() -> Session {
        let mut vm = Vm::new(Memory::new(2 << 20, 0).unwrap(), 0, Backends::default());
        // The instruction; page tables.
        for (gpa, word) in [(0, HLT), (0x1000, 0x2000 | 3), (0x2000, 0x3000 | 3), (0x3000, LARGE)] {
            let place = vm.memory.place(Gpa(gpa)).unwrap();
            vm.memory.bytes_mut(place, 8).copy_from_slice(&word.to_le_bytes());
        }
        (vm.cpu.cr0, vm.cpu.cr3, vm.cpu.cr4, vm.cpu.efer, vm.cpu.cpl) = (0x8005_0033, 0x1000, 0x20, 0x500, 0);
        for (segment, (selector, rights)) in [(Segment::Cs, (0x10, 0xa09b)), (Segment::Ss, (0x18, 0xc093))] {
            vm.cpu.segments[segment as usize] = SegmentRegister { selector, rights, limit: u32::MAX, base: 0 };
        }
        vm.cpu.rip = 0;
        vm.start();
        Session::new(vm)
    }

    #[test]
    fn a_guest_that_takes_no_more_input_ends_its_training() {
        for size in [0, 1, 1 << 20] {
            let mut session = halting();
            let code = run(&mut session, Start::default(), &vec![0; size], 1000, &mut Tail::default()).unwrap();
            assert_eq!((code, session.vm.retired()), (None, 1), "{size}");
        }
    }

    #[test]
    fn last_words_are_the_end() {
        let mut tail = Tail::default();
        for text in ["first", &"x".repeat(SHOWN), "last \n"] {
            tail.write(Stream::Stdout, text.as_bytes());
            tail.write(Stream::Serial, b"kernel");
        }
        assert_eq!(last_words(&tail.0), format!("it last said: {}last", "x".repeat(SHOWN - 6)));
    }
}

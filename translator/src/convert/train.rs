//! Training: the program runs once, natively and deterministically, and what runs is recorded. Before it init uses what the kernel
//! offers ([`Rehearsal`]), since other programs than this one will.

use super::guest::Guest;
use super::rehearsal::Rehearsal;
use crate::image::ImageConfig;
use anyhow::{Context, Result, bail};
use channel::{Start, ToHost};
use runtime::devices::Stream;
use runtime::profile::Profile;
use runtime::session::{Event, Output, Session};

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
    let note = why.map(|why| format!("the training run {why}; it last said: {}", output.text()));
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

/// The last of what the program wrote.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    const MOST: usize = 200;

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}

impl Output for Tail {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Stdout || stream == Stream::Stderr {
            self.0.extend_from_slice(bytes);
            self.0.drain(..self.0.len().saturating_sub(Self::MOST));
        }
    }
}

/// Runs a program deterministically to its end, to idleness or to the limit; its exit code if it ended.
///
/// # Errors
/// If the guest fails.
fn run(session: &mut Session, start: Start, stdin: &[u8], limit: u64, output: &mut dyn Output) -> Result<Option<u8>> {
    let mut launch = session.launch(start);
    let mut rest = stdin;
    let mut closed = false;
    loop {
        if !closed {
            let taken = session.push(Stream::Stdin, rest);
            rest = &rest[taken..];
            if rest.is_empty() {
                session.close(Stream::Stdin);
                closed = true;
            }
        }
        match session.step(limit, output)? {
            Event::Message(ToHost::Exit(code)) => return Ok(Some(code)),
            Event::Message(ToHost::Failed(reason)) => bail!("the guest's init: {reason}"),
            Event::Message(message) => match launch.answer(&message) {
                Some(answer) => session.send(&answer),
                None => bail!("the guest's init said {message:?}: expected the program's end"),
            },
            Event::Idle(Some(deadline)) => session.vm.advance_tsc(deadline),
            Event::Idle(None) if !closed => {}
            Event::Idle(None) | Event::Limit => return Ok(None),
            Event::Slice => {}
        }
    }
}

//! The snapshot of a program that has started: taken where it waits, or has said what it was to say.
//!
//! The program runs natively and deterministically, without input. What it writes on the way is kept in the snapshot, and
//! written by each run that goes on from it. Of the new run it gets time, random numbers, standard input and signals; its
//! arguments, variables, user and directories are those that it was started with.

use super::guest::Guest;
use super::train::{answer, last_words, start_message};
use crate::image::ImageConfig;
use anyhow::{Context, Result, bail, ensure};
use channel::{Start, ToHost, WindowSize};
use runtime::devices::Stream;
use runtime::profile::Profile;
use runtime::session::{Event, Output, Session};
use runtime::snapshot::Snapshot;

/// Where a program is to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrypoint {
    /// Replaces the image's entrypoint and command.
    pub command: Option<Vec<String>>,
    /// The program has a terminal; else pipes.
    pub terminal: bool,
    /// When it is there.
    pub until: Until,
}

/// What tells that a program is where it is to be found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Until {
    /// It waits.
    #[default]
    Waits,
    /// It has written this.
    Says(String),
    /// Something listens on this TCP port.
    Listens(u16),
}

/// Instructions that it may take to get there.
const LIMIT: u64 = 20_000_000_000;
/// A program waits when nothing but the kernel's own timers has happened for so long, in nanoseconds,
const WAIT: u64 = 1_000_000_000;
/// which take no more instructions in that time than this.
const HOUSEKEEPING: u64 = WAIT / 200;
/// Most bytes that it may write on the way.
const MOST_OUTPUT: usize = 1 << 20;
/// The terminal's size, until a run has another.
const WINDOW: WindowSize = WindowSize { rows: 24, columns: 80 };

impl Guest {
    /// Runs the program, in a guest that waits for one, up to where it is to be found. The guest's snapshot is that
    /// place then. What ran on the way is recorded: among it may be code that the program made itself.
    ///
    /// # Errors
    /// If the program ends before, says too much, or does not get there.
    pub fn advance(&mut self, to: &Entrypoint) -> Result<Profile> {
        let mut session = self.session()?;
        session.vm.start_profile();
        let limit = session.vm.retired() + LIMIT;
        let mut spoken = Spoken::default();
        let reached = reach(&mut session, start(&self.root.image.config, to), to, limit, &mut spoken);
        reached.map_err(|error| error.context(spoken.report()))?;
        session.withhold(spoken.pieces);
        let profile = session.vm.take_profile_to_go_on().context("the profile that was started")?;
        self.snapshot = Snapshot::of(&mut session, self.snapshot.header.origin);
        self.located(profile)
    }
}

fn start(config: &ImageConfig, to: &Entrypoint) -> Start {
    let listens = if let Until::Listens(port) = to.until { Some(port) } else { None };
    Start { terminal: to.terminal.then_some(WINDOW), listens, ..start_message(config, to.command.as_deref()) }
}

fn reach(session: &mut Session, start: Start, to: &Entrypoint, limit: u64, spoken: &mut Spoken) -> Result<()> {
    let mut launch = session.launch(start);
    let mut calm = Calm::of(session, spoken);
    loop {
        match session.step(limit, spoken)? {
            Event::Message(ToHost::Exit(code)) => bail!("it ended, with exit code {code}"),
            Event::Message(ToHost::Listening) => return Ok(()),
            Event::Message(message) => answer(session, &mut launch, &message)?,
            Event::Idle(timer) => match (timer, &to.until) {
                (_, Until::Waits) if calm.lasts(session, spoken) => return Ok(()),
                (Some(timer), _) => session.vm.advance_tsc(timer),
                (None, Until::Waits) => return Ok(()),
                (None, Until::Says(text)) => bail!("it waits, and has not said {text:?}"),
                (None, Until::Listens(port)) => bail!("it waits, and does not listen on port {port}"),
            },
            Event::Limit => bail!("it ran for {LIMIT} instructions"),
            Event::Slice => {}
        }
        ensure!(spoken.size() <= MOST_OUTPUT, "it wrote more than {MOST_OUTPUT} bytes");
        if let Until::Says(text) = &to.until
            && spoken.have(text.as_bytes())
        {
            return Ok(());
        }
    }
}

/// A time in which little happens.
struct Calm {
    since: u64,
    retired: u64,
    said: usize,
}

impl Calm {
    fn of(session: &Session, spoken: &Spoken) -> Calm {
        Calm { since: session.vm.tsc(), retired: session.vm.retired(), said: spoken.size() }
    }

    /// Whether it has lasted long enough; it begins anew where something happened.
    fn lasts(&mut self, session: &Session, spoken: &Spoken) -> bool {
        let now = Calm::of(session, spoken);
        if now.said != self.said || now.retired - self.retired > HOUSEKEEPING {
            *self = now;
            return false;
        }
        now.since.saturating_sub(self.since) >= WAIT
    }
}

/// What the program wrote, in order.
#[derive(Default)]
struct Spoken {
    pieces: Vec<(Stream, Vec<u8>)>,
}

impl Spoken {
    fn size(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether a stream has this text.
    fn have(&self, text: &[u8]) -> bool {
        [Stream::Stdout, Stream::Stderr].into_iter().any(|stream| {
            let pieces = self.pieces.iter().filter(|(of, _)| *of == stream);
            let all: Vec<u8> = pieces.flat_map(|(_, bytes)| bytes).copied().collect();
            memchr::memmem::find(&all, text).is_some()
        })
    }

    /// Where the program did not get, and its last words.
    fn report(&self) -> String {
        let all: Vec<u8> = self.pieces.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        format!("the program did not get to where its snapshot is taken; {}", last_words(&all))
    }
}

impl Output for Spoken {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        match self.pieces.last_mut() {
            _ if stream != Stream::Stdout && stream != Stream::Stderr => {}
            Some((last, all)) if *last == stream => all.extend_from_slice(bytes),
            _ => self.pieces.push((stream, bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_kept_in_order() {
        let mut spoken = Spoken::default();
        for (stream, text) in [
            (Stream::Stdout, "re"),
            (Stream::Serial, "x"),
            (Stream::Stdout, "a"),
            (Stream::Stderr, "!"),
            (Stream::Stdout, "dy"),
        ] {
            spoken.write(stream, text.as_bytes());
        }
        let piece = |stream, text: &str| (stream, text.as_bytes().to_vec());
        let expected = [piece(Stream::Stdout, "rea"), piece(Stream::Stderr, "!"), piece(Stream::Stdout, "dy")];
        assert_eq!((spoken.pieces.as_slice(), spoken.size()), (&expected[..], 6));
        assert!(spoken.have(b"ready") && spoken.have(b"!") && !spoken.have(b"rea!") && !spoken.have(b"x"));
        assert!(spoken.report().ends_with("it last said: rea!dy"));
    }
}

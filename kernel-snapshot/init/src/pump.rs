//! The loop that runs while the program does: streams, messages from the host, and the program's end.

use crate::container::Program;
use crate::flow::{Flow, State, wait};
use crate::host::Host;
use crate::streams::Streams;
use crate::terminal::Terminal;
use crate::{clock, entropy, network};
use anyhow::Result;
use channel::{ToGuest, ToHost};
use rustix::event::{PollFd, PollFlags};
use rustix::time::Timespec;

/// How often the port that is to be listened on is looked at.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// The running program and everything that is connected to it.
pub(crate) struct Pump {
    program: Program,
    input: Option<Flow>,
    outputs: Vec<Flow>,
    terminal: Option<Terminal>,
    /// The port of which the host is to be told when something listens on it.
    listens: Option<u16>,
}

impl Pump {
    /// Connects the ports with the terminal, or with the pipes where there is none.
    pub(crate) fn new(program: Program, ports: Streams, pipes: Streams, terminal: Option<Terminal>) -> Result<Pump> {
        let (input, outputs) = match &terminal {
            Some(terminal) => (
                Flow::into_terminal("stdin", ports.stdin, terminal.master()?),
                vec![Flow::new("stdout", terminal.master()?, ports.stdout)],
            ),
            None => (
                Flow::new("stdin", ports.stdin, pipes.stdin),
                vec![Flow::new("stdout", pipes.stdout, ports.stdout), Flow::new("stderr", pipes.stderr, ports.stderr)],
            ),
        };
        Ok(Pump { program, input: Some(input), outputs, terminal, listens: None })
    }

    /// Tells the host when something listens on this TCP port.
    pub(crate) fn announcing(self, listens: Option<u16>) -> Pump {
        Pump { listens, ..self }
    }

    /// Pumps until the program has ended and its output is written; returns its exit code.
    pub(crate) fn run(mut self, host: &mut Host) -> Result<u8> {
        loop {
            let ready = self.wait_for_events(host)?;
            if ready.ended {
                return self.finish();
            }
            self.move_bytes(&ready)?;
            if let Some(port) = self.listens
                && network::listens(self.program.pid(), port)?
            {
                host.send(&ToHost::Listening)?;
                self.listens = None;
            }
            if ready.messages {
                for message in host.arrived()? {
                    self.obey(message)?;
                }
            }
        }
    }

    fn wait_for_events(&self, host: &Host) -> Result<Ready> {
        let mut polled = vec![PollFd::new(self.program.end(), PollFlags::IN)];
        polled.extend(self.input.iter().chain(&self.outputs).map(Flow::interest));
        polled.extend(host.source().map(|port| PollFd::from_borrowed_fd(port, PollFlags::IN)));
        wait(&mut polled, self.listens.map(|_| &LOOK))?;
        let mut events = polled.iter().map(PollFd::revents);
        Ok(Ready {
            ended: events.next().is_some_and(|event| !event.is_empty()),
            input: self.input.as_ref().and_then(|_| events.next()),
            outputs: events.by_ref().take(self.outputs.len()).collect(),
            messages: events.next().is_some_and(|event| !event.is_empty()),
        })
    }

    fn move_bytes(&mut self, ready: &Ready) -> Result<()> {
        let input = self.input.iter_mut().zip(ready.input);
        let outputs = self.outputs.iter_mut().zip(ready.outputs.iter().copied());
        let mut finished = Vec::new();
        for (flow, event) in input.chain(outputs) {
            finished.push(!event.is_empty() && flow.advance(event)? == State::Finished);
        }
        let mut finished = finished.into_iter();
        self.input = self.input.take().filter(|_| finished.next() != Some(true));
        self.outputs.retain(|_| finished.next() != Some(true));
        Ok(())
    }

    fn obey(&self, message: ToGuest) -> Result<()> {
        match (message, &self.terminal) {
            (ToGuest::Signal(signal), _) => self.program.signal(signal),
            (ToGuest::Resize(size), Some(terminal)) => terminal.resize(size),
            (ToGuest::Resize(_), None) => Ok(()),
            (ToGuest::Resumed(resumed), terminal) => {
                clock::set(resumed.wall_clock_ns)?;
                entropy::reseed(&resumed.seed)?;
                resumed.terminal.iter().zip(terminal).try_for_each(|(&size, terminal)| terminal.resize(size))
            }
            (other, _) => anyhow::bail!("configuration channel: {other:?} while the program runs"),
        }
    }

    /// All processes of the container are gone, since their namespace went with its first process.
    fn finish(self) -> Result<u8> {
        let code = self.program.exit_code()?;
        drop((self.input, self.terminal));
        self.outputs.into_iter().try_for_each(Flow::drain)?;
        Ok(code)
    }
}

/// What one poll found.
struct Ready {
    ended: bool,
    input: Option<PollFlags>,
    outputs: Vec<PollFlags>,
    messages: bool,
}

//! A running guest as its host sees it: messages of the configuration channel, bytes of the streams, and idleness.
//!
//! Whoever embeds the machine (the boot that makes snapshots, training, the shipped module) drives a [`Session`] step by
//! step, and decides what an idle guest does: jump to its next timer, or wait for the host.

use crate::devices::{Backends, Stream};
use crate::memory::{ImageError, Memory};
use crate::snapshot::codec::{CodecError, Field, Reader, Writer};
use crate::vm::{Pause, Vm};
use channel::{Directory, Start, ToGuest, ToHost};
use serde::{Deserialize, Serialize};

/// Version of the section that [`Session::save`] writes.
const VERSION: u16 = 3;

/// Takes the guest's output.
pub trait Output {
    /// Bytes that the guest wrote to a stream, in order.
    fn write(&mut self, stream: Stream, bytes: &[u8]);
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// Init says something.
    Message(ToHost),
    /// The guest waits for an interrupt, or for its timer at this TSC tick.
    Idle(Option<u64>),
    /// Some instructions ran.
    Slice,
    /// The instruction limit was reached.
    Limit,
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Triple fault or kernel panic.
    #[error(
        "the guest shut down after {0} instructions (a triple fault, which is also how its kernel ends after a panic)"
    )]
    Shutdown(u64),
    /// The guest asked for a restart.
    #[error("the guest asked for a restart after {0} instructions")]
    Reset(u64),
    /// A message of init that cannot be read.
    #[error("configuration channel: {0}")]
    Channel(#[from] std::io::Error),
    /// A part of the image that the guest needs cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Where a machine is on its way to its program's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// At the kernel's first instruction: it boots, and init speaks first.
    PowerUp,
    /// Init waits for [`ToGuest::Start`].
    Waiting,
    /// Init was told what to run: the snapshot was taken in the middle of a run, which goes on as it was started.
    Started,
}

/// What a run has to go on with that was saved while its program ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its standard streams.
    pub streams: StreamKind,
    /// Its first working directory.
    pub cwd: String,
    /// The directories of the host that it has, in the order of their indices.
    pub directories: Vec<Directory>,
}

/// What the standard streams of a program that has started are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Three pipes.
    Pipes,
    /// A terminal.
    Terminal,
}

impl Program {
    fn of(start: &Start) -> Program {
        let streams = if start.terminal.is_some() { StreamKind::Terminal } else { StreamKind::Pipes };
        Program { streams, cwd: start.cwd.clone(), directories: start.directories.clone() }
    }
}

impl Field for Program {
    fn save(&self, to: &mut Writer) {
        to.field(&self.streams);
        to.bytes(self.cwd.as_bytes());
        to.field(&(self.directories.len() as u32));
        for Directory { path, read_only } in &self.directories {
            to.bytes(path.as_bytes());
            to.field(read_only);
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (streams, cwd) = (from.field()?, text(from)?);
        let mut directories = Vec::new();
        for _ in 0..from.field::<u32>()? {
            directories.push(Directory { path: text(from)?, read_only: from.field()? });
        }
        Ok(Program { streams, cwd, directories })
    }
}

fn text(from: &mut Reader<'_>) -> Result<String, CodecError> {
    let text = std::str::from_utf8(from.bytes()?).map(str::to_owned);
    from.check(text.is_ok(), "UTF-8")?;
    Ok(text.unwrap_or_default())
}

/// Whether it is a terminal.
impl Field for StreamKind {
    fn save(&self, to: &mut Writer) {
        to.field(&(*self == StreamKind::Terminal));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(if from.field()? { StreamKind::Terminal } else { StreamKind::Pipes })
    }
}

/// The way of a machine to its program, from wherever it was when its snapshot was taken: what init is told, and when.
#[derive(Debug)]
pub struct Launch(Option<ToGuest>);

impl Launch {
    /// What is to be said first. `word` starts the program, or is what one that has started is told when its machine goes on.
    pub fn begin(word: Option<ToGuest>, standing: Standing) -> (Launch, Option<ToGuest>) {
        match standing {
            Standing::PowerUp => (Launch(word), None),
            Standing::Waiting | Standing::Started => (Launch(None), word),
        }
    }

    /// The answer to what init says on its way; none to what belongs to a program that runs.
    pub fn answer(&mut self, message: &ToHost) -> Option<ToGuest> {
        match message {
            ToHost::Booted if self.0.is_some() => Some(ToGuest::Prepare),
            ToHost::Ready => self.0.take(),
            _ => None,
        }
    }
}

/// A machine and the host's end of its channel.
pub struct Session {
    /// The machine.
    pub vm: Vm,
    from_guest: Vec<u8>,
    to_guest: Vec<u8>,
    program: Option<Program>,
    /// What the program wrote before the machine was saved, for whoever goes on with it.
    withheld: Vec<(Stream, Vec<u8>)>,
}

impl Session {
    /// Where the machine is on its way.
    pub fn standing(&self) -> Standing {
        match self.program {
            Some(_) => Standing::Started,
            None if self.vm.retired() == 0 => Standing::PowerUp,
            None => Standing::Waiting,
        }
    }

    /// The program, once init was told what to run.
    pub fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Tells init to start a program, unless one has started; [`Launch::answer`] says what to answer on the way there.
    pub fn launch(&mut self, start: Start) -> Launch {
        let start = self.program.is_none().then(|| ToGuest::Start(Box::new(start)));
        let (launch, first) = Launch::begin(start, self.standing());
        first.iter().for_each(|message| self.send(message));
        launch
    }

    /// A session with a machine whose channel is at the beginning of a message.
    pub fn new(vm: Vm) -> Session {
        Session { vm, from_guest: Vec::new(), to_guest: Vec::new(), program: None, withheld: Vec::new() }
    }

    /// Output that was taken from the guest, in order, and is to be written by the run that goes on from here.
    pub fn withhold(&mut self, output: Vec<(Stream, Vec<u8>)>) {
        self.withheld = output;
    }

    /// Writes the machine's state, and what is on its way in the channel, as one section.
    pub fn save(&self, to: &mut Writer) {
        to.section("session", VERSION, |to| {
            self.vm.save_state(to);
            to.bytes(&self.from_guest);
            to.bytes(&self.to_guest);
            to.field(&self.program);
            to.field(&(self.withheld.len() as u32));
            for (stream, bytes) in &self.withheld {
                to.field(&(*stream == Stream::Stderr));
                to.bytes(bytes);
            }
        });
    }

    /// A session in the state that [`Session::save`] wrote, with `memory` as it was then.
    ///
    /// # Errors
    /// Those of [`Vm::load_state`].
    pub fn load(from: &mut Reader<'_>, memory: Memory, backends: Backends) -> Result<Session, CodecError> {
        from.section("session", VERSION, |from| {
            let vm = Vm::load_state(from, memory, backends)?;
            let (from_guest, to_guest) = (from.bytes()?.to_vec(), from.bytes()?.to_vec());
            let program = from.field()?;
            let mut withheld = Vec::new();
            for _ in 0..from.field::<u32>()? {
                let stream = if from.field()? { Stream::Stderr } else { Stream::Stdout };
                withheld.push((stream, from.bytes()?.to_vec()));
            }
            Ok(Session { vm, from_guest, to_guest, program, withheld })
        })
    }

    /// Sends a message to init; what does not fit now follows while the guest runs.
    pub fn send(&mut self, message: &ToGuest) {
        if let ToGuest::Start(start) = message {
            self.program = Some(Program::of(start));
        }
        self.to_guest.extend(channel::encode(message));
        self.pump_config();
    }

    /// Whether nothing waits to be taken by the guest.
    pub fn is_drained(&self) -> bool {
        self.to_guest.is_empty() && self.from_guest.is_empty()
    }

    fn pump_config(&mut self) {
        if !self.to_guest.is_empty() {
            let waiting = std::mem::take(&mut self.to_guest);
            let taken = self.push(Stream::Config, &waiting);
            self.to_guest = waiting[taken..].to_vec();
        }
    }

    /// Gives input to a stream; how many bytes it took.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) -> usize {
        self.vm.with_bus(|devices, memory, _| devices.push_input(memory, stream, bytes))
    }

    /// Ends a stream's input.
    pub fn close(&mut self, stream: Stream) {
        self.vm.with_bus(|devices, memory, _| devices.close_input(memory, stream));
    }

    /// Runs until something happens, at most until `limit` instructions retired since reset.
    ///
    /// # Errors
    /// [`SessionError`] where the guest cannot go on.
    pub fn step(&mut self, limit: u64, output: &mut dyn Output) -> Result<Event, SessionError> {
        for (stream, bytes) in std::mem::take(&mut self.withheld) {
            output.write(stream, &bytes);
        }
        loop {
            if let Some(message) = channel::decode(&mut self.from_guest)? {
                return Ok(Event::Message(message));
            }
            self.pump_config();
            let pause = self.vm.run(limit);
            // What the guest made of bytes that it did not get is no output.
            if let Some(error) = self.vm.image_failure() {
                return Err(error.into());
            }
            self.drain(output);
            if let Some(message) = channel::decode(&mut self.from_guest)? {
                return Ok(Event::Message(message));
            }
            match pause {
                Pause::Output | Pause::Unreadable => {}
                Pause::Idle(deadline) => return Ok(Event::Idle(deadline)),
                Pause::Slice => return Ok(Event::Slice),
                Pause::Budget => return Ok(Event::Limit),
                Pause::Shutdown => return Err(SessionError::Shutdown(self.vm.retired())),
                Pause::Reset => return Err(SessionError::Reset(self.vm.retired())),
            }
        }
    }

    fn drain(&mut self, output: &mut dyn Output) {
        while self.vm.devices.has_output() {
            for stream in Stream::ALL {
                let bytes = self.vm.with_bus(|devices, memory, _| devices.take_output(memory, stream));
                match stream {
                    _ if bytes.is_empty() => {}
                    Stream::Config => self.from_guest.extend(bytes),
                    _ => output.write(stream, &bytes),
                }
            }
        }
    }
}

//! Messages of the configuration channel between the runtime and the guest init.
//!
//! The channel is the virtio-console port named [`CONFIG_PORT`]. Each message is a frame: its length in bytes as
//! a little-endian `u32` (at most [`MAX_FRAME`]), then that many bytes of JSON. Both ends are built from this
//! crate, so a message that one cannot read is a defect of the build, and ends the run with an error.
//!
//! ```text
//! guest                           host
//!   |-- Booted ------------------->|   init runs; nothing of the image has been read yet   (snapshot `boot`)
//!   |<------------------ Prepare --|   mount the image
//!   |-- Ready -------------------->|   image mounted, waiting for a program                (snapshot `ready`)
//!   |<-------------------- Start --|   clock, entropy, host name, program
//!   |-- Exit --------------------->|   the program ended and its output is drained
//! ```
//!
//! A machine that was saved while its program ran is told [`ToGuest::Resumed`] when it goes on.

mod confinement;
mod mount;
mod namespaces;
mod scheduling;
mod seccomp;
mod world;

pub use confinement::{Capabilities, CapabilitySets, Confinement, Control, DOCKERS_CAPABILITIES, Limit, UNLIMITED};
pub use mount::{BIND, Mount, NODEV, NOEXEC, NOSUID, RDONLY, STRICTATIME};
pub use namespaces::{IdMappings, IdRange, Namespaces, TimeOffset, TimeOffsets, outside};
pub use scheduling::{Scheduler, Scheduling};
pub use seccomp::{Comparison, Seccomp, SeccompRule, SeccompTest};
pub use world::{ANY_ACCESS, DEVICE_RULES, Device, DeviceKind, DeviceRule, MKNOD, READ, WRITE, World};

use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// Name of the virtio-console port that carries these messages.
pub const CONFIG_PORT: &str = "prelift.config";
/// Names of the ports that carry the program's standard streams where it has no terminal, in descriptor order.
pub const STDIO_PORTS: [&str; 3] = ["prelift.stdin", "prelift.stdout", "prelift.stderr"];
/// Mount tag of the 9P device that has the directories of the host. Its tree has a directory for each, named by its
/// index in [`Start::directories`].
pub const DIRECTORIES_TAG: &str = "prelift";
/// Largest frame body, in bytes: arguments and environment of any size that Linux takes fit.
pub const MAX_FRAME: u32 = 16 << 20;

/// What the host tells the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToGuest {
    /// Mount the image and get everything ready that does not depend on the program.
    Prepare,
    /// Run the program.
    Start(Box<Start>),
    /// The terminal's size changed.
    Resize(WindowSize),
    /// Send this signal to the program (`kill(2)` number).
    Signal(u8),
    /// The machine was saved while the program ran, and goes on.
    Resumed(Resumed),
}

/// What the guest tells the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToHost {
    /// Init runs and has not touched the image.
    Booted,
    /// The image is mounted; waiting for [`ToGuest::Start`].
    Ready,
    /// Something listens on the port that [`Start::listens`] names.
    Listening,
    /// The program ended: its exit status, or 128 + n for death by signal n.
    Exit(u8),
    /// Init could not go on; the text says what failed.
    Failed(String),
}

/// The program to run and its world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The container's name.
    pub id: String,
    /// The program and its arguments; the first is looked up in the environment's `PATH`.
    pub args: Vec<String>,
    /// Environment, as `KEY=value`.
    pub env: Vec<String>,
    /// Working directory inside the image; created if absent.
    pub cwd: String,
    /// Whether the program has these variables and `HOME` alone; else Docker's (`PATH`, `HOSTNAME`, `TERM`) are beneath.
    pub bare_environment: bool,
    /// `user[:group]`, names or numbers, as in an image's configuration; empty for root.
    pub user: String,
    /// Groups beside the primary one, in place of those that the image's files give the user.
    pub groups: Option<Vec<u32>>,
    /// The mask of new files' modes, in place of 0022.
    pub umask: Option<u32>,
    /// `oom_score_adj` of proc(5).
    pub oom_score_adj: Option<i32>,
    /// Host name of the container's UTS namespace.
    pub hostname: String,
    /// Its NIS domain name; the kernel's own where empty.
    pub domainname: String,
    /// When the program has the processor and the disk.
    pub scheduling: Scheduling,
    /// What personality(2) is told.
    pub personality: Option<u32>,
    /// The terminal, if the program has one; else its streams are [`STDIO_PORTS`].
    pub terminal: Option<WindowSize>,
    /// Directories of the host, in the order of their indices.
    pub directories: Vec<Directory>,
    /// Directories of the image that are written to: absolute paths; made if missing.
    pub volumes: Vec<String>,
    /// The container's file systems and devices, if they are not [`World::default`]: init makes that before it is told.
    pub world: Option<World>,
    /// File systems in memory, mounted after all else.
    pub tmpfs: Vec<Mount>,
    /// Whether the root file system is read-only: what is mounted in it is not, nor are the volumes.
    pub read_only: bool,
    /// What the kernel keeps the program from.
    pub confinement: Confinement,
    /// Whether the container's first process is one that passes signals on and reaps orphans, with the program below it.
    pub reaper: bool,
    /// The last of the kernel's memory blocks that the run adds: the program starts when it is in use.
    pub memory_block: Option<u64>,
    /// Whether what the container writes goes to the disk, in place of memory.
    pub layer: bool,
    /// The TCP port of which init is to say when something listens on it.
    pub listens: Option<u16>,
    /// Whether init uses what the kernel offers first, in a training run: then directories and disk are there for that alone.
    pub rehearsal: bool,
    /// Wall-clock time now, nanoseconds since the Unix epoch.
    pub wall_clock_ns: u64,
    /// Fresh entropy for the guest's random number generator.
    pub seed: Vec<u8>,
}

impl Start {
    /// The container's namespaces.
    pub fn namespaces(&self) -> Namespaces {
        self.world.as_ref().map(|world| world.namespaces.clone()).unwrap_or_default()
    }
}

/// What is new where a machine goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Wall-clock time now, nanoseconds since the Unix epoch.
    pub wall_clock_ns: u64,
    /// Fresh entropy for the guest's random number generator.
    pub seed: Vec<u8>,
    /// The terminal's size, if the program has one and its size is known.
    pub terminal: Option<WindowSize>,
}

/// A directory of the host in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Where it is mounted: an absolute path; made if missing.
    pub path: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// Size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// Encodes one message as a frame.
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let body = serde_json::to_vec(message).expect("messages hold only strings and integers");
    let mut frame = (body.len() as u32).to_le_bytes().to_vec();
    frame.extend(body);
    frame
}

/// Takes the first complete frame off `buffer`; `None` until one is complete.
///
/// # Errors
/// `InvalidData` for a frame over [`MAX_FRAME`] or a body that is not such a message.
pub fn decode<M: for<'a> Deserialize<'a>>(buffer: &mut Vec<u8>) -> io::Result<Option<M>> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head);
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("frame of {length} bytes on {CONFIG_PORT}")));
    }
    let end = 4 + length as usize;
    if buffer.len() < end {
        return Ok(None);
    }
    let message = serde_json::from_slice(&buffer[4..end])?;
    buffer.drain(..end);
    Ok(Some(message))
}

/// Reads one message, blocking.
///
/// # Errors
/// As [`decode`], or `UnexpectedEof` where the stream ends first.
pub fn receive<M: for<'a> Deserialize<'a>>(from: &mut impl Read) -> io::Result<M> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame)?;
    let length = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]);
    frame.resize(4 + length.min(MAX_FRAME) as usize, 0);
    from.read_exact(&mut frame[4..])?;
    decode(&mut frame)?.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Writes one message.
///
/// # Errors
/// Those of the writer.
pub fn send<M: Serialize>(to: &mut impl Write, message: &M) -> io::Result<()> {
    to.write_all(&encode(message))?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_being_cut() {
        let message = ToGuest::Start(Box::new(Start { args: vec!["sh".into()], ..Start::default() }));
        let frame = encode(&message);
        for cut in 0..frame.len() {
            assert_eq!(decode::<ToGuest>(&mut frame[..cut].to_vec()).unwrap(), None);
        }
        let mut two = [frame.clone(), frame].concat();
        assert_eq!(decode(&mut two).unwrap(), Some(message.clone()));
        assert_eq!(receive::<ToGuest>(&mut &two[..]).unwrap(), message);
    }

    #[test]
    fn oversized_and_malformed_frames_are_errors() {
        assert!(decode::<ToHost>(&mut vec![0xff; 8]).is_err());
        assert!(decode::<ToHost>(&mut vec![1, 0, 0, 0, b'x']).is_err());
    }
}

//! Snapshots of a machine: the explicit, versioned encoding of its state, and the file that holds it with its RAM.
//!
//! ```text
//! Session ──take──► Snapshot { header, state, ram } ──write──► file ──read──► Snapshot ──restore──► Session
//!                               │ in a module: state is a data segment,                             ▲
//!                               └ RAM's pages lie where they belong ────── Session::load ───────────┘
//! ```

pub mod codec;
mod file;
mod pages;

pub use codec::{CodecError, Field, Reader, Writer};
pub use file::{Incoming, SnapshotError, header, save};
pub use pages::{PageRun, RamPages};

use crate::devices::Backends;
use crate::memory::{ImageSource, Memory};
use crate::session::{Session, StreamKind};
use crate::vm::Vm;

/// What a machine was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// SHA-256 that tells what was booted: kernel and command line, as the maker defines it.
    pub boot: [u8; 32],
    /// SHA-256 of the image's bytes.
    pub image: [u8; 32],
}
crate::fields!(Origin { boot, image });

impl Origin {
    /// Size of its encoding in bytes.
    pub const SIZE: usize = 64;

    /// Its encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.field(self);
        writer.into_bytes()
    }

    /// That of a machine.
    pub fn new(boot: [u8; 32], vm: &Vm) -> Origin {
        Origin { boot, image: vm.image_digest() }
    }
}

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of RAM.
    pub ram_size: u64,
    /// Bytes of RAM that the run added.
    pub added_size: u64,
    /// Bytes of the image, which is not part of the snapshot.
    pub image_size: u64,
    /// Whether the image is a drive, and not memory.
    pub drive: bool,
    /// What was booted, with which image.
    pub origin: Origin,
    /// The streams of the program that runs; none where the machine waits for one.
    pub program: Option<StreamKind>,
}
crate::fields!(Header { ram_size, added_size, image_size, drive, origin, program });

/// A machine at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is of.
    pub header: Header,
    /// What [`Session::load`] reads.
    pub state: Vec<u8>,
    /// RAM, without its pages of zeros.
    pub ram: RamPages,
}

impl Snapshot {
    /// Takes a snapshot between two steps of `session`. `boot` is [`Origin::boot`].
    ///
    /// The session's own TLBs are emptied, as those of a loaded one are: a guest that clears an accessed bit without
    /// telling the processor then sees the same in both, and both go on alike.
    pub fn take(session: &mut Session, boot: [u8; 32]) -> Snapshot {
        let origin = Origin::new(boot, &session.vm);
        Snapshot::of(session, origin)
    }

    /// [`Snapshot::take`] of a machine whose origin is known.
    pub fn of(session: &mut Session, origin: Origin) -> Snapshot {
        let (header, state) = Snapshot::describe(session, origin);
        Snapshot { header, state, ram: RamPages::of(&session.vm.memory) }
    }

    /// All but RAM.
    fn describe(session: &mut Session, origin: Origin) -> (Header, Vec<u8>) {
        session.vm.start();
        let program = session.program().map(|program| program.streams);
        let (memory, drive) = (&session.vm.memory, session.vm.devices.image());
        let mut writer = Writer::new();
        session.save(&mut writer);
        let header = Header {
            ram_size: memory.ram_size(),
            added_size: memory.added_size(),
            image_size: drive.map_or(memory.image_size(), |image| image.size),
            drive: drive.is_some(),
            origin,
            program,
        };
        (header, writer.into_bytes())
    }

    /// A session that goes on where the snapshot was taken; `image` is what it was taken with.
    ///
    /// # Errors
    /// If `image` is another one, the sizes cannot be, the state is damaged, or `backends` does not lend the devices
    /// that there were.
    pub fn restore(&self, image: &ImageSource, backends: Backends) -> Result<Session, SnapshotError> {
        let (mut memory, backends) = self.header.lend(image, backends)?;
        memory.add(self.header.added_size)?;
        self.ram.place(&mut memory)?;
        Snapshot::session(&self.state, memory, backends)
    }

    fn session(state: &[u8], memory: Memory, backends: Backends) -> Result<Session, SnapshotError> {
        let mut reader = Reader::new(state);
        let session = Session::load(&mut reader, memory, backends)?;
        reader.finish()?;
        Ok(session)
    }
}

impl Header {
    /// Memory and backends with this image, and RAM of zeros.
    fn lend(&self, image: &ImageSource, backends: Backends) -> Result<(Memory, Backends), SnapshotError> {
        self.check_image(image.digest, image.size)?;
        let (mapped, drive) = if self.drive { (None, Some(image)) } else { (Some(image), None) };
        let mut memory = Memory::new(self.ram_size, mapped.map_or(0, |image| image.size))?;
        if let Some(image) = mapped {
            memory.lend(image.clone());
        }
        Ok((memory, Backends { image: drive.cloned(), ..backends }))
    }

    /// Checks that a machine with this memory, image and drive can go on here, and adds the RAM that the run had added.
    fn fit(&self, memory: &mut Memory, image: [u8; 32], drive: Option<&ImageSource>) -> Result<(), SnapshotError> {
        self.check_image(image, drive.map_or(memory.image_size(), |drive| drive.size))?;
        let (expected, found) = (self.ram_size, memory.ram_size());
        if expected != found {
            return Err(SnapshotError::Ram { expected, found });
        }
        Ok(memory.add(self.added_size)?)
    }

    fn check_image(&self, digest: [u8; 32], found: u64) -> Result<(), SnapshotError> {
        let expected = self.image_size;
        let same = expected == found && self.origin.image == digest;
        if same { Ok(()) } else { Err(SnapshotError::Image { expected, found }) }
    }
}

/// The bytes of RAM's page `number`.
fn page_bytes(memory: &Memory, number: u32) -> &[u8] {
    let place = memory.place(memory.ram_page(number)).expect("the caller counts RAM's pages");
    memory.bytes(place, crate::memory::PAGE)
}

#[cfg(test)]
mod tests;

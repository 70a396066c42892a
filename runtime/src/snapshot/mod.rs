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
pub use file::SnapshotError;
pub use pages::{PageRun, RamPages};

use crate::devices::{Backends, Gpa};
use crate::memory::{IMAGE_BASE, Memory};
use crate::session::Session;
use sha2::{Digest as _, Sha256};

/// What a snapshot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of RAM.
    pub ram_size: u64,
    /// Bytes of the image, which is not part of the snapshot.
    pub image_size: u64,
    /// SHA-256 that tells what was booted: kernel and command line, as the maker defines it.
    pub boot: [u8; 32],
    /// SHA-256 of the image's bytes.
    pub image: [u8; 32],
}
crate::fields!(Header { ram_size, image_size, boot, image });

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
    /// Takes a snapshot between two steps of `session`. `boot` is [`Header::boot`].
    ///
    /// The session's own TLBs are emptied, as those of a loaded one are: a guest that clears an accessed bit without
    /// telling the processor then sees the same in both, and both go on alike.
    pub fn take(session: &mut Session, boot: [u8; 32]) -> Snapshot {
        session.vm.start();
        let memory = &session.vm.memory;
        let mut writer = Writer::new();
        session.save(&mut writer);
        Snapshot {
            header: Header {
                ram_size: memory.ram_size(),
                image_size: memory.image_size(),
                boot,
                image: Sha256::digest(image_bytes(memory)).into(),
            },
            state: writer.into_bytes(),
            ram: RamPages::of(memory),
        }
    }

    /// A session that goes on where the snapshot was taken; `image` is what it was taken with.
    ///
    /// # Errors
    /// If `image` is another one, the sizes cannot be, the state is damaged, or `backends` does not lend the devices
    /// that there were.
    pub fn restore(&self, image: &[u8], backends: Backends) -> Result<Session, SnapshotError> {
        if image.len() as u64 != self.header.image_size || self.header.image != <[u8; 32]>::from(Sha256::digest(image))
        {
            return Err(SnapshotError::Image { expected: self.header.image_size, found: image.len() as u64 });
        }
        let mut memory = Memory::new(self.header.ram_size, self.header.image_size)?;
        self.ram.place(&mut memory)?;
        if let Some(place) = memory.place(IMAGE_BASE) {
            memory.bytes_mut(place, image.len()).copy_from_slice(image);
        }
        let mut reader = Reader::new(&self.state);
        let session = Session::load(&mut reader, memory, backends)?;
        reader.finish()?;
        Ok(session)
    }
}

/// The image, empty where there is none.
fn image_bytes(memory: &Memory) -> &[u8] {
    memory.place(IMAGE_BASE).map_or(&[], |place| memory.bytes(place, memory.image_size() as usize))
}

/// The bytes of RAM's page `number`.
fn page_bytes(memory: &Memory, number: u32) -> &[u8] {
    let place = memory.place(Gpa(u64::from(number) << 12)).expect("the caller counts RAM's pages");
    memory.bytes(place, crate::memory::PAGE)
}

#[cfg(test)]
mod tests;

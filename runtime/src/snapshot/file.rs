//! The snapshot file.
//!
//! ```text
//! file := "prelift snapshot", section "snapshot" { section "header", section "state", section "runs" }, pages, checksum
//! ```
//!
//! The checksum is the SHA-256 of all before it. It finds damage, not malice: what passes it is still checked field by
//! field. Sections are those of [`codec`](super::codec); offsets in errors are offsets in the file. Pages are those of the runs, in
//! their order: they are written from RAM and read into it one by one, since a module has no memory for a second copy.

use super::codec::{CodecError, Reader, Writer};
use super::pages::{self, PageRun, RamPages};
use super::{Header, Origin, Snapshot, page_bytes};
use crate::devices::Backends;
use crate::memory::{ImageSource, Memory, MemoryError, PAGE};
use crate::session::Session;
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};

const MAGIC: &[u8; 16] = b"prelift snapshot";
const CHECKSUM: usize = 32;
/// Version of the file as a whole; the sections have their own.
const VERSION: u16 = 4;
const SECTION: &str = "snapshot";
/// Bytes up to the outer section's body, the length of which is the last eight of them.
const BEFORE_BODY: usize = MAGIC.len() + 1 + SECTION.len() + 2 + 8;

/// Why a snapshot cannot be read or restored.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The stream failed.
    #[error("snapshot: {0}")]
    Io(#[from] io::Error),
    /// The file begins with something else.
    #[error("snapshot, offset 0: expected \"prelift snapshot\": this is no snapshot")]
    Magic,
    /// The bytes are not those that were written.
    #[error("snapshot, offset {offset}: the checksum does not match the {offset} bytes before it: the file is damaged")]
    Checksum {
        /// Where the checksum stands.
        offset: usize,
    },
    /// The file is cut off, or goes on.
    #[error("snapshot: expected a file of {expected} bytes, found {} bytes", if *more { "more" } else { "fewer" })]
    Length {
        /// What its runs of pages ask for.
        expected: u64,
        /// Whether there are more.
        more: bool,
    },
    /// A section is damaged.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Sizes that cannot be, or not here.
    #[error("snapshot section \"header\": {0}")]
    Memory(#[from] MemoryError),
    /// A page outside of RAM.
    #[error("snapshot section \"runs\": expected pages below number {ram_pages:#x}, found {} from {:#x} on", run.count, run.first)]
    OutsideRam {
        /// The run that holds it.
        run: PageRun,
        /// Pages of RAM.
        ram_pages: u32,
    },
    /// Another size of RAM.
    #[error("snapshot: expected the {expected} bytes of RAM that it was taken with, found {found}")]
    Ram {
        /// The snapshot's.
        expected: u64,
        /// The machine's.
        found: u64,
    },
    /// Another image than the snapshot was taken with.
    #[error("snapshot: expected the image of {expected} bytes that it was taken with, found another of {found} bytes")]
    Image {
        /// Size of the snapshot's image.
        expected: u64,
        /// Size of what was given.
        found: u64,
    },
}

impl Snapshot {
    /// Writes the file.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let pages = self.ram.runs().map(|(_, bytes)| bytes);
        write(&self.header, &self.state, self.ram.run_list(), pages, to)
    }

    /// Reads a file to its end.
    ///
    /// # Errors
    /// If it is not one that [`Snapshot::write`] wrote, or is of another version.
    pub fn read(from: &mut impl Read) -> Result<Snapshot, SnapshotError> {
        Incoming::open(from)?.snapshot()
    }
}

/// Writes the file of a machine as it is, between two steps of its session: [`Snapshot::of`] without a copy of RAM.
///
/// # Errors
/// Those of `to`.
pub fn save(session: &mut Session, origin: Origin, to: &mut impl Write) -> io::Result<()> {
    let (header, state) = Snapshot::describe(session, origin);
    let memory = &session.vm.memory;
    let runs = pages::runs_of(memory);
    let pages = runs.iter().flat_map(|run| run.first..run.end()).map(|number| page_bytes(memory, number));
    write(&header, &state, &runs, pages, to)
}

fn write<'a>(
    header: &Header,
    state: &[u8],
    runs: &[PageRun],
    pages: impl Iterator<Item = &'a [u8]>,
    to: &mut impl Write,
) -> io::Result<()> {
    let mut writer = Writer::new();
    writer.raw(MAGIC);
    writer.section(SECTION, VERSION, |writer| {
        writer.section("header", 1, |writer| writer.field(header));
        writer.section("state", 1, |writer| writer.raw(state));
        writer.section("runs", 1, |writer| {
            writer.field(&(runs.len() as u32));
            runs.iter().for_each(|run| writer.field(run));
        });
    });
    let head = writer.into_bytes();
    let mut digest = Sha256::new();
    let mut put = |piece: &[u8]| {
        digest.update(piece);
        to.write_all(piece)
    };
    put(&head)?;
    for page in pages {
        put(page)?;
    }
    to.write_all(&digest.finalize())
}

/// What the snapshot is of that a file has; its pages are not looked at.
///
/// # Errors
/// If it begins with no snapshot of this version.
pub fn header(from: &mut impl Read) -> Result<Header, SnapshotError> {
    Incoming::open(from).map(|incoming| incoming.header)
}

/// A file that was read up to its pages.
#[derive(Debug)]
pub struct Incoming<R> {
    /// What it is of.
    pub header: Header,
    state: Vec<u8>,
    runs: Vec<PageRun>,
    from: R,
    digest: Sha256,
    /// Bytes up to here.
    offset: usize,
    /// Bytes of the whole file.
    length: u64,
}

impl<R: Read> Incoming<R> {
    /// Reads a file's head.
    ///
    /// # Errors
    /// If it begins with no snapshot of this version.
    pub fn open(mut from: R) -> Result<Incoming<R>, SnapshotError> {
        let mut head = Vec::new();
        (&mut from).take(BEFORE_BODY as u64).read_to_end(&mut head)?;
        if !head.starts_with(MAGIC) {
            return Err(SnapshotError::Magic);
        }
        if let Some(length) = head.get(BEFORE_BODY - 8..).and_then(|bytes| bytes.first_chunk()) {
            (&mut from).take(u64::from_le_bytes(*length)).read_to_end(&mut head)?;
        }
        match parse(&head) {
            Ok((header, state, runs)) => {
                let digest = Sha256::new_with_prefix(&head);
                let pages: u64 = runs.iter().map(|run| run.size() as u64).sum();
                let length = (head.len() + CHECKSUM) as u64 + pages;
                Ok(Incoming { header, state, runs, from, digest, offset: head.len(), length })
            }
            // The version comes first, so that a file of another one is told from a damaged one.
            Err(error @ CodecError::Version { section: SECTION, .. }) => Err(error.into()),
            Err(error) => Err(damage(head, from)?.unwrap_or(error.into())),
        }
    }

    /// A session that goes on where the snapshot was taken; `image` is what it was taken with.
    ///
    /// # Errors
    /// As [`Incoming::restore_in`].
    pub fn restore(self, image: &ImageSource, backends: Backends) -> Result<Session, SnapshotError> {
        let (memory, backends) = self.header.lend(image, backends)?;
        let digest = self.header.origin.image;
        self.restore_in(memory, digest, backends)
    }

    /// A session that goes on where the snapshot was taken, in memory with the image whose SHA-256 is `image`; whatever RAM
    /// holds is gone.
    ///
    /// # Errors
    /// If the image is another one, RAM of another size, the file damaged, or `backends` does not lend the devices that there
    /// were.
    pub fn restore_in(
        mut self,
        mut memory: Memory,
        image: [u8; 32],
        backends: Backends,
    ) -> Result<Session, SnapshotError> {
        self.header.fit(&mut memory, image, backends.image.as_ref())?;
        let mut next = 0;
        for run in std::mem::take(&mut self.runs) {
            pages::check(run, &memory)?;
            pages::clear(&mut memory, next..run.first);
            for number in run.first..run.end() {
                self.page(pages::page_mut(&mut memory, number))?;
            }
            next = run.end();
        }
        let end = memory.ram_pages();
        pages::clear(&mut memory, next..end);
        let state = self.finish()?;
        Snapshot::session(&state, memory, backends)
    }

    /// The rest of the file.
    fn snapshot(mut self) -> Result<Snapshot, SnapshotError> {
        let runs = std::mem::take(&mut self.runs);
        let mut bytes = Vec::new();
        // What a damaged file asks for is allocated only as far as it is there.
        for _ in runs.iter().flat_map(|run| run.first..run.end()) {
            let start = bytes.len();
            bytes.resize(start + PAGE, 0);
            self.page(&mut bytes[start..])?;
        }
        let header = self.header;
        Ok(Snapshot { header, state: self.finish()?, ram: RamPages::new(runs, bytes) })
    }

    fn page(&mut self, into: &mut [u8]) -> Result<(), SnapshotError> {
        self.fill(into)?;
        self.digest.update(&into);
        self.offset += into.len();
        Ok(())
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), SnapshotError> {
        match self.from.read_exact(into) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(SnapshotError::Length { expected: self.length, more: false })
            }
            done => Ok(done?),
        }
    }

    /// The machine's state, if the file ends here as it should.
    fn finish(mut self) -> Result<Vec<u8>, SnapshotError> {
        let mut checksum = [0; CHECKSUM];
        self.fill(&mut checksum)?;
        if self.from.read(&mut [0])? > 0 {
            return Err(SnapshotError::Length { expected: self.length, more: true });
        }
        if self.digest.finalize().as_slice() != checksum {
            return Err(SnapshotError::Checksum { offset: self.offset });
        }
        Ok(self.state)
    }
}

/// That a file is damaged, if its checksum says so.
fn damage(mut head: Vec<u8>, mut rest: impl Read) -> io::Result<Option<SnapshotError>> {
    rest.read_to_end(&mut head)?;
    let offset = head.len().saturating_sub(CHECKSUM);
    let (body, checksum) = head.split_at(offset);
    let intact = Sha256::digest(body).as_slice() == checksum;
    Ok((!intact).then_some(SnapshotError::Checksum { offset }))
}

fn parse(head: &[u8]) -> Result<(Header, Vec<u8>, Vec<PageRun>), CodecError> {
    let mut reader = Reader::new(head);
    reader.raw(MAGIC.len() as u64)?;
    let parts = reader.section(SECTION, VERSION, |reader| {
        let header = reader.section("header", 1, |reader| reader.field())?;
        let state = reader.section("state", 1, |reader| Ok(reader.rest().to_vec()))?;
        Ok((header, state, reader.section("runs", 1, pages::load_runs)?))
    })?;
    reader.finish()?;
    Ok(parts)
}

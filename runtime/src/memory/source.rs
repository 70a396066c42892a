//! Where an image's bytes are before the machine has them: a file, mostly.
//!
//! A source is lent to [`Memory`](super::Memory), which reads from it what the guest touches, or to a drive, from which the guest
//! reads ([`ImageDrive`](crate::devices::ImageDrive)). Who makes one says what SHA-256 its bytes have, so that nobody reads all of them
//! at each start. It remembers the first error: the guest must not go on then.

use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::rc::Rc;

/// Bytes that are read from any place.
pub trait ReadAt {
    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// Those of the host; [`io::ErrorKind::UnexpectedEof`] where there are fewer.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }

    #[cfg(not(unix))]
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(into)
    }
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let bytes = rest.and_then(|rest| rest.get(..into.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// An image as a machine is given it.
#[derive(Clone)]
pub struct ImageSource {
    bytes: Rc<dyn ReadAt>,
    /// What errors call it: a path.
    name: Rc<str>,
    /// Bytes, a multiple of 4096.
    pub size: u64,
    /// SHA-256 of all of them.
    pub digest: [u8; 32],
    /// The first error, of all that it was lent to.
    failure: Rc<RefCell<Option<ImageError>>>,
}

impl std::fmt::Debug for ImageSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ImageSource({:?}, {} bytes)", self.name, self.size)
    }
}

/// Bytes of an image that could not be read when the guest needed them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: the image cannot be read, {length} bytes at offset {offset:#x} of {size}: {text}")]
pub struct ImageError {
    /// The image's name.
    pub name: String,
    /// Where they are.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// Bytes that the image has.
    pub size: u64,
    /// What is wrong.
    pub text: String,
}

impl ImageSource {
    /// `size` bytes with this SHA-256.
    pub fn new(bytes: impl ReadAt + 'static, name: &str, size: u64, digest: [u8; 32]) -> ImageSource {
        ImageSource { bytes: Rc::new(bytes), name: name.into(), size, digest, failure: Rc::default() }
    }

    /// A file that is an image and nothing else. It is read once, for its digest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_file(file: File, name: &str) -> io::Result<ImageSource> {
        let size = file.metadata()?.len();
        let digest = digest(&file, size)?;
        Ok(ImageSource::new(file, name, size, digest))
    }

    /// An image in memory.
    pub fn of_bytes(bytes: Vec<u8>) -> ImageSource {
        let (size, digest) = (bytes.len() as u64, Sha256::digest(&bytes).into());
        ImageSource::new(bytes, "image", size, digest)
    }

    /// No image.
    pub fn none() -> ImageSource {
        ImageSource::of_bytes(Vec::new())
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// Those of the host: see [`ImageSource::failure`].
    pub fn read(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.bytes.read_exact_at(into, offset).inspect_err(|error| {
            let text = match error.kind() {
                io::ErrorKind::UnexpectedEof => "the file ends before".to_owned(),
                _ => error.to_string(),
            };
            let (name, length) = (self.name.to_string(), into.len() as u64);
            self.failure.borrow_mut().get_or_insert(ImageError { name, offset, length, size: self.size, text });
        })
    }

    /// Whether something could not be read.
    pub fn failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// The first that could not be read, and why.
    pub fn failure(&self) -> Option<ImageError> {
        self.failure.borrow().clone()
    }
}

/// SHA-256 of the first `size` bytes, read piece by piece.
///
/// # Errors
/// Those of the host; [`io::ErrorKind::UnexpectedEof`] where there are fewer.
pub fn digest(bytes: &impl ReadAt, size: u64) -> io::Result<[u8; 32]> {
    const PIECE: u64 = 1 << 20;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE.min(size) as usize]);
    for offset in (0..size).step_by(PIECE as usize) {
        let piece = &mut piece[..PIECE.min(size - offset) as usize];
        bytes.read_exact_at(piece, offset)?;
        digest.update(piece);
    }
    Ok(digest.finalize().into())
}

//! Pieces of the output: bytes that are in memory, or a file that is read only as it is written.

use anyhow::{Context, Result};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

/// Bytes of the output.
#[derive(Debug, Clone)]
pub enum Piece<'a> {
    /// These.
    Bytes(Cow<'a, [u8]>),
    /// The first so many of a file.
    File(&'a File, u64),
}

impl Piece<'_> {
    /// How many bytes it is.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(_, size) => *size,
        }
    }

    /// Whether it is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same piece, borrowed.
    pub(super) fn borrowed(&self) -> Piece<'_> {
        match self {
            Piece::Bytes(bytes) => Piece::Bytes(Cow::Borrowed(bytes)),
            Piece::File(file, size) => Piece::File(file, *size),
        }
    }

    /// Writes it.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        match self {
            Piece::Bytes(bytes) => out.write_all(bytes).context(WRITE),
            Piece::File(file, size) => copy(file, *size, out),
        }
    }
}

/// What cannot be done when writing fails.
pub(super) const WRITE: &str = "write the module";

fn copy(file: &File, size: u64, out: &mut impl Write) -> Result<()> {
    const BUFFER: u64 = 1 << 20;
    let mut buffer = vec![0; BUFFER.min(size) as usize];
    for offset in (0..size).step_by(BUFFER as usize) {
        let part = &mut buffer[..BUFFER.min(size - offset) as usize];
        file.read_exact_at(part, offset).with_context(|| format!("read the image at {offset:#x}"))?;
        out.write_all(part).context(WRITE)?;
    }
    Ok(())
}

impl From<Vec<u8>> for Piece<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Piece::Bytes(bytes.into())
    }
}

impl<'a> From<&'a [u8]> for Piece<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Piece::Bytes(bytes.into())
    }
}

//! The container's written layer on the host (`--state DIRECTORY`): what one run writes, the next one finds.
//!
//! ```text
//! DIRECTORY/layer   head, 4096 bytes: of which image  │  an ext4 of 16 GiB, sparse ──► the guest's disk ──► upper directory
//! DIRECTORY/lock    held while a run has the layer
//! ```
//!
//! A flush of the guest's is one of the file. What it wrote before is with the host, so that a run that is killed leaves what a
//! machine leaves whose power fails; the journal of the file system sees to that at the next mount. A new file is made under
//! another name and renamed: there is the whole of it, or none.
//!
//! WASI has no locks: `prelift run` and the native runtime take the lock, and under a stock runtime nothing keeps a second run out.

mod empty;
mod head;

use crate::devices::Disk;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Name of the layer in its directory.
pub const FILE: &str = "layer";
/// What it is called while it is made.
const PARTIAL: &str = "layer.partial";
#[cfg(not(target_os = "wasi"))]
const LOCK: &str = "lock";

/// Where ext4 has its magic number, from the file system's beginning (Linux, Documentation/filesystems/ext4/super.rst).
const MAGIC_AT: u64 = 1024 + 0x38;
const MAGIC: u16 = 0xef53;

/// Why there is no layer to go on with.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The host refuses.
    #[error("{}: {error}", .path.display())]
    Host {
        /// File or directory.
        path: PathBuf,
        /// The host's error.
        error: io::Error,
    },
    /// Something else is there.
    #[error("{}: expected a container's layer, which begins with {expected:?}; found {found:?}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The first lines of a layer.
        expected: String,
        /// Those of the file.
        found: String,
    },
    /// The layer of another image.
    #[error("{}: the layer belongs to another image: expected image sha256:{expected}, found sha256:{found}", .path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The module's image.
        expected: String,
        /// The layer's.
        found: String,
    },
    /// The file was cut, or its file system was written over.
    #[error("{}: the layer is damaged: expected {what} {expected:#x}, found {found:#x}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// What it has to be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// Somebody has the lock.
    #[error("{}: another run has this state: expected to be the only one", .0.display())]
    Busy(PathBuf),
}

/// A container's layer, as a disk.
#[derive(Debug)]
pub struct Layer {
    file: File,
    _lock: Option<Lock>,
}

impl Layer {
    /// The layer in `directory` of a container of the image with this SHA-256; an empty one is made if there is none.
    ///
    /// # Errors
    /// [`LayerError`]; what is in the directory is as it was then.
    pub fn open(directory: &Path, image: &[u8; 32]) -> Result<Layer, LayerError> {
        let lock = lock(directory)?;
        let path = directory.join(FILE);
        let file = match File::options().read(true).write(true).open(&path) {
            Ok(mut file) => check(&path, &mut file, image).map(|()| file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(directory, image)?,
            Err(error) => return Err(LayerError::Host { path, error }),
        };
        Ok(Layer { file, _lock: lock })
    }

    fn at(&mut self, offset: u64) -> io::Result<&mut File> {
        self.file.seek(SeekFrom::Start(head::SIZE + offset))?;
        Ok(&mut self.file)
    }
}

impl Disk for Layer {
    fn length(&self) -> u64 {
        empty::SIZE
    }
    fn is_read_only(&self) -> bool {
        false
    }
    fn serial(&self) -> &str {
        FILE
    }
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.at(offset)?.read_exact(into)
    }
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.at(offset)?.write_all(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Checks that a file is the layer of a container of this image, and whole.
fn check(path: &Path, file: &mut File, image: &[u8; 32]) -> Result<(), LayerError> {
    let host = |error| LayerError::Host { path: path.to_owned(), error };
    head::check(path, &head::read(file).map_err(host)?, image)?;
    let damaged = |what, expected, found| LayerError::Damaged { path: path.to_owned(), what, expected, found };
    let (expected, found) = (head::SIZE + empty::SIZE, file.metadata().map_err(host)?.len());
    if expected != found {
        return Err(damaged("a size in bytes of", expected, found));
    }
    let mut magic = [0; 2];
    file.seek(SeekFrom::Start(head::SIZE + MAGIC_AT)).and_then(|_| file.read_exact(&mut magic)).map_err(host)?;
    match u16::from_le_bytes(magic) {
        MAGIC => Ok(()),
        found => Err(damaged("ext4's magic number", MAGIC.into(), found.into())),
    }
}

/// Makes an empty layer.
fn make(directory: &Path, image: &[u8; 32]) -> Result<File, LayerError> {
    let partial = directory.join(PARTIAL);
    let host = |error| LayerError::Host { path: partial.clone(), error };
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&partial).map_err(host)?;
    let made = write_empty(&mut file, image).and_then(|()| fs::rename(&partial, directory.join(FILE)));
    made.map_err(|error| {
        // What cannot be removed is written over by the next run.
        let _ = fs::remove_file(&partial);
        host(error)
    })?;
    // The name too outlives a failure of the host's power, where the host can see to it.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(file)
}

fn write_empty(file: &mut File, image: &[u8; 32]) -> io::Result<()> {
    file.write_all(&head::of(image))?;
    for (offset, bytes) in empty::runs() {
        file.seek(SeekFrom::Start(head::SIZE + offset))?;
        file.write_all(&bytes)?;
    }
    file.set_len(head::SIZE + empty::SIZE)?;
    file.sync_all()
}

/// Keeps other runs from a state as long as it is there.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lasts until the file is closed")] File);

#[cfg(not(target_os = "wasi"))]
impl Lock {
    /// Takes the lock of a directory, which is made if missing.
    ///
    /// # Errors
    /// [`LayerError::Busy`] where another run has it.
    pub fn take(directory: &Path) -> Result<Lock, LayerError> {
        let path = directory.join(LOCK);
        let host = |error| LayerError::Host { path: path.clone(), error };
        fs::create_dir_all(directory).map_err(|error| LayerError::Host { path: directory.to_owned(), error })?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(host)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(fs::TryLockError::WouldBlock) => Err(LayerError::Busy(directory.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(host(error)),
        }
    }
}

#[cfg(not(target_os = "wasi"))]
fn lock(directory: &Path) -> Result<Option<Lock>, LayerError> {
    Lock::take(directory).map(Some)
}

#[cfg(target_os = "wasi")]
fn lock(_directory: &Path) -> Result<Option<Lock>, LayerError> {
    Ok(None)
}

#[cfg(test)]
mod tests;

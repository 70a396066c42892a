//! The machine of a snapshot file, for the runtime as a native program. It has no translated code.

use super::options::Options;
use super::run::{LoadError, Loaded};
use crate::devices::Backends;
use crate::snapshot::Snapshot;
use std::fmt::Display;
use std::path::Path;

/// The machine that `--snapshot`, `--image` and `--config` name.
///
/// # Errors
/// [`LoadError`] if no snapshot is named, or a file cannot be used.
pub fn load(options: &Options, backends: Backends) -> Result<Loaded, LoadError> {
    let path = options.snapshot.as_deref().ok_or(LoadError::Empty)?;
    let mut file = std::fs::File::open(path).map_err(|error| unusable(path, error))?;
    let snapshot = Snapshot::read(&mut file).map_err(|error| unusable(path, error))?;
    let image = read(options.image.as_deref())?;
    let config = read(options.config.as_deref())?;
    let session = snapshot.restore(&image, backends).map_err(|error| unusable(path, error))?;
    Ok(Loaded { session, config })
}

/// A file's bytes; none where there is no file.
fn read(path: Option<&Path>) -> Result<Vec<u8>, LoadError> {
    path.map_or(Ok(Vec::new()), |path| std::fs::read(path).map_err(|error| unusable(path, error)))
}

fn unusable(path: &Path, error: impl Display) -> LoadError {
    LoadError::File { path: path.to_owned(), text: error.to_string() }
}

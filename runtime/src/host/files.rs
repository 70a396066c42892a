//! The machine of a snapshot file, for the runtime as a native program. It has no translated code.

use super::checkpoint;
use super::options::Options;
use super::run::{LoadError, Loaded, unusable};
use crate::devices::Backends;
use crate::memory::ImageSource;
use std::fs::File;
use std::path::Path;

/// The machine that `--snapshot` (or `--resume`), `--image` and `--image-config` name.
///
/// # Errors
/// [`LoadError`] if no snapshot is named, or a file cannot be used.
pub fn load(options: &Options, backends: Backends) -> Result<Loaded, LoadError> {
    let path = options.resume.as_deref().or(options.snapshot.as_deref()).ok_or(LoadError::Empty)?;
    let incoming = checkpoint::open(path)?;
    let origin = incoming.header.origin;
    let image = options.image.as_deref().map_or_else(|| Ok(ImageSource::none()), image)?;
    let config = read(options.image_config.as_deref())?;
    let session = incoming.restore(&image, backends).map_err(|error| unusable(path, error))?;
    Ok(Loaded { session, config, origin })
}

/// A root file system, which is read as the guest touches it.
fn image(path: &Path) -> Result<ImageSource, LoadError> {
    let image = File::open(path).and_then(|file| ImageSource::of_file(file, &path.display().to_string()));
    image.map_err(|error| unusable(path, error))
}

/// A file's bytes; none where there is no file.
fn read(path: Option<&Path>) -> Result<Vec<u8>, LoadError> {
    path.map_or(Ok(Vec::new()), |path| std::fs::read(path).map_err(|error| unusable(path, error)))
}

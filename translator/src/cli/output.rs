//! Output files: written beside their place and renamed, so that there is never half a file.

use anyhow::{Context, Result, ensure};
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// Makes sure that a file can be written here, before work is done for it.
///
/// # Errors
/// If its folder is none, or it is a folder itself.
pub fn expect_folder(path: &Path) -> Result<()> {
    let folder = folder(path);
    ensure!(folder.is_dir(), "cannot write {}: {} is no directory", path.display(), folder.display());
    ensure!(!path.is_dir(), "cannot write {}: expected the name of a file, got a directory", path.display());
    Ok(())
}

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file that is written beside its place and gets its name when it is whole. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct NewFile<'a> {
    file: NamedTempFile,
    path: &'a Path,
}

impl<'a> NewFile<'a> {
    /// An empty file, to be at `path`.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn beside(path: &'a Path) -> Result<NewFile<'a>> {
        let file = tempfile::Builder::new()
            .prefix(".prelift-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder(path))
            .with_context(|| cannot_write(path))?;
        Ok(NewFile { file, path })
    }

    /// The file, to be written.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives it its name; what had it is replaced.
    ///
    /// # Errors
    /// If the folder cannot be written to; whatever was there is then still there.
    pub fn publish(self) -> Result<()> {
        self.file.persist(self.path).with_context(|| cannot_write(self.path))?;
        Ok(())
    }
}

/// Writes a file, or replaces it.
///
/// # Errors
/// If the folder cannot be written to; whatever was at `path` is then still there.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = NewFile::beside(path)?;
    new.file().write_all(bytes).with_context(|| cannot_write(path))?;
    new.publish()
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

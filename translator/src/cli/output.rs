//! Output files: written beside their place and renamed, so that there is never half a file.

use anyhow::{Context, Result, ensure};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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

/// Writes a file, or replaces it.
///
/// # Errors
/// If the folder cannot be written to; whatever was at `path` is then still there.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(".prelift-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))
        .with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    file.persist(path).with_context(context)?;
    Ok(())
}

//! Output files: written beside their place and renamed, so that there is never half a file. A symbolic link is followed. What is
//! no regular file, such as a device, is never replaced.

use anyhow::{Context, Result, bail, ensure};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Symbolic links that are followed, one after the other; as many as Linux follows.
const LINKS: usize = 40;

/// Makes sure that a file can be written here, before work is done for it.
///
/// # Errors
/// If its folder is none, if it is there and no regular file, or if it is `-`.
pub fn expect_folder(path: &Path) -> Result<()> {
    place(path).map(|_| ())
}

/// Where a file at `path` is written: where symbolic links lead, if it is one.
///
/// # Errors
/// As [`expect_folder`].
pub(super) fn place(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    ensure!(path.as_os_str() != "-", "cannot write -: the output is a file, expected its name (./- is a file named -)");
    let place = behind_links(path)?;
    let folder = folder(&place);
    ensure!(folder.is_dir(), "cannot write {shown}: {} is no directory", folder.display());
    match place.metadata() {
        Ok(found) if found.is_dir() => bail!("cannot write {shown}: expected the name of a file, got a directory"),
        Ok(found) if !found.is_file() => bail!("cannot write {shown}: expected a regular file or nothing"),
        _ => Ok(place),
    }
}

/// The path without symbolic links at its end. What the last one leads to need not be there.
fn behind_links(path: &Path) -> Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = place.read_link() else { return Ok(place) };
        place = folder(&place).join(target);
    }
    bail!("cannot write {}: too many symbolic links", path.display())
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
    place: PathBuf,
}

impl<'a> NewFile<'a> {
    /// An empty file, to be at `path`.
    ///
    /// # Errors
    /// As [`expect_folder`], or if the folder cannot be written to.
    pub fn beside(path: &'a Path) -> Result<NewFile<'a>> {
        let place = place(path)?;
        let file = tempfile::Builder::new()
            .prefix(".prelift-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder(&place))
            .with_context(|| cannot_write(path))?;
        Ok(NewFile { file, path, place })
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
        self.file.persist(&self.place).with_context(|| cannot_write(self.path))?;
        Ok(())
    }
}

/// Writes a file, or replaces it.
///
/// # Errors
/// As [`expect_folder`], or if the folder cannot be written to; whatever was at `path` is then still there.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = NewFile::beside(path)?;
    new.file().write_all(bytes).with_context(|| cannot_write(path))?;
    new.publish()
}

/// Writes to standard output. Nobody need read it to its end.
///
/// # Errors
/// If it cannot be written for another reason.
pub(super) fn print(text: &str) -> Result<()> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(out: &mut impl Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_may_go_and_a_full_disk_is_an_error() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        print_to(&mut writer, "x").unwrap();
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        assert!(format!("{:#}", print_to(&mut full, "x").unwrap_err()).contains("No space left"));
    }
}

//! The directories of the host that the container gets: every WASI preopen, or what `--dir` names natively.

use super::container::seccomp::Choice;
use super::options::Options;
use super::tree;
use crate::devices::virtio::ninep::{Errno, SharedDirectory};
use channel::Directory;
use std::path::{Path, PathBuf};

/// Why a directory cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The host does not open it.
    #[error("directory {name}: {error}")]
    Host {
        /// Its name.
        name: String,
        /// The host's error.
        error: Errno,
    },
    /// It would hide the container's own files.
    #[error("directory {0:?} would cover the container's root: name another place for it, as in --dir HOST::/data")]
    Root(String),
}

/// All directories of the run, but for those that have a file of the run's own: of `--image`, `--state`, `--resume`,
/// `--checkpoint`, `--snapshot-at`, `--security-opt` and `--config`.
///
/// # Errors
/// [`DirectoryError::Host`].
pub fn shared(options: &Options) -> Result<Vec<SharedDirectory>, DirectoryError> {
    let mut directories = tree::directories(options)?;
    directories.retain(|directory| {
        let checkpoint = options.checkpoint.as_ref().map(|checkpoint| &checkpoint.path);
        let save = options.save.as_ref().map(|save| &save.path);
        let profile = options.seccomp.as_ref().and_then(Choice::file);
        let machines = options.image.iter().chain(&options.state).chain(&options.resume).chain(checkpoint).chain(save);
        let mut files = machines.chain(profile).chain(&options.config);
        !files.any(|path| path.starts_with(&directory.guest))
    });
    for directory in &mut directories {
        directory.read_only |= options.read_only_directories.contains(&directory.guest);
    }
    Ok(directories)
}

/// The file of this name in the first directory of the run that has one.
///
/// # Errors
/// [`DirectoryError::Host`].
pub fn file_named(name: &str, options: &Options) -> Result<Option<PathBuf>, DirectoryError> {
    let has_it = |directory: &SharedDirectory| directory.tree.attributes(name).is_ok();
    let found = tree::directories(options)?.into_iter().find(has_it);
    Ok(found.map(|directory| Path::new(&directory.guest).join(name)))
}

/// Where init mounts the directory that the guest calls `name`: a relative one, as `--dir .` gives it, is taken from the
/// working directory `cwd`.
///
/// # Errors
/// [`DirectoryError::Root`].
pub fn mount(name: &str, read_only: bool, cwd: &str) -> Result<Directory, DirectoryError> {
    let path = absolute(cwd, name);
    if path == "/" { Err(DirectoryError::Root(name.to_owned())) } else { Ok(Directory { path, read_only }) }
}

/// Takes `HOST[::GUEST][:ro]` apart: where it is, what the guest calls it if that is said, whether it may only be read.
pub fn split(text: &str) -> (&str, Option<&str>, bool) {
    let (names, read_only) = text.strip_suffix(":ro").map_or((text, false), |names| (names, true));
    match names.split_once("::") {
        Some((host, guest)) => (host, Some(guest), read_only),
        None => (names, None, read_only),
    }
}

/// `name` as seen from `cwd`, without `.` and `..`.
fn absolute(cwd: &str, name: &str) -> String {
    let mut path: Vec<&str> = Vec::new();
    let cwd = if name.starts_with('/') { "" } else { cwd };
    for part in cwd.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()),
            part => path.push(part),
        }
    }
    format!("/{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_names_are_taken_from_the_working_directory() {
        let rows = [
            ("/", "/data", "/data"),
            ("/srv", "//a/./b/", "/a/b"),
            ("/srv", ".", "/srv"),
            ("/srv/app", "../data", "/srv/data"),
            ("/", "../..", "/"),
            ("/", ".", "/"),
        ];
        for (cwd, name, path) in rows {
            assert_eq!(absolute(cwd, name), path, "{name} from {cwd}");
        }
    }
}

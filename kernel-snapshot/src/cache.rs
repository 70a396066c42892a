//! Things that are slow to make, kept by the digest of what they are made from.
//!
//! An entry is a directory `ROOT/KIND/DIGEST/` that is filled beside its final place and published by one rename:
//! it is there whole or not at all. Who makes an entry holds the lock file `ROOT/KIND/DIGEST.lock`, so that two
//! processes never make the same thing twice; the system drops the lock when a process dies, and what it left
//! half-done is removed by the next. Entries are never changed after publication; a directory's time of modification is when it was
//! used last, to the day. Those that nobody used for [`UNUSED`] are removed when another of their kind is made. The user may delete
//! the whole root whenever no `prelift` runs.

use anyhow::{Context, Result};
use runtime::label;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// An entry that was not used for so long is removed.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// SHA-256 of everything that an entry is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&label::hexadecimal(&self.0))
    }
}

/// Computes a [`Digest`] from named parts. Names and lengths are part of it, so that no two lists of parts agree.
///
/// ```
/// use kernel_snapshot::cache::Recipe;
/// let split = |a: &str, b: &str| Recipe::new("demo").text("a", a).text("b", b).digest();
/// assert_ne!(split("x", "yz"), split("xy", "z"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Recipe(Sha256);

impl Recipe {
    /// A recipe of `kind`, for example `"kernel 1"`: change it when the way of making changes.
    pub fn new(kind: &str) -> Self {
        Recipe(Sha256::new()).text("kind", kind)
    }

    /// Adds bytes.
    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.header(name, bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    /// Adds a text.
    pub fn text(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes())
    }

    /// Adds a file's contents (its path is not part of the digest).
    ///
    /// # Errors
    /// When `path` cannot be read.
    pub fn file(mut self, name: &str, path: &Path) -> Result<Self> {
        let place = || format!("read {}", path.display());
        let mut file = File::open(path).with_context(place)?;
        self.header(name, file.metadata().with_context(place)?.len());
        io::copy(&mut file, &mut self.0).with_context(place)?;
        Ok(self)
    }

    /// The digest of all parts so far.
    pub fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    fn header(&mut self, name: &str, size: u64) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name);
        self.0.update(size.to_le_bytes());
    }
}

/// A cache directory, or the refusal to use one.
#[derive(Debug, Clone)]
pub enum Cache {
    /// Entries live below this directory.
    Directory(PathBuf),
    /// `--no-cache`: nothing is read from a cache and nothing is left behind.
    Refused,
}

/// A finished entry. One that was made without a cache is removed when this is dropped.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    _private: Option<tempfile::TempDir>,
}

impl Entry {
    /// The entry's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Cache {
    /// The user's cache: `$PRELIFT_CACHE`, else `$XDG_CACHE_HOME/prelift`, else `$HOME/.cache/prelift`; unset and
    /// empty are the same.
    ///
    /// # Errors
    /// When none of the three variables is set.
    pub fn of_user() -> Result<Cache> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = variable("PRELIFT_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|home| home.join("prelift")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/prelift")))
            .context("no place for the cache: expected PRELIFT_CACHE, XDG_CACHE_HOME or HOME in the environment")?;
        Ok(Cache::Directory(root))
    }

    /// The directory of an entry that is there.
    pub fn find(&self, kind: &str, digest: Digest) -> Option<PathBuf> {
        let Cache::Directory(root) = self else { return None };
        let path = root.join(kind).join(digest.to_string());
        is_there(&path).then_some(path)
    }

    /// The entry of `digest`, made by `make` if it is not there yet. `make` gets an empty directory to fill, on the
    /// file system of the cache, and may leave only what belongs to the entry. `kind` is a short plain name
    /// (`kernel`, `rootfs`); `progress` hears when another process has to be waited for.
    ///
    /// # Errors
    /// Those of `make` (nothing is published then), and those of the file system.
    pub fn entry(
        &self,
        kind: &str,
        digest: Digest,
        progress: &dyn Fn(&str),
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Entry> {
        let Cache::Directory(root) = self else { return private_entry(make) };
        let folder = root.join(kind);
        let path = folder.join(digest.to_string());
        if !is_there(&path) {
            fs::create_dir_all(&folder).with_context(|| format!("create cache directory {}", folder.display()))?;
            let _lock = lock(&path.with_extension("lock"), kind, progress)?;
            if !path.is_dir() {
                publish(&path, make)?;
                remove_unused(&folder);
            }
        }
        Ok(Entry { path, _private: None })
    }
}

/// How long ago an entry was used last, to the day; none where there is no entry.
fn unused_for(path: &Path) -> Option<Duration> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?;
    Some(metadata.modified().ok()?.elapsed().unwrap_or_default())
}

/// Whether an entry is there, which is used then.
fn is_there(path: &Path) -> bool {
    let Some(age) = unused_for(path) else { return false };
    if age > DAY {
        // In a cache that may only be read nothing is removed either.
        let _ = File::open(path).and_then(|directory| directory.set_modified(SystemTime::now()));
    }
    true
}

/// Removes entries that nobody uses any more; where that fails, the next try does it. Their lock files stay, since somebody may wait
/// for one.
fn remove_unused(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in entries.filter(|path| unused_for(path).is_some_and(|age| age > UNUSED)) {
        // No entry is ever there in part.
        let gone = path.with_extension("old");
        let _ = fs::rename(&path, &gone).and_then(|()| fs::remove_dir_all(gone));
    }
}

fn private_entry(make: impl FnOnce(&Path) -> Result<()>) -> Result<Entry> {
    let directory = tempfile::Builder::new().prefix("prelift-").tempdir_in("/var/tmp").or_else(|_| tempfile::tempdir());
    let directory = directory.context("create a temporary directory")?;
    make(directory.path())?;
    Ok(Entry { path: directory.path().to_owned(), _private: Some(directory) })
}

/// The lock lasts until the file is closed.
fn lock(path: &Path, kind: &str, progress: &dyn Fn(&str)) -> Result<File> {
    let place = || format!("lock {}", path.display());
    let file = File::options().create(true).truncate(false).write(true).open(path).with_context(place)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress(&format!("{kind}: waiting for another process that makes it")),
        Err(TryLockError::Error(error)) => return Err(error).with_context(place),
    }
    file.lock().with_context(place)?;
    Ok(file)
}

/// Fills `path` by `make`. The caller holds the lock, so that what is beside it belongs to a process that died.
fn publish(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let staging = path.with_extension("new");
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", staging.display()));
        }
        _ => {}
    }
    fs::create_dir(&staging).with_context(|| format!("create {}", staging.display()))?;
    if let Err(error) = make(&staging) {
        let _ = fs::remove_dir_all(&staging);
        return Err(error);
    }
    fs::rename(&staging, path).with_context(|| format!("rename {} to {}", staging.display(), path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Cache, DAY, Recipe, UNUSED};
    use std::fs::{self, File};
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::{Duration, SystemTime};

    /// The first is held back until the second says that it waits.
    #[test]
    fn made_once_by_two() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::Directory(root.path().to_owned());
        let digest = Recipe::new("test").digest();
        let (begun, second_may_start) = mpsc::channel();
        let (waits, first_may_end) = mpsc::channel();
        std::thread::scope(|scope| {
            let cache = &cache;
            scope.spawn(move || {
                let make = |directory: &Path| {
                    begun.send(())?;
                    first_may_end.recv_timeout(Duration::from_secs(20))?;
                    Ok(fs::write(directory.join("file"), "whole")?)
                };
                cache.entry("test", digest, &|_| (), make).unwrap();
            });
            second_may_start.recv().unwrap();
            let progress = |_: &str| waits.send(()).unwrap();
            let entry = cache.entry("test", digest, &progress, |_| panic!("made twice")).unwrap();
            assert_eq!(fs::read_to_string(entry.path().join("file")).unwrap(), "whole");
        });
    }

    #[test]
    fn failure_publishes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::Directory(root.path().to_owned());
        let digest = Recipe::new("test").digest();
        let failing = |directory: &Path| {
            fs::write(directory.join("half"), "")?;
            anyhow::bail!("no")
        };
        cache.entry("test", digest, &|_| (), failing).unwrap_err();
        let entry = cache.entry("test", digest, &|_| (), |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(entry.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_nobody_uses_goes_when_another_is_made() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::Directory(root.path().to_owned());
        let make = |name: &str| {
            let entry = cache.entry("test", Recipe::new(name).digest(), &|_| (), |_| Ok(())).unwrap();
            entry.path().to_owned()
        };
        let [unused, used, found] = ["unused", "used", "found"].map(make);
        for path in [&unused, &used, &found] {
            let last_used = SystemTime::now() - UNUSED - DAY;
            File::open(path).unwrap().set_modified(last_used).unwrap();
        }
        make("used");
        assert_eq!(cache.find("test", Recipe::new("found").digest()), Some(found.clone()));
        make("new");
        assert_eq!([unused, used, found].map(|path| path.is_dir()), [false, true, true]);
    }

    #[test]
    fn refused_cache_keeps_nothing() {
        let entry = Cache::Refused.entry("test", Recipe::new("test").digest(), &|_| (), |_| Ok(())).unwrap();
        let path = entry.path().to_owned();
        assert!(path.is_dir());
        drop(entry);
        assert!(!path.exists());
    }
}

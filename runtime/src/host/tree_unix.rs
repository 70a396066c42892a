//! Directory trees natively: each name on the way to a file is opened in the directory before it, and none of them may be
//! a symbolic link (openat(2), O_NOFOLLOW). So nothing leads out, even while somebody else changes the tree.

use super::directories::DirectoryError;
use super::options::Options;
use crate::devices::virtio::ninep::{
    Errno, FileKind, HostAttributes, HostEntry, HostFile, HostTree, OpenHow, SetTime, SetTimes, SharedDirectory,
};
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::os::fd::OwnedFd;
use std::path::Path;

const NS: u64 = 1_000_000_000;

/// The directories of `--dir`.
pub(super) fn directories(options: &Options) -> Result<Vec<SharedDirectory>, DirectoryError> {
    let open = |(host, guest, read_only): &(std::path::PathBuf, String, bool)| {
        let tree =
            UnixTree::open(host).map_err(|error| DirectoryError::Host { name: host.display().to_string(), error })?;
        Ok(SharedDirectory { guest: guest.clone(), read_only: *read_only, tree: Box::new(tree) })
    };
    options.directories.iter().map(open).collect()
}

/// A directory of the host.
pub struct UnixTree {
    root: OwnedFd,
}

/// An open file of the host.
struct UnixFile(OwnedFd);

/// A name on the way, or the directory that is looked from.
const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl UnixTree {
    /// The tree of this directory, which may be reached through symbolic links.
    ///
    /// # Errors
    /// Those of openat(2).
    pub fn open(path: &Path) -> Result<UnixTree, Errno> {
        let root = fs::openat(CWD, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?;
        Ok(UnixTree { root })
    }

    /// The directory that holds the last name of `path`, and that name; for the root, itself and `.`.
    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (way, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut directory = rustix::io::fcntl_dupfd_cloexec(&self.root, 0).map_err(errno)?;
        for part in way.split('/').filter(|part| !part.is_empty()) {
            directory = fs::openat(&directory, part, WAY, Mode::empty()).map_err(errno)?;
        }
        Ok((directory, if name.is_empty() { "." } else { name }))
    }

    /// Runs a system call on the last name of `path`.
    fn at<T>(&self, path: &str, call: impl FnOnce(&OwnedFd, &str) -> rustix::io::Result<T>) -> Result<T, Errno> {
        let (directory, name) = self.parent(path)?;
        call(&directory, name).map_err(errno)
    }

    /// The same on two paths.
    fn at_both<T>(
        &self,
        [first, second]: [&str; 2],
        call: impl FnOnce(&OwnedFd, &str, &OwnedFd, &str) -> rustix::io::Result<T>,
    ) -> Result<T, Errno> {
        let (first, second) = (self.parent(first)?, self.parent(second)?);
        call(&first.0, first.1, &second.0, second.1).map_err(errno)
    }
}

impl HostTree for UnixTree {
    fn attributes(&self, path: &str) -> Result<HostAttributes, Errno> {
        self.at(path, |directory, name| fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)).map(attributes)
    }

    fn open(&self, path: &str, how: OpenHow) -> Result<Box<dyn HostFile>, Errno> {
        let mut flags = match (how.read, how.write) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        flags |= OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        flags.set(OFlags::CREATE, how.create);
        flags.set(OFlags::EXCL, how.exclusive);
        flags.set(OFlags::TRUNC, how.truncate);
        let mode = Mode::from_raw_mode(0o666);
        let file = self.at(path, |directory, name| fs::openat(directory, name, flags, mode))?;
        Ok(Box::new(UnixFile(file)))
    }

    fn entries(&self, path: &str) -> Result<Vec<HostEntry>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = self.at(path, |directory, name| fs::openat(directory, name, flags, Mode::empty()))?;
        let mut entries = Vec::new();
        for entry in fs::Dir::new(directory).map_err(errno)? {
            let entry = entry.map_err(errno)?;
            // A name that is not UTF-8 is not shown, as nobody could ask for it.
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => {
                    let kind = kind(entry.file_type());
                    entries.push(HostEntry { name: name.to_owned(), kind, inode: entry.ino() });
                }
            }
        }
        Ok(entries)
    }

    fn make_directory(&self, path: &str) -> Result<(), Errno> {
        self.at(path, |directory, name| fs::mkdirat(directory, name, Mode::from_raw_mode(0o777)))
    }

    fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        self.at(path, |directory, name| fs::unlinkat(directory, name, AtFlags::REMOVEDIR))
    }

    fn remove_file(&self, path: &str) -> Result<(), Errno> {
        self.at(path, |directory, name| fs::unlinkat(directory, name, AtFlags::empty()))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.at_both([from, to], |old, from, new, to| fs::renameat(old, from, new, to))
    }

    fn link(&self, existing: &str, new: &str) -> Result<(), Errno> {
        self.at_both([existing, new], |old, existing, directory, new| {
            fs::linkat(old, existing, directory, new, AtFlags::empty())
        })
    }

    fn make_symlink(&self, target: &str, new: &str) -> Result<(), Errno> {
        self.at(new, |directory, name| fs::symlinkat(target, directory, name))
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        let target = self.at(path, |directory, name| fs::readlinkat(directory, name, Vec::new()))?;
        target.into_string().map_err(|_| Errno::ILSEQ)
    }

    fn set_times(&self, path: &str, times: SetTimes) -> Result<(), Errno> {
        let times = timestamps(times);
        self.at(path, |directory, name| fs::utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW))
    }
}

impl HostFile for UnixFile {
    fn attributes(&self) -> Result<HostAttributes, Errno> {
        fs::fstat(&self.0).map(attributes).map_err(errno)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::pread(&self.0, into, offset).map_err(errno)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        rustix::io::pwrite(&self.0, bytes, offset).map_err(errno)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        fs::ftruncate(&self.0, size).map_err(errno)
    }

    fn set_times(&self, times: SetTimes) -> Result<(), Errno> {
        fs::futimens(&self.0, &timestamps(times)).map_err(errno)
    }

    fn sync(&self) -> Result<(), Errno> {
        fs::fsync(&self.0).map_err(errno)
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error().unsigned_abs())
}

fn attributes(stat: Stat) -> HostAttributes {
    let ns = |seconds: i64, ns: u64| u64::try_from(seconds).unwrap_or(0).saturating_mul(NS).saturating_add(ns);
    HostAttributes {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        device: stat.st_dev,
        inode: stat.st_ino,
        links: stat.st_nlink,
        size: stat.st_size.unsigned_abs(),
        accessed_ns: ns(stat.st_atime, stat.st_atime_nsec),
        modified_ns: ns(stat.st_mtime, stat.st_mtime_nsec),
        changed_ns: ns(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn kind(kind: FileType) -> FileKind {
    match kind {
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::CharacterDevice => FileKind::CharacterDevice,
        FileType::BlockDevice => FileKind::BlockDevice,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::Regular,
    }
}

fn timestamps(times: SetTimes) -> Timestamps {
    let time = |time: Option<SetTime>| match time {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(SetTime::Now) => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        Some(SetTime::At(ns)) => Timespec { tv_sec: (ns / NS) as i64, tv_nsec: (ns % NS) as i64 },
    };
    Timestamps { last_access: time(times.accessed), last_modification: time(times.modified) }
}

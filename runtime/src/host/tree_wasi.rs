//! Directory trees in WASI preview 1: the preopens. The host sees to it that no path leads out of one; links in the last
//! place are not followed. wasmtime neither makes nor reads a symbolic link with an absolute target (EPERM).

#![allow(unsafe_code)]

use super::directories::DirectoryError;
use super::options::Options;
use crate::devices::virtio::ninep::{
    Errno, FileKind, HostAttributes, HostEntry, HostFile, HostTree, OpenHow, SetTime, SetTimes, SharedDirectory,
};

/// The first descriptor after the standard streams: preopens are there, one after the other.
const FIRST: wasi::Fd = 3;
const NO_FOLLOW: wasi::Lookupflags = 0;
/// What is asked of a file, where the preopen gives it.
const OF_FILES: wasi::Rights = wasi::RIGHTS_FD_SEEK
    | wasi::RIGHTS_FD_TELL
    | wasi::RIGHTS_FD_SYNC
    | wasi::RIGHTS_FD_FILESTAT_GET
    | wasi::RIGHTS_FD_FILESTAT_SET_TIMES;
const TO_WRITE: wasi::Rights = wasi::RIGHTS_FD_WRITE | wasi::RIGHTS_FD_FILESTAT_SET_SIZE;
/// Size of the head of a directory entry in bytes: cookie, inode, length of the name, type, padding.
const ENTRY: usize = 24;
/// First size of the buffer for directory entries in bytes; it grows, since hosts read all before the cookie again.
const ENTRIES: usize = 64 << 10;
/// Longest target of a symbolic link, in bytes.
const TARGET: usize = 4096;

/// All preopens.
pub(super) fn directories(_: &Options) -> Result<Vec<SharedDirectory>, DirectoryError> {
    let mut directories = Vec::new();
    for descriptor in FIRST.. {
        // SAFETY: the call only writes its own result.
        let Ok(prestat) = (unsafe { wasi::fd_prestat_get(descriptor) }) else { break };
        if prestat.tag != wasi::PREOPENTYPE_DIR.raw() {
            continue;
        }
        // SAFETY: the tag says that it is a directory.
        let length = unsafe { prestat.u.dir.pr_name_len };
        let tree = WasiTree::open(descriptor, length);
        let (guest, tree) =
            tree.map_err(|error| DirectoryError::Host { name: format!("of descriptor {descriptor}"), error })?;
        directories.push(SharedDirectory { guest, read_only: false, tree: Box::new(tree) });
    }
    Ok(directories)
}

/// A preopen.
struct WasiTree {
    root: wasi::Fd,
    /// Rights that an opened file may have.
    rights: wasi::Rights,
}

/// An open file or directory of the host, closed when it goes.
struct Descriptor(wasi::Fd);

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: nobody else has the descriptor. An error changes nothing.
        let _ = unsafe { wasi::fd_close(self.0) };
    }
}

impl WasiTree {
    /// The preopen and its name, of `length` bytes.
    fn open(root: wasi::Fd, length: usize) -> Result<(String, WasiTree), Errno> {
        let mut name = vec![0; length];
        // SAFETY: the host writes `length` bytes at most.
        unsafe { wasi::fd_prestat_dir_name(root, name.as_mut_ptr(), length) }.map_err(errno)?;
        // Some hosts count a NUL at the end.
        name.retain(|&byte| byte != 0);
        let name = String::from_utf8(name).map_err(|_| Errno::ILSEQ)?;
        // SAFETY: the call only writes its own result.
        let rights = unsafe { wasi::fd_fdstat_get(root) }.map_err(errno)?.fs_rights_inheriting;
        Ok((name, WasiTree { root, rights }))
    }

    fn open_at(&self, path: &str, flags: wasi::Oflags, rights: wasi::Rights) -> Result<Descriptor, Errno> {
        let rights = rights & self.rights;
        // SAFETY: the host reads `path`.
        let opened = unsafe { wasi::path_open(self.root, NO_FOLLOW, named(path), flags, rights, rights, 0) };
        opened.map(Descriptor).map_err(errno)
    }
}

impl HostTree for WasiTree {
    fn attributes(&self, path: &str) -> Result<HostAttributes, Errno> {
        // SAFETY: the host reads `path`.
        unsafe { wasi::path_filestat_get(self.root, NO_FOLLOW, named(path)) }.map(attributes).map_err(errno)
    }

    fn open(&self, path: &str, how: OpenHow) -> Result<Box<dyn HostFile>, Errno> {
        let mut flags = 0;
        for (set, flag) in
            [(how.create, wasi::OFLAGS_CREAT), (how.exclusive, wasi::OFLAGS_EXCL), (how.truncate, wasi::OFLAGS_TRUNC)]
        {
            flags |= if set { flag } else { 0 };
        }
        let read = if how.read { wasi::RIGHTS_FD_READ } else { 0 };
        let write = if how.write { TO_WRITE } else { 0 };
        Ok(Box::new(self.open_at(path, flags, OF_FILES | read | write)?))
    }

    fn entries(&self, path: &str) -> Result<Vec<HostEntry>, Errno> {
        let rights = wasi::RIGHTS_FD_READDIR | wasi::RIGHTS_FD_FILESTAT_GET;
        let directory = self.open_at(path, wasi::OFLAGS_DIRECTORY, rights)?;
        let (mut entries, mut cookie, mut buffer) = (Vec::new(), wasi::DIRCOOKIE_START, vec![0; ENTRIES]);
        loop {
            // SAFETY: the host writes at most as many bytes as the buffer has.
            let read = unsafe { wasi::fd_readdir(directory.0, buffer.as_mut_ptr(), buffer.len(), cookie) };
            let read = read.map_err(errno)?.min(buffer.len());
            let next = append_entries(&buffer[..read], &mut entries);
            if read < buffer.len() {
                return Ok(entries);
            }
            cookie = next.unwrap_or(cookie);
            buffer.resize(buffer.len() * 2, 0);
        }
    }

    fn make_directory(&self, path: &str) -> Result<(), Errno> {
        // SAFETY: the host reads `path`.
        unsafe { wasi::path_create_directory(self.root, named(path)) }.map_err(errno)
    }

    fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        // SAFETY: the host reads `path`.
        unsafe { wasi::path_remove_directory(self.root, named(path)) }.map_err(errno)
    }

    fn remove_file(&self, path: &str) -> Result<(), Errno> {
        // SAFETY: the host reads `path`.
        unsafe { wasi::path_unlink_file(self.root, named(path)) }.map_err(errno)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        // SAFETY: the host reads both paths.
        unsafe { wasi::path_rename(self.root, named(from), self.root, named(to)) }.map_err(errno)
    }

    fn link(&self, existing: &str, new: &str) -> Result<(), Errno> {
        // SAFETY: the host reads both paths.
        unsafe { wasi::path_link(self.root, NO_FOLLOW, named(existing), self.root, named(new)) }.map_err(errno)
    }

    fn make_symlink(&self, target: &str, new: &str) -> Result<(), Errno> {
        // SAFETY: the host reads both texts.
        unsafe { wasi::path_symlink(target, self.root, named(new)) }.map_err(errno)
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        let mut target = vec![0; TARGET];
        // SAFETY: the host writes at most as many bytes as `target` has.
        let length = unsafe { wasi::path_readlink(self.root, named(path), target.as_mut_ptr(), target.len()) };
        target.truncate(length.map_err(errno)?);
        String::from_utf8(target).map_err(|_| Errno::ILSEQ)
    }

    fn set_times(&self, path: &str, times: SetTimes) -> Result<(), Errno> {
        let (accessed, modified, flags) = timestamps(times);
        // SAFETY: the host reads `path`.
        unsafe { wasi::path_filestat_set_times(self.root, NO_FOLLOW, named(path), accessed, modified, flags) }
            .map_err(errno)
    }
}

impl HostFile for Descriptor {
    fn attributes(&self) -> Result<HostAttributes, Errno> {
        // SAFETY: the call only writes its own result.
        unsafe { wasi::fd_filestat_get(self.0) }.map(attributes).map_err(errno)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let piece = wasi::Iovec { buf: into.as_mut_ptr(), buf_len: into.len() };
        // SAFETY: the host writes at most `buf_len` bytes at `buf`, which is borrowed exclusively.
        let read = unsafe { wasi::fd_pread(self.0, &[piece], offset) }.map_err(errno)?;
        Ok(read.min(into.len()))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let piece = wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() };
        // SAFETY: the host reads at most `buf_len` bytes at `buf`, which is borrowed.
        let written = unsafe { wasi::fd_pwrite(self.0, &[piece], offset) }.map_err(errno)?;
        Ok(written.min(bytes.len()))
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        // SAFETY: the call takes integers.
        unsafe { wasi::fd_filestat_set_size(self.0, size) }.map_err(errno)
    }

    fn set_times(&self, times: SetTimes) -> Result<(), Errno> {
        let (accessed, modified, flags) = timestamps(times);
        // SAFETY: the call takes integers.
        unsafe { wasi::fd_filestat_set_times(self.0, accessed, modified, flags) }.map_err(errno)
    }

    fn sync(&self) -> Result<(), Errno> {
        // SAFETY: the call takes an integer.
        unsafe { wasi::fd_sync(self.0) }.map_err(errno)
    }
}

/// A path as WASI wants it: the root is `.`.
fn named(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Takes whole entries off `bytes`; returns where to go on, if there was one.
fn append_entries(mut bytes: &[u8], entries: &mut Vec<HostEntry>) -> Option<wasi::Dircookie> {
    let mut next = None;
    let integer = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    while let Some((head, rest)) = bytes.split_first_chunk::<ENTRY>() {
        let Some((name, rest)) = rest.split_at_checked(integer(&head[16..20]) as usize) else { break };
        bytes = rest;
        next = Some(integer(&head[..8]));
        if let Ok(name) = std::str::from_utf8(name)
            && !matches!(name, "." | "..")
        {
            entries.push(HostEntry { name: name.to_owned(), kind: kind(head[20]), inode: integer(&head[8..16]) });
        }
    }
    next
}

fn attributes(stat: wasi::Filestat) -> HostAttributes {
    HostAttributes {
        kind: kind(stat.filetype.raw()),
        device: stat.dev,
        inode: stat.ino,
        links: stat.nlink,
        size: stat.size,
        accessed_ns: stat.atim,
        modified_ns: stat.mtim,
        changed_ns: stat.ctim,
    }
}

/// WASI does not tell pipes from what it does not know.
fn kind(kind: u8) -> FileKind {
    const BLOCK: u8 = wasi::FILETYPE_BLOCK_DEVICE.raw();
    const CHARACTER: u8 = wasi::FILETYPE_CHARACTER_DEVICE.raw();
    const DIRECTORY: u8 = wasi::FILETYPE_DIRECTORY.raw();
    const REGULAR: u8 = wasi::FILETYPE_REGULAR_FILE.raw();
    const STREAM: u8 = wasi::FILETYPE_SOCKET_STREAM.raw();
    const DATAGRAM: u8 = wasi::FILETYPE_SOCKET_DGRAM.raw();
    const LINK: u8 = wasi::FILETYPE_SYMBOLIC_LINK.raw();
    match kind {
        BLOCK => FileKind::BlockDevice,
        CHARACTER => FileKind::CharacterDevice,
        DIRECTORY => FileKind::Directory,
        REGULAR => FileKind::Regular,
        STREAM | DATAGRAM => FileKind::Socket,
        LINK => FileKind::Symlink,
        _ => FileKind::Fifo,
    }
}

fn timestamps(times: SetTimes) -> (wasi::Timestamp, wasi::Timestamp, wasi::Fstflags) {
    let flag = |time: Option<SetTime>, at, now| match time {
        None => (0, 0),
        Some(SetTime::Now) => (0, now),
        Some(SetTime::At(ns)) => (ns, at),
    };
    let (accessed, of_access) = flag(times.accessed, wasi::FSTFLAGS_ATIM, wasi::FSTFLAGS_ATIM_NOW);
    let (modified, of_change) = flag(times.modified, wasi::FSTFLAGS_MTIM, wasi::FSTFLAGS_MTIM_NOW);
    (accessed, modified, of_access | of_change)
}

/// What a WASI error is in Linux. A missing right is EACCES; what Linux's directories do not know is EIO.
#[rustfmt::skip]
fn errno(error: wasi::Errno) -> Errno {
    const ERRNOS: &[(wasi::Errno, Errno)] = &[
        (wasi::ERRNO_ACCES,       Errno::ACCES),
        (wasi::ERRNO_AGAIN,       Errno::AGAIN),
        (wasi::ERRNO_BADF,        Errno::BADF),
        (wasi::ERRNO_BUSY,        Errno::BUSY),
        (wasi::ERRNO_DQUOT,       Errno::DQUOT),
        (wasi::ERRNO_EXIST,       Errno::EXIST),
        (wasi::ERRNO_FBIG,        Errno::FBIG),
        (wasi::ERRNO_ILSEQ,       Errno::ILSEQ),
        (wasi::ERRNO_INTR,        Errno::INTR),
        (wasi::ERRNO_INVAL,       Errno::INVAL),
        (wasi::ERRNO_ISDIR,       Errno::ISDIR),
        (wasi::ERRNO_LOOP,        Errno::LOOP),
        (wasi::ERRNO_MFILE,       Errno::MFILE),
        (wasi::ERRNO_MLINK,       Errno::MLINK),
        (wasi::ERRNO_NAMETOOLONG, Errno::NAMETOOLONG),
        (wasi::ERRNO_NFILE,       Errno::NFILE),
        (wasi::ERRNO_NOENT,       Errno::NOENT),
        (wasi::ERRNO_NOMEM,       Errno::NOMEM),
        (wasi::ERRNO_NOSPC,       Errno::NOSPC),
        (wasi::ERRNO_NOSYS,       Errno::NOSYS),
        (wasi::ERRNO_NOTCAPABLE,  Errno::ACCES),
        (wasi::ERRNO_NOTDIR,      Errno::NOTDIR),
        (wasi::ERRNO_NOTEMPTY,    Errno::NOTEMPTY),
        (wasi::ERRNO_NOTSUP,      Errno::OPNOTSUPP),
        (wasi::ERRNO_NXIO,        Errno::NXIO),
        (wasi::ERRNO_OVERFLOW,    Errno::OVERFLOW),
        (wasi::ERRNO_PERM,        Errno::PERM),
        (wasi::ERRNO_ROFS,        Errno::ROFS),
        (wasi::ERRNO_SPIPE,       Errno::SPIPE),
        (wasi::ERRNO_STALE,       Errno::STALE),
        (wasi::ERRNO_TXTBSY,      Errno::TXTBSY),
        (wasi::ERRNO_XDEV,        Errno::XDEV),
    ];
    ERRNOS.iter().find(|(wasi, _)| *wasi == error).map_or(Errno::IO, |&(_, linux)| linux)
}

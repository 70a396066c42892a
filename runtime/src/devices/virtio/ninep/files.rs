//! Operations on one file: open, read, write, attributes, what is in a directory.

use super::errno::Errno;
use super::fid::{Open, OpenFile, OpenMode, Place};
use super::listing::{ListedEntry, Listing};
use super::message::{FidNumber, READ_HEADER, SetAttributes};
use super::path::TreePath;
use super::remembered::{Owner, Remembered};
use super::server::Server;
use super::tree::{FileKind, HostAttributes, OpenHow, SetTimes};
use super::wire::Append;

/// Flags of `Tlopen` and `Tlcreate` (Linux, `P9_DOTL_…`, octal as in `fcntl.h`).
const ACCESS: u32 = 0o3;
const WRITE_ONLY: u32 = 0o1;
const EXCLUSIVE: u32 = 0o200;
const TRUNCATE: u32 = 0o1000;
const APPEND: u32 = 0o2000;

/// `Tgetattr`: everything that stat(2) has is valid (Linux, `P9_STATS_BASIC`).
const BASIC: u64 = 0x7ff;
/// Block size that programs read and write by, in bytes.
const BLOCK_SIZE: u64 = 64 << 10;
/// Unit of `st_blocks` in bytes.
const SECTOR: u64 = 512;
const NS: u64 = 1_000_000_000;

/// `Tstatfs`: the type of 9P file systems (Linux, `V9FS_MAGIC`), and a size that nobody knows.
const MAGIC: u32 = 0x0102_1997;
const STATFS_BLOCK: u32 = 4096;
const STATFS_BLOCKS: u64 = (1 << 40) / STATFS_BLOCK as u64;
const STATFS_FILES: u64 = 1 << 32;

/// `Tlock`: granted (Linux, `P9_LOCK_SUCCESS`). `Tgetlock`: nothing is locked (`P9_LOCK_TYPE_UNLCK`).
const LOCK_SUCCESS: u8 = 0;
const UNLOCKED: u8 = 2;

impl OpenMode {
    fn of_flags(flags: u32) -> OpenMode {
        let access = flags & ACCESS;
        OpenMode { read: access != WRITE_ONLY, write: access != 0, append: flags & APPEND != 0 }
    }
}

impl Server {
    pub(super) fn open(&mut self, number: FidNumber, flags: u32, reply: &mut Vec<u8>) -> Result<(), Errno> {
        let fid = self.fids.get(number)?;
        if fid.open.is_some() {
            return Err(Errno::BADF);
        }
        let (mode, truncate, qid) = (OpenMode::of_flags(flags), flags & TRUNCATE != 0, fid.qid());
        let open = match fid.kind {
            FileKind::Directory if mode.write || truncate => return Err(Errno::ISDIR),
            FileKind::Directory => Open::Directory(None),
            FileKind::Regular => {
                let changes = mode.write || truncate;
                let (tree, path) = if changes { self.changeable(fid) } else { self.located(fid) }?;
                let how = OpenHow { read: mode.read, write: changes, truncate, ..OpenHow::default() };
                Open::File(OpenFile { file: self.tree(tree)?.open(path.as_str(), how)?, mode })
            }
            FileKind::Symlink => return Err(Errno::LOOP),
            // Pipes, sockets and devices are the guest's own.
            _ => return Err(Errno::NXIO),
        };
        self.fids.set_open(number, open)?;
        qid.append_to(reply);
        reply.u32(0);
        Ok(())
    }

    /// Makes and opens a file; the directory's fid is the file's from then on.
    pub(super) fn create(
        &mut self,
        directory: FidNumber,
        name: &[u8],
        flags: u32,
        (mode, gid): (u32, u32),
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let (user, tree, path) = self.new_place(directory, name)?;
        if self.fids.get(directory)?.open.is_some() {
            return Err(Errno::BADF);
        }
        let access = OpenMode::of_flags(flags);
        let how = OpenHow { read: access.read, write: access.write, create: true, exclusive: true, truncate: false };
        let file = match self.tree(tree)?.open(path.as_str(), how) {
            Err(Errno::EXIST) if flags & EXCLUSIVE == 0 => {
                let how = OpenHow { create: false, exclusive: false, truncate: flags & TRUNCATE != 0, ..how };
                let file = self.tree(tree)?.open(path.as_str(), how)?;
                let fid = self.fid_at(Place::In { tree, path }, user)?;
                fid.qid().append_to(reply);
                self.fids.replace(directory, fid)?;
                file
            }
            file => {
                let file = file?;
                let fid = self.made((user, tree, path), Some(mode), gid, reply)?;
                self.fids.replace(directory, fid)?;
                file
            }
        };
        self.fids.set_open(directory, Open::File(OpenFile { file, mode: access }))?;
        reply.u32(0);
        Ok(())
    }

    /// An open file that is good for what `allowed` asks.
    fn open_file(&self, number: FidNumber, allowed: fn(&OpenMode) -> bool) -> Result<&OpenFile, Errno> {
        match &self.fids.get(number)?.open {
            Some(Open::File(open)) if allowed(&open.mode) => Ok(open),
            Some(Open::Directory(_)) => Err(Errno::ISDIR),
            _ => Err(Errno::BADF),
        }
    }

    /// Reads at most `limit` bytes: as many as there are, though the host may give them in pieces.
    pub(super) fn read(
        &mut self,
        number: FidNumber,
        offset: u64,
        limit: usize,
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let open = self.open_file(number, |mode| mode.read)?;
        let start = reply.len() + 4;
        reply.resize(start + limit, 0);
        let mut length = 0;
        while length < limit {
            let at = offset.checked_add(length as u64).ok_or(Errno::INVAL)?;
            match open.file.read(at, &mut reply[start + length..])? {
                0 => break,
                more => length += more,
            }
        }
        reply.truncate(start + length);
        reply[start - 4..start].copy_from_slice(&(length as u32).to_le_bytes());
        debug_assert_eq!(start, READ_HEADER);
        Ok(())
    }

    pub(super) fn write(
        &mut self,
        number: FidNumber,
        offset: u64,
        data: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let open = self.open_file(number, |mode| mode.write)?;
        let offset = if open.mode.append { open.file.attributes()?.size } else { offset };
        let mut length = 0;
        while length < data.len() {
            let at = offset.checked_add(length as u64).ok_or(Errno::FBIG)?;
            match open.file.write(at, &data[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                // What was written before counts; the next request meets the error again.
                Err(error) if length == 0 => return Err(error),
                Err(_) => break,
            }
        }
        reply.u32(length as u32);
        Ok(())
    }

    pub(super) fn readdir(
        &mut self,
        number: FidNumber,
        offset: u64,
        limit: usize,
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let fid = self.fids.get(number)?;
        match &fid.open {
            Some(Open::Directory(Some(_))) if offset != 0 => {}
            Some(Open::Directory(_)) => {
                let listing = self.list(number)?;
                self.fids.set_open(number, Open::Directory(Some(listing)))?;
            }
            Some(Open::File(_)) => return Err(Errno::NOTDIR),
            None => return Err(Errno::BADF),
        }
        let start = reply.len();
        reply.u32(0);
        if let Some(Open::Directory(Some(listing))) = &self.fids.get(number)?.open {
            listing.append_to(reply, offset, limit);
        }
        let length = reply.len() - start - 4;
        reply[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
        Ok(())
    }

    /// What is in a directory now.
    fn list(&mut self, number: FidNumber) -> Result<Listing, Errno> {
        let fid = self.fids.get(number)?;
        let (place, identity, user) = (fid.place.clone(), fid.identity, fid.user);
        let entry = |name: String, identity, kind| ListedEntry { name, kind, identity };
        let mut entries = vec![entry(".".to_owned(), identity, FileKind::Directory)];
        let parent = |server: &mut Server, place| {
            Ok(entry("..".to_owned(), server.fid_at(place, user)?.identity, FileKind::Directory))
        };
        match place {
            Place::Top => {
                entries.push(parent(self, Place::Top)?);
                for tree in 0..self.trees.len() {
                    let fid = self.fid_at(Place::In { tree, path: TreePath::default() }, user)?;
                    entries.push(entry(tree.to_string(), fid.identity, FileKind::Directory));
                }
            }
            Place::In { tree, path } => {
                entries.push(parent(self, Place::In { tree, path: path.parent() })?);
                let device = self.tree(tree)?.attributes(path.as_str())?.device;
                let bits = self.device_bits(device);
                let found = self.tree(tree)?.entries(path.as_str())?;
                entries.extend(found.into_iter().map(|found| entry(found.name, found.inode ^ bits, found.kind)));
            }
        }
        Ok(Listing::new(entries))
    }

    pub(super) fn getattr(&mut self, number: FidNumber, reply: &mut Vec<u8>) -> Result<(), Errno> {
        let attributes = match self.fids.get(number)?.place {
            Place::Top => TOP_ATTRIBUTES,
            Place::In { .. } => self.attributes(number)?,
        };
        let fid = self.fids.get(number)?;
        let (mode, Owner { uid, gid }) = self.memory.of(fid.identity, attributes.kind, self.owner);
        reply.u64(BASIC);
        fid.qid().append_to(reply);
        [mode, uid, gid].into_iter().for_each(|value| reply.u32(value));
        let blocks = attributes.size.div_ceil(SECTOR);
        // The device that a special file stands for is not known: 0.
        [attributes.links, 0, attributes.size, BLOCK_SIZE, blocks].into_iter().for_each(|value| reply.u64(value));
        // The time of birth, generation and data version are not valid.
        for time in [attributes.accessed_ns, attributes.modified_ns, attributes.changed_ns, 0] {
            reply.u64(time / NS);
            reply.u64(time % NS);
        }
        reply.u64(0);
        reply.u64(0);
        Ok(())
    }

    /// Size and times are the host's; mode and owner are remembered.
    pub(super) fn setattr(&mut self, number: FidNumber, set: &SetAttributes) -> Result<(), Errno> {
        let fid = self.fids.get(number)?;
        let (tree, path) = self.changeable(fid)?;
        let identity = fid.identity;
        if let Some(size) = set.size {
            self.set_size(number, size)?;
        }
        if set.accessed.is_some() || set.modified.is_some() {
            let times = SetTimes { accessed: set.accessed, modified: set.modified };
            match (self.tree(tree)?.set_times(path.as_str(), times), self.fids.open_file(identity)) {
                (Err(Errno::NOENT), Some(open)) => open.file.set_times(times),
                (done, _) => done,
            }?;
        }
        if set.mode.is_some() || set.uid.is_some() || set.gid.is_some() {
            self.memory.set(identity, Remembered { mode: set.mode, uid: set.uid, gid: set.gid });
        }
        Ok(())
    }

    fn set_size(&mut self, number: FidNumber, size: u64) -> Result<(), Errno> {
        let fid = self.fids.get(number)?;
        match (&fid.open, fid.kind) {
            (Some(Open::File(open)), _) if open.mode.write => open.file.set_size(size),
            (_, FileKind::Directory) => Err(Errno::ISDIR),
            (_, FileKind::Regular) => {
                let (tree, path) = self.located(fid)?;
                let how = OpenHow { write: true, ..OpenHow::default() };
                self.tree(tree)?.open(path.as_str(), how)?.set_size(size)
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// Makes an open file durable; a directory has nothing that WASI could make so.
    pub(super) fn fsync(&mut self, number: FidNumber) -> Result<(), Errno> {
        match &self.fids.get(number)?.open {
            Some(Open::File(open)) => open.file.sync(),
            Some(Open::Directory(_)) => Ok(()),
            None => Err(Errno::BADF),
        }
    }

    /// Nobody else locks: the guest's kernel has settled it among its processes.
    pub(super) fn lock(&mut self, number: FidNumber, reply: &mut Vec<u8>) -> Result<(), Errno> {
        self.fids.get(number)?;
        reply.u8(LOCK_SUCCESS);
        Ok(())
    }

    pub(super) fn getlock(
        &mut self,
        number: FidNumber,
        (start, length): (u64, u64),
        process: u32,
        client: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        self.fids.get(number)?;
        reply.u8(UNLOCKED);
        reply.u64(start);
        reply.u64(length);
        reply.u32(process);
        reply.string(client);
        Ok(())
    }

    /// A file system of 1 TiB, all of it free, since WASI tells no sizes.
    pub(super) fn statfs(&mut self, number: FidNumber, reply: &mut Vec<u8>) -> Result<(), Errno> {
        self.fids.get(number)?;
        reply.u32(MAGIC);
        reply.u32(STATFS_BLOCK);
        for value in [STATFS_BLOCKS, STATFS_BLOCKS, STATFS_BLOCKS, STATFS_FILES, STATFS_FILES, 0] {
            reply.u64(value);
        }
        reply.u32(super::path::NAME_MAX as u32);
        Ok(())
    }
}

/// The directory above the shared ones.
const TOP_ATTRIBUTES: HostAttributes = HostAttributes {
    kind: FileKind::Directory,
    device: 0,
    inode: 0,
    links: 2,
    size: 0,
    accessed_ns: 0,
    modified_ns: 0,
    changed_ns: 0,
};

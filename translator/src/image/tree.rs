//! A root file system in memory: a table of inodes, whose file contents lie in a temporary file.
//!
//! Invariants: inode 0 is the root directory; a directory has one entry that leads to it (so the tree has no cycle); other
//! inodes may have several (hard links) or none (removed by a later layer). Nothing here recurses on depth.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::name::Name;
use super::spill::{Content, ContentWriter, Spill};

/// Most inodes that an image may have.
const MAX_INODES: usize = 1 << 24;

/// Index of an inode in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InodeId(u32);

impl InodeId {
    /// The root directory.
    pub const ROOT: InodeId = InodeId(0);
}

/// A time since 1970, as files carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mtime {
    /// Seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below 10⁹.
    pub nanoseconds: u32,
}

/// A device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    major: u32,
    minor: u32,
}

impl Device {
    /// Errors beyond Linux's 12 bits of major and 20 bits of minor number.
    pub fn new(major: u64, minor: u64) -> Result<Device> {
        ensure!(major < 1 << 12 && minor < 1 << 20, "device number {major}:{minor} exceeds 4095:1048575");
        Ok(Device { major: major as u32, minor: minor as u32 })
    }

    /// The 32-bit form of `new_encode_dev` in Linux's include/linux/kdev_t.h.
    pub fn encode(self) -> u32 {
        (self.minor & 0xff) | (self.major << 8) | ((self.minor & !0xff) << 12)
    }
}

/// What an inode is, with what only that kind has.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A regular file.
    File(Content),
    /// A directory's entries, without `.` and `..`.
    Directory(BTreeMap<Name, InodeId>),
    /// A symbolic link's target, 1 to 4095 bytes.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
}

impl Kind {
    /// The `S_IFMT` bits of `st_mode`.
    pub fn format_bits(&self) -> u16 {
        match self {
            Kind::Fifo => 0o010000,
            Kind::CharDevice(_) => 0o020000,
            Kind::Directory(_) => 0o040000,
            Kind::BlockDevice(_) => 0o060000,
            Kind::File(_) => 0o100000,
            Kind::Symlink(_) => 0o120000,
        }
    }
}

/// Extended attributes by full name, for example `security.capability`.
pub type Xattrs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What every inode has.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// Permissions with set-user-ID, set-group-ID and sticky bits: at most 0o7777.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of last modification.
    pub mtime: Mtime,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

impl Meta {
    /// Of directories that nobody described: owned by root, searchable by all, of time 0.
    pub(crate) fn implied_directory() -> Meta {
        Meta { mode: 0o755, ..Meta::default() }
    }
}

/// A file of any kind.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Owner, permissions, time, attributes.
    pub meta: Meta,
    /// Kind and contents.
    pub kind: Kind,
}

/// A root file system.
#[derive(Debug)]
pub struct Tree {
    inodes: Vec<Inode>,
    spill: Spill,
}

impl Tree {
    /// A tree with nothing but its root directory. Errors if no temporary file can be made.
    pub fn new() -> Result<Tree> {
        let root = Inode { meta: Meta::implied_directory(), kind: Kind::Directory(BTreeMap::new()) };
        Ok(Tree { inodes: vec![root], spill: Spill::new()? })
    }

    /// The inode of that index.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0 as usize]
    }

    /// The inode's common part, to be changed.
    pub fn meta_mut(&mut self, id: InodeId) -> &mut Meta {
        &mut self.inodes[id.0 as usize].meta
    }

    /// Adds an inode that no entry leads to yet. A directory must come empty.
    pub fn add(&mut self, meta: Meta, kind: Kind) -> Result<InodeId> {
        ensure!(self.inodes.len() < MAX_INODES, "the image has more than {MAX_INODES} files");
        self.inodes.push(Inode { meta, kind });
        Ok(InodeId(self.inodes.len() as u32 - 1))
    }

    /// Starts the contents of a new file.
    pub(crate) fn content_writer(&mut self) -> ContentWriter<'_> {
        self.spill.writer()
    }

    /// Stores a file's contents: exactly `len` bytes of `input`.
    pub fn store(&mut self, input: &mut dyn Read, len: u64) -> Result<Content> {
        let mut writer = self.content_writer();
        writer.copy(input, len)?;
        writer.finish()
    }

    /// The entries of directory `dir`; none if it is something else.
    pub fn entries(&self, dir: InodeId) -> impl Iterator<Item = (&Name, InodeId)> {
        let entries = match &self.inode(dir).kind {
            Kind::Directory(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten().map(|(name, &id)| (name, id))
    }

    /// What `name` in directory `dir` is.
    pub fn lookup(&self, dir: InodeId, name: &Name) -> Option<InodeId> {
        match &self.inode(dir).kind {
            Kind::Directory(entries) => entries.get(name).copied(),
            _ => None,
        }
    }

    /// Makes `name` in `dir` lead to `id`, in place of what it led to. Errors if `dir` is no directory.
    pub fn link(&mut self, dir: InodeId, name: Name, id: InodeId) -> Result<()> {
        match &mut self.inodes[dir.0 as usize].kind {
            Kind::Directory(entries) => entries.insert(name, id),
            _ => bail!("cannot make {name:?} in what is not a directory"),
        };
        Ok(())
    }

    /// Removes `name` from `dir`, with everything below it.
    pub fn unlink(&mut self, dir: InodeId, name: &Name) {
        if let Kind::Directory(entries) = &mut self.inodes[dir.0 as usize].kind {
            entries.remove(name);
        }
    }

    /// Follows names from the root without following symbolic links.
    pub fn find(&self, path: &str) -> Result<Option<InodeId>> {
        let names = super::name::components(path.as_bytes()).context("malformed path")?;
        Ok(names.iter().try_fold(InodeId::ROOT, |dir, name| self.lookup(dir, name)))
    }

    /// Hands each run of `content` that is not a hole to `sink` as (offset in the file, bytes), in order.
    pub fn for_each_run(&self, content: &Content, sink: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        self.spill.for_each_run(content, sink)
    }

    /// The whole of a file's contents, which must be at most `limit` bytes.
    pub fn read(&self, content: &Content, limit: u64) -> Result<Vec<u8>> {
        ensure!(content.len() <= limit, "file has {} bytes, at most {limit} expected", content.len());
        let mut bytes = vec![0; content.len() as usize];
        self.for_each_run(content, |at, run| {
            bytes[at as usize..at as usize + run.len()].copy_from_slice(run);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Removes attributes whose names `keep` refuses; returns those names.
    pub(crate) fn retain_xattrs(&mut self, keep: impl Fn(&[u8]) -> bool) -> BTreeSet<Vec<u8>> {
        let mut removed = BTreeSet::new();
        for inode in &mut self.inodes {
            removed.extend(inode.meta.xattrs.extract_if(.., |name, _| !keep(name)).map(|(name, _)| name));
        }
        removed
    }

    /// All paths with their inodes, parents before children and siblings by name. Paths begin with `/`; the root is `/`.
    pub fn walk(&self) -> Walk<'_> {
        Walk { tree: self, stack: vec![(b"/".to_vec(), InodeId::ROOT)] }
    }

    /// SHA-256 over everything that can be seen in the tree: equal trees have equal digests, wherever they come from.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut seen = HashMap::new();
        for (path, id) in self.walk() {
            let next = seen.len() as u64;
            let first = *seen.entry(id).or_insert(next);
            field(&mut hash, &path);
            hash.update(first.to_le_bytes());
            if first == next {
                hash_inode(&mut hash, self.inode(id));
            }
        }
        hash.finalize().into()
    }
}

/// Iterator of [`Tree::walk`].
pub struct Walk<'a> {
    tree: &'a Tree,
    stack: Vec<(Vec<u8>, InodeId)>,
}

impl Iterator for Walk<'_> {
    type Item = (Vec<u8>, InodeId);

    fn next(&mut self) -> Option<Self::Item> {
        let (path, id) = self.stack.pop()?;
        let first = self.stack.len();
        self.stack.extend(self.tree.entries(id).map(|(name, child)| (join(&path, name), child)));
        self.stack[first..].reverse();
        Some((path, id))
    }
}

fn join(parent: &[u8], name: &Name) -> Vec<u8> {
    let separator: &[u8] = if parent.ends_with(b"/") { b"" } else { b"/" };
    [parent, separator, name.as_bytes()].concat()
}

fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn hash_inode(hash: &mut Sha256, inode: &Inode) {
    let meta = &inode.meta;
    hash.update((inode.kind.format_bits() | meta.mode).to_le_bytes());
    hash.update(meta.uid.to_le_bytes());
    hash.update(meta.gid.to_le_bytes());
    hash.update(meta.mtime.seconds.to_le_bytes());
    hash.update(meta.mtime.nanoseconds.to_le_bytes());
    hash.update((meta.xattrs.len() as u64).to_le_bytes());
    for (name, value) in &meta.xattrs {
        field(hash, name);
        field(hash, value);
    }
    match &inode.kind {
        Kind::File(content) => hash.update(content.sha256()),
        Kind::Symlink(target) => field(hash, target),
        Kind::CharDevice(device) | Kind::BlockDevice(device) => hash.update(device.encode().to_le_bytes()),
        Kind::Directory(_) | Kind::Fifo => {}
    }
}

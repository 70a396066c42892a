//! The host's side: a directory tree as the server uses it, and what the host says of a file.
//!
//! Paths are relative to the tree's root: names joined by `/`, empty for the root itself. No name is `.` or `..`. An
//! implementation never leaves the tree, whatever symbolic links are in it, and follows none in the last place: the
//! guest resolves them. Names are UTF-8, as WASI's are.

use super::errno::Errno;
use super::message::SetTime;

/// A directory of the host, for the guest to use.
pub struct SharedDirectory {
    /// Where the guest finds it.
    pub guest: String,
    /// Whether the guest may not change it.
    pub read_only: bool,
    /// What is in it.
    pub tree: Box<dyn HostTree>,
}

/// A directory tree of the host. Every method fails with the host's error as a Linux number.
#[expect(missing_docs, reason = "the names are those of the system calls")]
pub trait HostTree {
    fn attributes(&self, path: &str) -> Result<HostAttributes, Errno>;
    fn open(&self, path: &str, how: OpenHow) -> Result<Box<dyn HostFile>, Errno>;
    /// What is in a directory, without `.` and `..`.
    fn entries(&self, path: &str) -> Result<Vec<HostEntry>, Errno>;
    fn make_directory(&self, path: &str) -> Result<(), Errno>;
    fn remove_directory(&self, path: &str) -> Result<(), Errno>;
    fn remove_file(&self, path: &str) -> Result<(), Errno>;
    fn rename(&self, from: &str, to: &str) -> Result<(), Errno>;
    fn link(&self, existing: &str, new: &str) -> Result<(), Errno>;
    fn make_symlink(&self, target: &str, new: &str) -> Result<(), Errno>;
    fn read_link(&self, path: &str) -> Result<String, Errno>;
    fn set_times(&self, path: &str, times: SetTimes) -> Result<(), Errno>;
}

/// An open file of the host.
#[expect(missing_docs, reason = "the names are those of the system calls")]
pub trait HostFile {
    fn attributes(&self) -> Result<HostAttributes, Errno>;
    /// Reads at `offset`; how many bytes there were, 0 at the end.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno>;
    /// Writes at `offset`; how many bytes were written.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno>;
    fn set_size(&self, size: u64) -> Result<(), Errno>;
    fn set_times(&self, times: SetTimes) -> Result<(), Errno>;
    fn sync(&self) -> Result<(), Errno>;
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenHow {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Make it if it is missing.
    pub create: bool,
    /// With `create`: fail if it exists.
    pub exclusive: bool,
    /// Empty it.
    pub truncate: bool,
}

/// Times to set; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetTimes {
    /// Of the last access.
    pub accessed: Option<SetTime>,
    /// Of the last change of the content.
    pub modified: Option<SetTime>,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileKind {
    Fifo,
    CharacterDevice,
    Directory,
    BlockDevice,
    Regular,
    Symlink,
    Socket,
}

/// What the host says of a file: all that WASI preview 1 can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostAttributes {
    /// Its kind.
    pub kind: FileKind,
    /// The file system that it is in.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Bytes in it.
    pub size: u64,
    /// Last access, in nanoseconds since the Unix epoch.
    pub accessed_ns: u64,
    /// Last change of its content, in the same unit.
    pub modified_ns: u64,
    /// Last change of its attributes, in the same unit.
    pub changed_ns: u64,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// The name.
    pub name: String,
    /// Kind of the file.
    pub kind: FileKind,
    /// Its number in the directory's file system; 0 if the host does not say.
    pub inode: u64,
}

impl FileKind {
    /// File type bits of `st_mode` (inode(7)).
    pub(super) fn mode_bits(self) -> u32 {
        self.directory_type() << 12
    }

    /// `d_type` of readdir(3).
    pub(super) fn directory_type(self) -> u32 {
        match self {
            FileKind::Fifo => 1,
            FileKind::CharacterDevice => 2,
            FileKind::Directory => 4,
            FileKind::BlockDevice => 6,
            FileKind::Regular => 8,
            FileKind::Symlink => 10,
            FileKind::Socket => 12,
        }
    }

    /// The kind with this [`FileKind::directory_type`].
    pub(super) fn from_directory_type(number: u32) -> Option<FileKind> {
        use FileKind::*;
        [Fifo, CharacterDevice, Directory, BlockDevice, Regular, Symlink, Socket]
            .into_iter()
            .find(|kind| kind.directory_type() == number)
    }

    /// Type of a qid: QTDIR, QTSYMLINK, or QTFILE.
    pub(super) fn qid_type(self) -> u8 {
        match self {
            FileKind::Directory => 0x80,
            FileKind::Symlink => 0x02,
            _ => 0,
        }
    }
}

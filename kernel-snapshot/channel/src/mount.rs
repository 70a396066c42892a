//! Mounts as the kernel has them: what mount(2) is told.

use serde::{Deserialize, Serialize};

/// `MS_RDONLY` and others.
pub const RDONLY: u32 = 1 << 0;
/// See [`RDONLY`].
pub const NOSUID: u32 = 1 << 1;
/// See [`RDONLY`].
pub const NODEV: u32 = 1 << 2;
/// See [`RDONLY`].
pub const NOEXEC: u32 = 1 << 3;
/// See [`RDONLY`]. The source is a path of the machine, and its mount is the one that is mounted, with all that is below it.
pub const BIND: u32 = 1 << 12;
/// See [`RDONLY`].
pub const STRICTATIME: u32 = 1 << 24;

/// A mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted; for most kinds a name that says nothing.
    pub source: String,
    /// The kind of file system.
    pub kind: String,
    /// Where: an absolute path; made if missing.
    pub target: String,
    /// `MS_…` bits of `linux/mount.h`.
    pub flags: u32,
    /// The file system's own options, with commas between them.
    pub data: String,
}

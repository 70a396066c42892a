//! The extended inode of 64 bytes (`struct erofs_inode_extended`).

use super::super::tree::{Inode, Kind};
use super::layout::Node;
use super::xattr;

/// Size of the inode, without attributes and contents.
pub(super) const SIZE: u64 = 64;
/// Bit 0 of `i_format`: an extended inode.
const EXTENDED: u16 = 1;
/// Bits 1 to 3 of `i_format`: contents in blocks, or their end behind the inode.
const FLAT_PLAIN: u16 = 0 << 1;
const FLAT_INLINE: u16 = 2 << 1;

/// Writes the inode at the start of `bytes`. `number` is what 32-bit `stat` shows.
pub(super) fn write(inode: &Inode, node: &Node, number: u32, bytes: &mut [u8]) {
    let meta = &inode.meta;
    let layout = if node.inline > 0 { FLAT_INLINE } else { FLAT_PLAIN };
    let place = match &inode.kind {
        Kind::CharDevice(device) | Kind::BlockDevice(device) => device.encode(),
        _ => node.first_block as u32,
    };
    let fields: [(usize, &[u8]); 11] = [
        (0, &(EXTENDED | layout).to_le_bytes()),
        (2, &(xattr::count(&node.xattrs) as u16).to_le_bytes()),
        (4, &(inode.kind.format_bits() | meta.mode).to_le_bytes()),
        (8, &node.size.to_le_bytes()),
        (16, &place.to_le_bytes()),
        (20, &number.to_le_bytes()),
        (24, &meta.uid.to_le_bytes()),
        (28, &meta.gid.to_le_bytes()),
        (32, &meta.mtime.seconds.to_le_bytes()),
        (40, &meta.mtime.nanoseconds.to_le_bytes()),
        (44, &node.links.to_le_bytes()),
    ];
    for (at, field) in fields {
        bytes[at..at + field.len()].copy_from_slice(field);
    }
}

/// The kernel's `FT_*` number of a kind.
pub(super) fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory(_) => 2,
        Kind::CharDevice(_) => 3,
        Kind::BlockDevice(_) => 4,
        Kind::Fifo => 5,
        Kind::Symlink(_) => 7,
    }
}

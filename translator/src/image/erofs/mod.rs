//! Writes a [`Tree`] as an uncompressed EROFS image (Linux 6.1, `fs/erofs/erofs_fs.h` and
//! Documentation/filesystems/erofs.rst).
//!
//! ```text
//! block 0: 1024 bytes of zeros, superblock, inodes ─ each 64 bytes + attributes + short contents ─ … (metadata)
//! then, from block boundaries: whole blocks of large directories, long symbolic links, regular files
//! ```
//!
//! - 4 KiB blocks. Every regular file begins at a block and is contiguous (`EROFS_INODE_FLAT_PLAIN`), so that a kernel
//!   with DAX maps its pages straight from the image: page `n` of a file is page `offset / 4096 + n` of the image.
//! - Directories and symbolic links stand behind their inodes where the block has room (`EROFS_INODE_FLAT_INLINE`).
//! - Extended inodes with their own time; attributes within the inode; UUID and build time fixed; same tree, same bytes.
//! - Holes of files are holes of the output file, but zeros to a reader of the image.

mod directory;
mod inode;
mod layout;
mod superblock;
mod xattr;

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::tree::{Kind, Tree};
use layout::{Layout, Node};
pub(crate) use xattr::takes as takes_xattr;

/// Bytes of a block.
pub const BLOCK: u64 = 4096;
/// The image's size is a multiple of this: what persistent memory of x86 must be aligned to.
pub const ALIGNMENT: u64 = 2 << 20;

/// Where a file's bytes are in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileExtent {
    /// Absolute path in the root file system; of hard links the first in the order of [`Tree::walk`].
    pub path: PathBuf,
    /// Offset in the image, a multiple of [`BLOCK`].
    pub offset: u64,
    /// Length in bytes, at least 1.
    pub len: u64,
}

impl FileExtent {
    /// Whether it is an ELF file, by its first bytes in the image.
    pub(crate) fn is_elf(&self, image: &File) -> Result<bool> {
        const MAGIC: [u8; 4] = *b"\x7fELF";
        let mut start = [0; MAGIC.len()];
        // A file that is shorter has zeros behind it, or another file's block.
        let read = image.read_exact_at(&mut start, self.offset);
        read.with_context(|| format!("{}: cannot read it in the image", self.path.display()))?;
        Ok(start == MAGIC)
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErofsImage {
    /// Bytes of the image, a multiple of [`ALIGNMENT`].
    pub size: u64,
    /// Bytes in use; zeros follow.
    pub used: u64,
    /// Number of inodes.
    pub inodes: u64,
    /// All regular files that are not empty, by ascending offset, not overlapping.
    pub files: Vec<FileExtent>,
}

impl ErofsImage {
    /// The file that the byte at `offset` of the image belongs to.
    pub fn file_at(&self, offset: u64) -> Option<&FileExtent> {
        let after = self.files.partition_point(|file| file.offset <= offset);
        self.files[..after].last().filter(|file| offset - file.offset < file.len)
    }
}

/// Writes `tree` to `out`, in place of what it held. Errors if the tree exceeds the format, or `out` cannot be written.
pub fn write(tree: &Tree, out: &mut File) -> Result<ErofsImage> {
    let layout = Layout::new(tree)?;
    out.set_len(0).context("cannot truncate the image")?;
    write_blocks(tree, &layout, out).context("cannot write the image")?;
    out.set_len(layout.size).context("cannot extend the image")?;
    let files = layout.nodes.iter().filter_map(|node| node.extent(tree)).collect();
    Ok(ErofsImage { size: layout.size, used: layout.used, inodes: layout.nodes.len() as u64, files })
}

fn write_blocks(tree: &Tree, layout: &Layout, out: &mut File) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    out.rewind()?;
    out.write_all(&layout.metadata(tree))?;
    for node in layout.nodes.iter().filter(|node| node.blocks > 0) {
        let start = node.first_block * BLOCK;
        match &tree.inode(node.id).kind {
            Kind::File(content) => tree.for_each_run(content, |at, run| {
                out.seek(SeekFrom::Start(start + at))?;
                out.write_all(run)
            })?,
            Kind::Directory(_) | Kind::Symlink(_) => {
                out.seek(SeekFrom::Start(start))?;
                out.write_all(&layout.contents(tree, node)[..node.outside()])?;
            }
            Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo => {}
        }
    }
    out.flush()
}

impl Node {
    /// Where the node's bytes are if it is a regular file that has some.
    fn extent(&self, tree: &Tree) -> Option<FileExtent> {
        let Kind::File(content) = &tree.inode(self.id).kind else { return None };
        let extent = FileExtent { path: self.path.clone(), offset: self.first_block * BLOCK, len: content.len() };
        (!content.is_empty()).then_some(extent)
    }
}

//! Decides where everything goes before anything is written: first all inodes, then all blocks, both in the order of
//! [`Tree::walk`].
//!
//! An inode's number is its offset divided by 32. What is inline must not cross a block boundary; an inode that would
//! is moved to the next block.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::super::tree::{InodeId, Kind, Tree};
use super::directory::{self, Entry};
use super::superblock::{self, Superblock};
use super::{ALIGNMENT, BLOCK, inode, xattr};

/// Bytes that inodes are aligned to, the unit of their numbers.
const SLOT: u64 = 32;

/// An inode of the image.
pub(super) struct Node {
    pub(super) id: InodeId,
    /// The first path that leads here.
    pub(super) path: PathBuf,
    /// The directory of that path.
    parent: InodeId,
    /// Number of names; of a directory 2 and its subdirectories.
    pub(super) links: u32,
    pub(super) xattrs: Vec<u8>,
    /// Bytes of contents.
    pub(super) size: u64,
    /// Bytes at the end of the contents that stand behind the inode.
    pub(super) inline: u64,
    /// Where the inode is.
    offset: u64,
    /// Where the contents' blocks are, and how many.
    pub(super) first_block: u64,
    pub(super) blocks: u64,
}

impl Node {
    /// How many bytes of the contents are in blocks.
    pub(super) fn outside(&self) -> usize {
        (self.size - self.inline) as usize
    }

    fn nid(&self) -> u64 {
        self.offset / SLOT
    }
}

/// The whole image.
pub(super) struct Layout {
    pub(super) nodes: Vec<Node>,
    index: HashMap<InodeId, usize>,
    metadata: u64,
    /// Bytes up to the last block in use.
    pub(super) used: u64,
    /// Bytes with the padding.
    pub(super) size: u64,
}

impl Layout {
    pub(super) fn new(tree: &Tree) -> Result<Layout> {
        let (nodes, index) = collect(tree)?;
        let mut layout = Layout { nodes, index, metadata: superblock::END, used: 0, size: 0 };
        layout.place_inodes();
        layout.place_blocks();
        layout.size = layout.used.next_multiple_of(ALIGNMENT);
        ensure!(u32::try_from(layout.size / BLOCK).is_ok(), "image of {} bytes exceeds the format", layout.size);
        Ok(layout)
    }

    fn place_inodes(&mut self) {
        for node in &mut self.nodes {
            let fixed = inode::SIZE + node.xattrs.len() as u64;
            if fixed + node.inline > BLOCK {
                node.inline = 0;
            }
            let len = fixed + node.inline;
            let slot = self.metadata.next_multiple_of(SLOT);
            // Attributes may cross a boundary, where they are larger than a block they must.
            let crosses = slot / BLOCK != (slot + len - 1) / BLOCK;
            node.offset = if crosses && len <= BLOCK { slot.next_multiple_of(BLOCK) } else { slot };
            self.metadata = node.offset + len;
        }
    }

    fn place_blocks(&mut self) {
        let mut next = self.metadata.div_ceil(BLOCK);
        for node in &mut self.nodes {
            node.blocks = (node.size - node.inline).div_ceil(BLOCK);
            if node.blocks > 0 {
                node.first_block = next;
                next += node.blocks;
            }
        }
        self.used = next * BLOCK;
    }

    /// Block 0 to the last block of inodes.
    pub(super) fn metadata(&self, tree: &Tree) -> Vec<u8> {
        let mut bytes = vec![0; self.metadata.next_multiple_of(BLOCK) as usize];
        for (number, node) in self.nodes.iter().enumerate() {
            let bytes = &mut bytes[node.offset as usize..];
            let (fixed, rest) = bytes.split_at_mut(inode::SIZE as usize);
            inode::write(tree.inode(node.id), node, number as u32 + 1, fixed);
            let (xattrs, rest) = rest.split_at_mut(node.xattrs.len());
            xattrs.copy_from_slice(&node.xattrs);
            if node.inline > 0 {
                rest[..node.inline as usize].copy_from_slice(&self.contents(tree, node)[node.outside()..]);
            }
        }
        // The root directory comes first, so its number is small.
        let root_nid = self.nodes[0].nid() as u16;
        let (inodes, blocks) = (self.nodes.len() as u64, (self.size / BLOCK) as u32);
        Superblock { root_nid, inodes, blocks }.write(&mut bytes);
        bytes
    }

    /// The contents of a directory or symbolic link; of others nothing.
    pub(super) fn contents(&self, tree: &Tree, node: &Node) -> Vec<u8> {
        match &tree.inode(node.id).kind {
            Kind::Symlink(target) => target.clone(),
            Kind::Directory(_) => directory::encode(&self.entries(tree, node)),
            _ => Vec::new(),
        }
    }

    fn entries<'a>(&self, tree: &'a Tree, node: &Node) -> Vec<Entry<'a>> {
        let dots: [(&[u8], InodeId); 2] = [(b".", node.id), (b"..", node.parent)];
        let named = tree.entries(node.id).map(|(name, id)| (name.as_bytes(), id));
        let mut entries: Vec<_> = named.chain(dots).map(|(name, id)| self.entry(tree, name, id)).collect();
        entries.sort_by_key(|entry| entry.name);
        entries
    }

    fn entry<'a>(&self, tree: &Tree, name: &'a [u8], id: InodeId) -> Entry<'a> {
        let nid = self.nodes[self.index[&id]].nid();
        Entry { name, nid, file_type: inode::file_type(&tree.inode(id).kind) }
    }
}

/// All inodes that a path leads to.
fn collect(tree: &Tree) -> Result<(Vec<Node>, HashMap<InodeId, usize>)> {
    let (mut nodes, mut index): (Vec<Node>, HashMap<_, usize>) = (Vec::new(), HashMap::new());
    let mut parents = HashMap::from([(InodeId::ROOT, InodeId::ROOT)]);
    for (path, id) in tree.walk() {
        parents.extend(tree.entries(id).map(|(_, child)| (child, id)));
        if let Some(&known) = index.get(&id) {
            nodes[known].links += 1;
            continue;
        }
        let shown = || String::from_utf8_lossy(&path).into_owned();
        let node = node(tree, id, parents[&id]).with_context(shown)?;
        index.insert(id, nodes.len());
        nodes.push(Node { path: PathBuf::from(OsString::from_vec(path)), ..node });
    }
    Ok((nodes, index))
}

/// A node with its sizes, not placed yet.
fn node(tree: &Tree, id: InodeId, parent: InodeId) -> Result<Node> {
    let inode = tree.inode(id);
    let (size, links, may_inline) = match &inode.kind {
        Kind::File(content) => (content.len(), 1, false),
        Kind::Symlink(target) => (target.len() as u64, 1, true),
        Kind::Directory(_) => (directory_size(tree, id), 2 + subdirectories(tree, id), true),
        Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo => (0, 1, false),
    };
    let inline = if may_inline { size % BLOCK } else { 0 };
    let xattrs = xattr::encode(&inode.meta.xattrs)?;
    Ok(Node { id, path: PathBuf::new(), parent, links, xattrs, size, inline, offset: 0, first_block: 0, blocks: 0 })
}

fn directory_size(tree: &Tree, id: InodeId) -> u64 {
    let mut names: Vec<&[u8]> = tree.entries(id).map(|(name, _)| name.as_bytes()).collect();
    names.extend([&b"."[..], b".."]);
    names.sort();
    directory::size(&names.iter().map(|name| name.len()).collect::<Vec<_>>()) as u64
}

fn subdirectories(tree: &Tree, id: InodeId) -> u32 {
    let is_directory = |&(_, id): &(_, InodeId)| matches!(tree.inode(id).kind, Kind::Directory(_));
    tree.entries(id).filter(is_directory).count() as u32
}

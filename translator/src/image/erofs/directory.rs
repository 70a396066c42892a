//! Directory blocks: entries of 12 bytes, then their names, in each block of 4 KiB.
//!
//! The kernel searches by halves, first over the blocks' first names, then within a block (`fs/erofs/namei.c`), by
//! unsigned bytes; so names ascend over all blocks, `.` and `..` among them. The first entry's name offset tells how many
//! entries a block has; the last name ends at a NUL or at the end of block or directory.

use std::ops::Range;

use super::BLOCK;

/// Size of `erofs_dirent`.
const ENTRY: usize = 12;

/// An entry: name, inode number and `FT_*` kind.
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) nid: u64,
    pub(super) file_type: u8,
}

/// Distributes sorted names over blocks: which are in each, and the size of the directory in bytes.
fn pack(lengths: &[usize]) -> (Vec<Range<usize>>, usize) {
    let (mut blocks, mut start, mut used) = (Vec::new(), 0, 0);
    for (index, length) in lengths.iter().enumerate() {
        if used + ENTRY + length > BLOCK as usize {
            blocks.push(start..index);
            (start, used) = (index, 0);
        }
        used += ENTRY + length;
    }
    let size = blocks.len() * BLOCK as usize + used;
    blocks.push(start..lengths.len());
    (blocks, size)
}

/// Size in bytes of a directory whose sorted names have these lengths, `.` and `..` included.
pub(super) fn size(lengths: &[usize]) -> usize {
    pack(lengths).1
}

/// The contents of a directory, `entries` sorted by name.
pub(super) fn encode(entries: &[Entry<'_>]) -> Vec<u8> {
    let lengths: Vec<_> = entries.iter().map(|entry| entry.name.len()).collect();
    let mut bytes = Vec::new();
    for block in pack(&lengths).0 {
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        encode_block(&entries[block], &mut bytes);
    }
    bytes
}

fn encode_block(entries: &[Entry<'_>], bytes: &mut Vec<u8>) {
    let mut name_offset = entries.len() * ENTRY;
    for entry in entries {
        bytes.extend(entry.nid.to_le_bytes());
        bytes.extend((name_offset as u16).to_le_bytes());
        bytes.extend([entry.file_type, 0]);
        name_offset += entry.name.len();
    }
    for entry in entries {
        bytes.extend(entry.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_never_overflow_and_sizes_agree() {
        let names: Vec<String> = (0..1000).map(|i| format!("{i:04}{}", "x".repeat(i % 200))).collect();
        let entries: Vec<_> = names.iter().map(|name| Entry { name: name.as_bytes(), nid: 7, file_type: 1 }).collect();
        let lengths: Vec<_> = names.iter().map(String::len).collect();
        let bytes = encode(&entries);
        assert_eq!(bytes.len(), size(&lengths));
        let mut found = Vec::new();
        for block in bytes.chunks(BLOCK as usize) {
            let offset = |i: usize| usize::from(u16::from_le_bytes([block[i * ENTRY + 8], block[i * ENTRY + 9]]));
            let count = offset(0) / ENTRY;
            for i in 0..count {
                let rest = if i + 1 < count { &block[offset(i)..offset(i + 1)] } else { &block[offset(i)..] };
                found.push(rest.split(|&b| b == 0).next().unwrap().to_vec());
            }
        }
        assert!(found.iter().map(Vec::as_slice).eq(names.iter().map(String::as_bytes)));
    }
}

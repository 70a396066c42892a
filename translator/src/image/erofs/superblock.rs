//! The superblock: 128 bytes at offset 1024, under a CRC-32C of the rest of block 0.

use super::BLOCK;

/// Offset of the superblock.
const OFFSET: usize = 1024;
/// Offset of the first byte after it: where the root directory's inode may stand.
pub(super) const END: u64 = 1152;

const MAGIC: u32 = 0xe0f5_e1e2;
/// `EROFS_FEATURE_COMPAT_SB_CHKSUM` and `EROFS_FEATURE_COMPAT_MTIME`.
const FEATURES: u32 = 3;
/// All images have the same identity, so that the same tree gives the same bytes.
const UUID: [u8; 16] = *b"\x70\x72\x65\x6c\x69\x66\x40\x00\x80\x74\x72\x6f\x6f\x74\x66\x73";

/// What differs between images. The build time is 0: no inode here refers to it.
pub(super) struct Superblock {
    pub(super) root_nid: u16,
    pub(super) inodes: u64,
    pub(super) blocks: u32,
}

impl Superblock {
    /// Writes the superblock into `block`, whose other bytes must be final.
    pub(super) fn write(&self, block: &mut [u8]) {
        let fields: [(usize, &[u8]); 7] = [
            (0, &MAGIC.to_le_bytes()),
            (8, &FEATURES.to_le_bytes()),
            (12, &[BLOCK.ilog2() as u8]),
            (14, &self.root_nid.to_le_bytes()),
            (16, &self.inodes.to_le_bytes()),
            (36, &self.blocks.to_le_bytes()),
            (48, &UUID),
        ];
        for (at, bytes) in fields {
            block[OFFSET + at..][..bytes.len()].copy_from_slice(bytes);
        }
        let sum = crc32c(&block[OFFSET..BLOCK as usize]);
        block[OFFSET + 4..][..4].copy_from_slice(&sum.to_le_bytes());
    }
}

/// CRC-32C (Castagnoli, reflected) from all ones and without final inversion, as `crc32c(~0, …)` in Linux.
fn crc32c(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc32c_of_the_standard_check_string() {
        assert_eq!(!super::crc32c(b"123456789"), 0xe306_9283);
    }
}

//! What is in a directory, as `Treaddir` gives it out: offsets are positions in a list that does not change while the
//! directory is read, so that seeking back and removing files in between are safe. Reading at 0 makes a new list.

use super::message::Qid;
use super::tree::FileKind;
use super::wire::Append;

/// Bytes of an entry without its name: qid, offset, type, length of the name.
const ENTRY_SIZE: usize = 13 + 8 + 1 + 2;

/// One name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedEntry {
    pub(super) name: String,
    pub(super) kind: FileKind,
    pub(super) identity: u64,
}

/// What was in a directory at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listing {
    entries: Vec<ListedEntry>,
    size: usize,
}

impl Listing {
    pub(super) fn new(entries: Vec<ListedEntry>) -> Listing {
        let size = entries.iter().map(|entry| size_of::<ListedEntry>() + entry.name.len()).sum();
        Listing { entries, size }
    }

    /// Bytes of memory that it takes, roughly.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Appends whole entries from `offset` on, at most `count` bytes of them.
    pub(super) fn append_to(&self, reply: &mut Vec<u8>, offset: u64, count: usize) {
        let end = reply.len() + count;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.entries.len());
        for (entry, next) in self.entries[start..].iter().zip(start as u64 + 1..) {
            if reply.len() + ENTRY_SIZE + entry.name.len() > end {
                break;
            }
            Qid { kind: entry.kind.qid_type(), path: entry.identity }.append_to(reply);
            reply.u64(next);
            reply.u8(entry.kind.directory_type() as u8);
            reply.string(entry.name.as_bytes());
        }
    }
}

//! The files that the client has numbers for.

use super::errno::Errno;
use super::listing::Listing;
use super::message::{FidNumber, Qid};
use super::path::TreePath;
use super::tree::{FileKind, HostFile};
use std::collections::BTreeMap;

/// Most fids of a session: the guest's kernel holds one for a name that it uses, one for an open file.
pub(super) const MAX_FIDS: usize = 1 << 16;
/// Most bytes in the listings of open directories, all together.
const MAX_LISTED: usize = 64 << 20;

/// Which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The directory above all trees.
    Top,
    /// A file of a tree.
    In {
        /// Index of the tree.
        tree: usize,
        /// Where in it.
        path: TreePath,
    },
}

/// A file that the client has a number for.
pub(super) struct Fid {
    pub(super) place: Place,
    /// As it was when the client came to it.
    pub(super) kind: FileKind,
    /// The same file has the same identity wherever it is found.
    pub(super) identity: u64,
    /// Who uses it: the owner of what is made through it.
    pub(super) user: u32,
    pub(super) open: Option<Open>,
}

/// What an open fid reads and writes.
pub(super) enum Open {
    File(OpenFile),
    /// A directory, with what was in it when it was last read from its beginning.
    Directory(Option<Listing>),
}

/// An open file.
pub(super) struct OpenFile {
    pub(super) file: Box<dyn HostFile>,
    pub(super) mode: OpenMode,
}

/// What an open file is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenMode {
    pub(super) read: bool,
    pub(super) write: bool,
    /// Every write goes to the end.
    pub(super) append: bool,
}

impl Fid {
    pub(super) fn qid(&self) -> Qid {
        Qid { kind: self.kind.qid_type(), path: self.identity }
    }

    fn listed(&self) -> usize {
        match &self.open {
            Some(Open::Directory(Some(listing))) => listing.size(),
            _ => 0,
        }
    }
}

/// All fids of a session.
#[derive(Default)]
pub(super) struct FidTable {
    fids: BTreeMap<FidNumber, Fid>,
    listed: usize,
}

impl FidTable {
    /// The file of a number.
    ///
    /// # Errors
    /// EBADF if there is none.
    pub(super) fn get(&self, number: FidNumber) -> Result<&Fid, Errno> {
        self.fids.get(&number).ok_or(Errno::BADF)
    }

    /// Gives a number to a file.
    ///
    /// # Errors
    /// EBADF if it has one, ENFILE if there are too many.
    pub(super) fn insert(&mut self, number: FidNumber, fid: Fid) -> Result<(), Errno> {
        if self.fids.contains_key(&number) {
            return Err(Errno::BADF);
        }
        if self.fids.len() >= MAX_FIDS {
            return Err(Errno::NFILE);
        }
        self.fids.insert(number, fid);
        Ok(())
    }

    /// Lets a fid refer to another file; it must not be open.
    ///
    /// # Errors
    /// EBADF if there is no such fid, or it is open.
    pub(super) fn replace(&mut self, number: FidNumber, fid: Fid) -> Result<(), Errno> {
        let place = self.fids.get_mut(&number).filter(|fid| fid.open.is_none()).ok_or(Errno::BADF)?;
        *place = fid;
        Ok(())
    }

    /// Opens what a fid refers to, or keeps what a directory holds.
    ///
    /// # Errors
    /// EBADF, or ENOMEM if the listings become too long.
    pub(super) fn set_open(&mut self, number: FidNumber, open: Open) -> Result<(), Errno> {
        let fid = self.fids.get_mut(&number).ok_or(Errno::BADF)?;
        self.listed -= fid.listed();
        fid.open = Some(open);
        if self.listed + fid.listed() > MAX_LISTED {
            fid.open = Some(Open::Directory(None));
            return Err(Errno::NOMEM);
        }
        self.listed += fid.listed();
        Ok(())
    }

    /// Forgets a number.
    ///
    /// # Errors
    /// EBADF.
    pub(super) fn remove(&mut self, number: FidNumber) -> Result<Fid, Errno> {
        let fid = self.fids.remove(&number).ok_or(Errno::BADF)?;
        self.listed -= fid.listed();
        Ok(fid)
    }

    /// An open file with this identity, for what has lost its name.
    pub(super) fn open_file(&self, identity: u64) -> Option<&OpenFile> {
        self.fids.values().find_map(|fid| match &fid.open {
            Some(Open::File(file)) if fid.identity == identity => Some(file),
            _ => None,
        })
    }

    /// A file or directory was renamed: what was found there or below is elsewhere now.
    pub(super) fn rename(&mut self, tree: usize, from: &TreePath, to: &TreePath) {
        for fid in self.fids.values_mut() {
            if let Place::In { tree: its, path } = &mut fid.place
                && *its == tree
                && let Some(renamed) = path.renamed(from, to)
            {
                *path = renamed;
            }
        }
    }

    /// All of them, in the order of their numbers.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (FidNumber, &Fid)> {
        self.fids.iter().map(|(&number, fid)| (number, fid))
    }
}

//! Operations on names: make, link, rename, remove.

use super::errno::Errno;
use super::message::FidNumber;
use super::path::{self, Name, PATH_MAX, TreePath};
use super::server::Server;
use super::tree::{FileKind, OpenHow};
use super::wire::Append;

/// File type bits of a mode, and those of a regular file (inode(7)).
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// `Tunlinkat`: remove a directory (Linux, `P9_DOTL_AT_REMOVEDIR`).
const REMOVE_DIRECTORY: u32 = 0x200;

impl Server {
    pub(super) fn mkdir(
        &mut self,
        directory: FidNumber,
        name: &[u8],
        (mode, gid): (u32, u32),
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let place = self.new_place(directory, name)?;
        self.tree(place.1)?.make_directory(place.2.as_str())?;
        self.made(place, Some(mode), gid, reply).map(drop)
    }

    pub(super) fn symlink(
        &mut self,
        directory: FidNumber,
        name: &[u8],
        target: &[u8],
        gid: u32,
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let place = self.new_place(directory, name)?;
        self.tree(place.1)?.make_symlink(path::link_target(target)?, place.2.as_str())?;
        self.made(place, None, gid, reply).map(drop)
    }

    /// A regular file, as Linux asks for where it makes one without opening it. Anything else is EPERM.
    pub(super) fn mknod(
        &mut self,
        directory: FidNumber,
        name: &[u8],
        (mode, gid): (u32, u32),
        reply: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        let place = self.new_place(directory, name)?;
        if mode & TYPE != REGULAR && mode & TYPE != 0 {
            return Err(Errno::PERM);
        }
        let how = OpenHow { write: true, create: true, exclusive: true, ..OpenHow::default() };
        self.tree(place.1)?.open(place.2.as_str(), how)?;
        self.made(place, Some(mode), gid, reply).map(drop)
    }

    pub(super) fn readlink(&mut self, number: FidNumber, reply: &mut Vec<u8>) -> Result<(), Errno> {
        let fid = self.fids.get(number)?;
        if fid.kind != FileKind::Symlink {
            return Err(Errno::INVAL);
        }
        let (tree, path) = self.located(fid)?;
        let target = self.tree(tree)?.read_link(path.as_str())?;
        if target.len() > PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        reply.string(target.as_bytes());
        Ok(())
    }

    pub(super) fn link(&mut self, directory: FidNumber, existing: FidNumber, name: &[u8]) -> Result<(), Errno> {
        let (_, tree, new) = self.new_place(directory, name)?;
        let (old_tree, old) = self.changeable(self.fids.get(existing)?)?;
        if tree != old_tree {
            return Err(Errno::XDEV);
        }
        self.tree(tree)?.link(old.as_str(), new.as_str())
    }

    pub(super) fn rename(&mut self, number: FidNumber, directory: FidNumber, name: &[u8]) -> Result<(), Errno> {
        let from = self.changeable(self.fids.get(number)?)?;
        let (_, tree, to) = self.new_place(directory, name)?;
        self.rename_path(from, (tree, to))
    }

    pub(super) fn renameat(&mut self, from: FidNumber, old: &[u8], to: FidNumber, new: &[u8]) -> Result<(), Errno> {
        let (_, from, old) = self.new_place(from, old)?;
        let (_, to, new) = self.new_place(to, new)?;
        self.rename_path((from, old), (to, new))
    }

    fn rename_path(&mut self, from: (usize, TreePath), to: (usize, TreePath)) -> Result<(), Errno> {
        if from.1.is_root() {
            return Err(Errno::BUSY);
        }
        if from.0 != to.0 {
            return Err(Errno::XDEV);
        }
        // Renaming one name of a file to another of it does nothing (rename(2)): then nothing vanishes.
        let same = self.identity_at(&from) == self.identity_at(&to);
        let vanishing = if same { None } else { self.vanishing(&to) };
        self.tree(from.0)?.rename(from.1.as_str(), to.1.as_str())?;
        if !same {
            self.fids.rename(from.0, &from.1, &to.1);
        }
        vanishing.into_iter().for_each(|identity| self.memory.forget(identity));
        Ok(())
    }

    pub(super) fn unlinkat(&mut self, directory: FidNumber, name: &[u8], flags: u32) -> Result<(), Errno> {
        let (tree, path) = self.changeable(self.fids.get(directory)?)?;
        let path = path.child(Name::parse(name)?)?;
        self.remove_path((tree, path), flags & REMOVE_DIRECTORY != 0)
    }

    /// Removes a file, and forgets its number even if that fails (intro(5), remove).
    pub(super) fn remove(&mut self, number: FidNumber) -> Result<(), Errno> {
        let fid = self.fids.remove(number)?;
        let (tree, path) = self.changeable(&fid)?;
        if path.is_root() {
            return Err(Errno::BUSY);
        }
        self.remove_path((tree, path), fid.kind == FileKind::Directory)
    }

    fn remove_path(&mut self, place: (usize, TreePath), directory: bool) -> Result<(), Errno> {
        let vanishing = self.vanishing(&place);
        let tree = self.tree(place.0)?;
        let path = place.1.as_str();
        if directory { tree.remove_directory(path) } else { tree.remove_file(path) }?;
        vanishing.into_iter().for_each(|identity| self.memory.forget(identity));
        Ok(())
    }

    fn identity_at(&mut self, (tree, path): &(usize, TreePath)) -> Option<u64> {
        let attributes = self.tree(*tree).ok()?.attributes(path.as_str()).ok()?;
        Some(self.identity(&attributes))
    }

    /// The file whose last name this is, if anything is remembered of files.
    fn vanishing(&mut self, (tree, path): &(usize, TreePath)) -> Option<u64> {
        if self.memory.is_empty() {
            return None;
        }
        let attributes = self.tree(*tree).ok()?.attributes(path.as_str()).ok()?;
        let last = attributes.kind == FileKind::Directory || attributes.links <= 1;
        last.then(|| self.identity(&attributes))
    }
}

//! The 9P2000.L server: one session with the guest's kernel, over the directories of this run.
//!
//! The tree that the client attaches to has a directory for each shared one, named by its index; the guest's init binds
//! them to where they belong. A fid is a path below a shared directory, followed through renames, and a handle of the
//! host once it is open. A file whose name is gone is found by its identity among the open ones. Walking looks at each
//! name and follows no symbolic link. Requests are served one after the other, so there is never one to flush.

use super::errno::Errno;
use super::fid::{Fid, FidTable, Open, Place};
use super::message::{FidNumber, HEADER, Header, Qid, READ_HEADER, Request, encode_error, encode_reply};
use super::path::{Name, TreePath};
use super::remembered::{Memory, Owner, Remembered};
use super::tree::{FileKind, HostAttributes, HostTree, SharedDirectory};
use super::wire::Append;

/// Largest message, in bytes: what fits Linux's transport (125 pages) and its header.
pub(super) const MAX_MESSAGE: u32 = 512 << 10;
/// Smallest message size that a client may ask for (Linux, `p9_client_create`).
pub(super) const MIN_MESSAGE: u32 = 4096;
const DIALECT: &[u8] = b"9P2000.L";
/// `n_uname` of an attach that names no user (Linux, `P9_NONUNAME`).
const NO_USER: u32 = u32::MAX;
/// Identity of the directory above the shared ones.
const TOP: u64 = u64::MAX;
/// Bits of an identity below the index of the device.
const INODE_BITS: u32 = 56;

/// The server.
pub(super) struct Server {
    pub(super) trees: Vec<SharedDirectory>,
    pub(super) fids: FidTable,
    pub(super) memory: Memory,
    /// Owner of what nobody set one for.
    pub(super) owner: Owner,
    /// Largest message of the session, in bytes.
    pub(super) message_size: u32,
    /// File systems of the host, in the order in which they were seen.
    pub(super) devices: Vec<u64>,
}

impl Server {
    pub(super) fn new(trees: Vec<SharedDirectory>) -> Server {
        Server {
            trees,
            fids: FidTable::default(),
            memory: Memory::default(),
            owner: Owner::default(),
            message_size: MAX_MESSAGE,
            devices: Vec::new(),
        }
    }

    /// Ends the session; what was set for files stays remembered.
    pub(super) fn reset(&mut self) {
        self.fids = FidTable::default();
        self.message_size = MAX_MESSAGE;
    }

    /// Answers a message of at least [`HEADER`] bytes; the answer has at most `room` bytes if that is enough for an
    /// `Rlerror`.
    pub(super) fn answer(&mut self, message: &[u8], room: usize, reply: &mut Vec<u8>) {
        let header = Header::decode(message).unwrap_or(Header { size: 0, kind: 0, tag: 0 });
        debug_assert!(message.len() >= HEADER, "the device checks it");
        encode_reply(reply, header, |reply| self.serve(Request::decode(message)?, room, reply));
        if reply.len() > room {
            encode_error(reply, header.tag, Errno::MSGSIZE);
        }
    }

    /// Serves a request; appends the fields of its reply.
    #[rustfmt::skip]
    fn serve(&mut self, request: Request<'_>, room: usize, reply: &mut Vec<u8>) -> Result<(), Errno> {
        let limit = |count: u32| (count as usize).min(room.min(self.message_size as usize).saturating_sub(READ_HEADER));
        match request {
            Request::Version { msize, version } => self.version(msize, version, reply),
            Request::Auth | Request::Xattrwalk | Request::Xattrcreate => Err(Errno::OPNOTSUPP),
            Request::Attach { fid, user_name, user } => self.attach(fid, user_name, user, reply),
            Request::Flush => Ok(()),
            Request::Walk { fid, new, names } => self.walk(fid, new, &names, reply),
            Request::Clunk { fid } => self.fids.remove(fid).map(drop),
            Request::Remove { fid } => self.remove(fid),
            Request::Statfs { fid } => self.statfs(fid, reply),
            Request::Lopen { fid, flags } => self.open(fid, flags, reply),
            Request::Lcreate { fid, name, flags, mode, gid } => self.create(fid, name, flags, (mode, gid), reply),
            Request::Read { fid, offset, count } => self.read(fid, offset, limit(count), reply),
            Request::Write { fid, offset, data } => self.write(fid, offset, data, reply),
            Request::Readdir { fid, offset, count } => self.readdir(fid, offset, limit(count), reply),
            Request::Getattr { fid } => self.getattr(fid, reply),
            Request::Setattr { fid, set } => self.setattr(fid, &set),
            Request::Fsync { fid } => self.fsync(fid),
            Request::Lock { fid } => self.lock(fid, reply),
            Request::Getlock { fid, start, length, process, client } => self.getlock(fid, (start, length), process, client, reply),
            Request::Symlink { directory, name, target, gid } => self.symlink(directory, name, target, gid, reply),
            Request::Mknod { directory, name, mode, gid } => self.mknod(directory, name, (mode, gid), reply),
            Request::Mkdir { directory, name, mode, gid } => self.mkdir(directory, name, (mode, gid), reply),
            Request::Readlink { fid } => self.readlink(fid, reply),
            Request::Link { directory, fid, name } => self.link(directory, fid, name),
            Request::Rename { fid, directory, name } => self.rename(fid, directory, name),
            Request::Renameat { from, old, to, new } => self.renameat(from, old, to, new),
            Request::Unlinkat { directory, name, flags } => self.unlinkat(directory, name, flags),
        }
    }

    /// A new session. Another dialect is answered with `unknown`.
    fn version(&mut self, msize: u32, version: &[u8], reply: &mut Vec<u8>) -> Result<(), Errno> {
        if msize < MIN_MESSAGE {
            return Err(Errno::INVAL);
        }
        self.reset();
        self.message_size = msize.min(MAX_MESSAGE);
        reply.u32(self.message_size);
        reply.string(if version == DIALECT { DIALECT } else { b"unknown" });
        Ok(())
    }

    /// The user's name is `uid:gid` of the container's user. The client attaches for each other user too, by number and without a name
    /// (Linux, `v9fs_fid_lookup_with_uid`).
    fn attach(&mut self, fid: FidNumber, user_name: &[u8], user: u32, reply: &mut Vec<u8>) -> Result<(), Errno> {
        if !user_name.is_empty() {
            self.owner = Owner::parse(user_name);
        }
        let user = if user == NO_USER { self.owner.uid } else { user };
        let top = Fid { place: Place::Top, kind: FileKind::Directory, identity: TOP, user, open: None };
        top.qid().append_to(reply);
        self.fids.insert(fid, top)
    }

    /// Goes from `fid` along `names`, as far as there are files; all the way makes `new` (intro(5), walk).
    fn walk(&mut self, fid: FidNumber, new: FidNumber, names: &[&[u8]], reply: &mut Vec<u8>) -> Result<(), Errno> {
        let from = self.fids.get(fid)?;
        let mut to =
            Fid { place: from.place.clone(), kind: from.kind, identity: from.identity, user: from.user, open: None };
        let mut qids = Vec::with_capacity(names.len());
        for name in names {
            match self.step(&to, name) {
                Ok(next) => to = next,
                Err(error) if qids.is_empty() => return Err(error),
                Err(_) => break,
            }
            qids.push(to.qid());
        }
        if qids.len() == names.len() {
            if fid == new { self.fids.replace(fid, to) } else { self.fids.insert(new, to) }?;
        }
        reply.u16(qids.len() as u16);
        qids.iter().for_each(|qid: &Qid| qid.append_to(reply));
        Ok(())
    }

    /// The file `name` in the directory `from`. The parent of a shared directory is itself: nothing leads out of it.
    fn step(&mut self, from: &Fid, name: &[u8]) -> Result<Fid, Errno> {
        if from.kind != FileKind::Directory {
            return Err(Errno::NOTDIR);
        }
        let place = match &from.place {
            Place::Top if name == b".." => Place::Top,
            Place::Top => Place::In { tree: self.tree_index(name)?, path: TreePath::default() },
            Place::In { tree, path } if name == b".." => Place::In { tree: *tree, path: path.parent() },
            Place::In { tree, path } => Place::In { tree: *tree, path: path.child(Name::parse(name)?)? },
        };
        self.fid_at(place, from.user)
    }

    fn tree_index(&self, name: &[u8]) -> Result<usize, Errno> {
        let index = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        index.filter(|&index| index < self.trees.len()).ok_or(Errno::NOENT)
    }

    /// A fid for what is at a place.
    pub(super) fn fid_at(&mut self, place: Place, user: u32) -> Result<Fid, Errno> {
        let (kind, identity) = match &place {
            Place::Top => (FileKind::Directory, TOP),
            Place::In { tree, path } => {
                let attributes = self.tree(*tree)?.attributes(path.as_str())?;
                (attributes.kind, self.identity(&attributes))
            }
        };
        Ok(Fid { place, kind, identity, user, open: None })
    }

    /// A number that is the file's own, in all shared directories: its inode, with the host's file systems told apart.
    pub(super) fn identity(&mut self, attributes: &HostAttributes) -> u64 {
        attributes.inode ^ self.device_bits(attributes.device)
    }

    /// What tells a file system's identities from those of others.
    pub(super) fn device_bits(&mut self, device: u64) -> u64 {
        let known = self.devices.iter().position(|&known| known == device);
        let index = known.unwrap_or_else(|| {
            // More file systems than this are not told apart.
            if self.devices.len() < 1 << (64 - INODE_BITS) {
                self.devices.push(device);
            }
            self.devices.len() - 1
        });
        (index as u64) << INODE_BITS
    }

    /// The tree of this index.
    pub(super) fn tree(&self, index: usize) -> Result<&dyn HostTree, Errno> {
        self.trees.get(index).map(|shared| &*shared.tree).ok_or(Errno::STALE)
    }

    /// The tree that a fid is in, and its path there.
    ///
    /// # Errors
    /// EPERM for the directory above all trees.
    pub(super) fn located(&self, fid: &Fid) -> Result<(usize, TreePath), Errno> {
        match &fid.place {
            Place::Top => Err(Errno::PERM),
            Place::In { tree, path } => Ok((*tree, path.clone())),
        }
    }

    /// As [`Server::located`], if the tree may be changed.
    ///
    /// # Errors
    /// EROFS where it may not.
    pub(super) fn changeable(&self, fid: &Fid) -> Result<(usize, TreePath), Errno> {
        let (tree, path) = self.located(fid)?;
        match self.trees.get(tree) {
            Some(shared) if !shared.read_only => Ok((tree, path)),
            _ => Err(Errno::ROFS),
        }
    }

    /// Who uses a fid, in the tree at the path of `name` in that directory, which may be changed.
    pub(super) fn new_place(&self, directory: FidNumber, name: &[u8]) -> Result<(u32, usize, TreePath), Errno> {
        let fid = self.fids.get(directory)?;
        let (tree, path) = self.changeable(fid)?;
        Ok((fid.user, tree, path.child(Name::parse(name)?)?))
    }

    /// Notes mode and owner of what was just made, and appends its qid.
    pub(super) fn made(
        &mut self,
        (user, tree, path): (u32, usize, TreePath),
        mode: Option<u32>,
        gid: u32,
        reply: &mut Vec<u8>,
    ) -> Result<Fid, Errno> {
        let fid = self.fid_at(Place::In { tree, path }, user)?;
        self.memory.set(fid.identity, Remembered { mode, uid: Some(user), gid: Some(gid) });
        fid.qid().append_to(reply);
        Ok(fid)
    }

    /// What the host says of a fid's file: of its handle, of what is at its path, or of an open file that lost its name.
    pub(super) fn attributes(&mut self, number: FidNumber) -> Result<HostAttributes, Errno> {
        let fid = self.fids.get(number)?;
        if let Some(Open::File(open)) = &fid.open {
            return open.file.attributes();
        }
        let identity = fid.identity;
        let (tree, path) = self.located(fid)?;
        let found = self.tree(tree)?.attributes(path.as_str());
        if let Ok(found) = &found
            && self.identity(found) == identity
        {
            return Ok(*found);
        }
        self.fids.open_file(identity).map_or(found, |open| open.file.attributes())
    }
}

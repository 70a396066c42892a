//! The server in a snapshot: fids by their paths. A machine that is loaded opens its files again where they were; where
//! that fails the snapshot is refused. What an open directory had listed is listed anew.

use super::fid::{Fid, Open, OpenFile, OpenMode, Place};
use super::message::FidNumber;
use super::path::TreePath;
use super::remembered::Remembered;
use super::server::{MAX_MESSAGE, MIN_MESSAGE, Server};
use super::tree::{FileKind, OpenHow};
use crate::snapshot::codec::{CodecError, Reader, Writer};

crate::fields!(Remembered { mode, uid, gid });
crate::fields!(OpenMode { read, write, append });

/// What a fid is in a snapshot.
struct SavedFid {
    number: u32,
    /// Index of the tree; none for the directory above all.
    tree: Option<u32>,
    kind: u8,
    identity: u64,
    user: u32,
    directory: bool,
    file: Option<OpenMode>,
}
crate::fields!(SavedFid { number, tree, kind, identity, user, directory, file }
    where |saved: &SavedFid| FileKind::from_directory_type(saved.kind.into()).is_some(), "a kind of file");

impl SavedFid {
    fn of(number: FidNumber, fid: &Fid) -> (SavedFid, &str) {
        let (tree, path) = match &fid.place {
            Place::Top => (None, ""),
            Place::In { tree, path } => (Some(*tree as u32), path.as_str()),
        };
        let file = match &fid.open {
            Some(Open::File(open)) => Some(open.mode),
            _ => None,
        };
        let directory = matches!(fid.open, Some(Open::Directory(_)));
        let (number, kind) = (number.0, fid.kind.directory_type() as u8);
        (SavedFid { number, tree, kind, identity: fid.identity, user: fid.user, directory, file }, path)
    }

    /// The fid, with its file open; `None` where that is not possible.
    fn restore(&self, server: &Server, path: &str) -> Option<Fid> {
        let kind = FileKind::from_directory_type(self.kind.into())?;
        let place = match self.tree {
            None => Place::Top,
            Some(tree) => Place::In { tree: tree as usize, path: TreePath::parse(path).ok()? },
        };
        let open = match (&place, self.file) {
            (_, None) => self.directory.then_some(Open::Directory(None)),
            (Place::Top, Some(_)) => return None,
            (Place::In { tree, path }, Some(mode)) => {
                let how = OpenHow { read: mode.read, write: mode.write, ..OpenHow::default() };
                Some(Open::File(OpenFile { file: server.tree(*tree).ok()?.open(path.as_str(), how).ok()?, mode }))
            }
        };
        Some(Fid { place, kind, identity: self.identity, user: self.user, open })
    }
}

impl Server {
    pub(super) fn save(&self, to: &mut Writer) {
        to.section("9p", 1, |to| {
            to.field(&self.message_size);
            to.field(&self.owner);
            to.field(&(self.devices.len() as u32));
            self.devices.iter().for_each(|device| to.field(device));
            to.field(&(self.memory.iter().len() as u32));
            for (identity, set) in self.memory.iter() {
                to.field(&identity);
                to.field(&set);
            }
            to.field(&(self.fids.iter().len() as u32));
            for (number, fid) in self.fids.iter() {
                let (saved, path) = SavedFid::of(number, fid);
                to.field(&saved);
                to.bytes(path.as_bytes());
            }
        });
    }

    /// Reads what [`Server::save`] wrote into a server without fids.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), CodecError> {
        from.section("9p", 1, |from| {
            self.message_size = from.field()?;
            from.check((MIN_MESSAGE..=MAX_MESSAGE).contains(&self.message_size), "a message size that can be agreed")?;
            self.owner = from.field()?;
            for _ in 0..from.field::<u32>()? {
                let device = from.field()?;
                self.device_bits(device);
            }
            for _ in 0..from.field::<u32>()? {
                let identity = from.field()?;
                let set = from.field()?;
                self.memory.set(identity, set);
            }
            for _ in 0..from.field::<u32>()? {
                self.load_fid(from)?;
            }
            Ok(())
        })
    }

    fn load_fid(&mut self, from: &mut Reader<'_>) -> Result<(), CodecError> {
        let saved: SavedFid = from.field()?;
        let path = std::str::from_utf8(from.bytes()?).unwrap_or("\0");
        let tree = saved.tree.map_or(0, |tree| tree as usize);
        from.check(
            saved.tree.is_none() || tree < self.trees.len(),
            "no more directories of the host than this run has",
        )?;
        let fid = saved.restore(self, path);
        let placed = fid.is_some_and(|fid| self.fids.insert(FidNumber(saved.number), fid).is_ok());
        from.check(placed, "an open file of a host directory to be where it was")
    }
}

//! The server against directories of this machine, asked as Linux's client asks.

mod escape;
mod files;
mod malformed;
mod names;
mod session;

use super::message::FidNumber;
use super::server::{MAX_MESSAGE, Server};
use super::wire::{Append, Fields};
use super::{Errno, HostTree, SharedDirectory};
use crate::host::tree::UnixTree;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Numbers of fids: the tree that all are in, and the directory 0 in it.
const TOP: u32 = 0;
const DIR: u32 = 1;

/// A client of a server that shares one directory, which `DIR` refers to.
struct Client {
    server: Server,
    host: TempDir,
}

/// A name with the offset of what follows.
type Listed = (String, u64);

fn shared(path: &Path, read_only: bool) -> SharedDirectory {
    let tree: Box<dyn HostTree> = Box::new(UnixTree::open(path).unwrap());
    SharedDirectory { guest: "/data".into(), read_only, tree }
}

impl Client {
    fn new() -> Client {
        Client::of(false)
    }

    fn of(read_only: bool) -> Client {
        let host = tempfile::tempdir().unwrap();
        let server = Server::new(vec![shared(host.path(), read_only)]);
        let mut client = Client { server, host };
        client.begin();
        client
    }

    fn begin(&mut self) {
        let agreed = self.version(MAX_MESSAGE, "9P2000.L").unwrap();
        assert_eq!(agreed, (MAX_MESSAGE, "9P2000.L".to_owned()));
        self.attach(TOP, "1000:100", u32::MAX).unwrap();
        assert_eq!(self.walk(TOP, DIR, &["0"]), Ok(1));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.host.path().join(name)
    }

    /// Sends a request; the fields of its reply, or the number of the error.
    fn ask(&mut self, kind: u8, fields: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<u8>, Errno> {
        let mut message = vec![0, 0, 0, 0, kind, 0x34, 0x12];
        fields(&mut message);
        let size = message.len() as u32;
        message[..4].copy_from_slice(&size.to_le_bytes());
        self.send(&message)
    }

    fn send(&mut self, message: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut reply = Vec::new();
        self.server.answer(message, MAX_MESSAGE as usize, &mut reply);
        let mut head = Fields(&reply);
        assert_eq!(head.u32().unwrap() as usize, reply.len());
        let kind = head.u8().unwrap();
        assert_eq!(head.u16().unwrap(), 0x1234);
        match kind {
            7 => Err(Errno(head.u32().unwrap())),
            _ => {
                assert_eq!(kind, message[4] + 1);
                Ok(head.0.to_vec())
            }
        }
    }

    fn version(&mut self, size: u32, version: &str) -> Result<(u32, String), Errno> {
        let reply = self.ask(100, |m| {
            m.u32(size);
            m.string(version.as_bytes());
        })?;
        let mut fields = Fields(&reply);
        Ok((fields.u32()?, String::from_utf8(fields.string()?.to_vec()).unwrap()))
    }

    fn attach(&mut self, fid: u32, user_name: &str, user: u32) -> Result<Vec<u8>, Errno> {
        self.ask(104, |m| {
            m.u32(fid);
            m.u32(u32::MAX);
            m.string(user_name.as_bytes());
            m.string(b"");
            m.u32(user);
        })
    }

    /// How many names were walked.
    fn walk(&mut self, fid: u32, new: u32, names: &[&str]) -> Result<u16, Errno> {
        let reply = self.ask(110, |m| {
            m.u32(fid);
            m.u32(new);
            m.u16(names.len() as u16);
            names.iter().for_each(|name| m.string(name.as_bytes()));
        })?;
        Fields(&reply).u16()
    }

    fn clunk(&mut self, fid: u32) -> Result<Vec<u8>, Errno> {
        self.ask(120, |m| m.u32(fid))
    }

    fn open(&mut self, fid: u32, flags: u32) -> Result<Vec<u8>, Errno> {
        self.ask(12, |m| [fid, flags].into_iter().for_each(|value| m.u32(value)))
    }

    /// `fid` becomes the file's.
    fn create(&mut self, fid: u32, name: &str, flags: u32, mode: u32) -> Result<Vec<u8>, Errno> {
        self.ask(14, |m| {
            m.u32(fid);
            m.string(name.as_bytes());
            [flags, mode, 5].into_iter().for_each(|value| m.u32(value));
        })
    }

    /// Makes a new file in `DIR`, open for reading and writing as `fid`.
    fn new_file(&mut self, fid: u32, name: &str) {
        assert_eq!(self.walk(DIR, fid, &[]), Ok(0));
        self.create(fid, name, 0o102, 0o640).unwrap();
    }

    fn read(&mut self, fid: u32, offset: u64, count: u32) -> Result<Vec<u8>, Errno> {
        let reply = self.ask(116, |m| {
            m.u32(fid);
            m.u64(offset);
            m.u32(count);
        })?;
        let mut fields = Fields(&reply);
        assert_eq!(fields.u32()? as usize, fields.0.len());
        Ok(fields.0.to_vec())
    }

    fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Result<u32, Errno> {
        let reply = self.ask(118, |m| {
            m.u32(fid);
            m.u64(offset);
            m.u32(data.len() as u32);
            m.extend_from_slice(data);
        })?;
        Fields(&reply).u32()
    }

    fn readdir(&mut self, fid: u32, offset: u64, count: u32) -> Result<Vec<Listed>, Errno> {
        let reply = self.ask(40, |m| {
            m.u32(fid);
            m.u64(offset);
            m.u32(count);
        })?;
        let mut fields = Fields(&reply);
        assert_eq!(fields.u32()? as usize, fields.0.len());
        let mut entries = Vec::new();
        while !fields.0.is_empty() {
            fields.bytes(13)?;
            let next = fields.u64()?;
            fields.u8()?;
            entries.push((String::from_utf8(fields.string()?.to_vec()).unwrap(), next));
        }
        Ok(entries)
    }

    /// A request of a fid, a name, and integers.
    fn named(&mut self, kind: u8, fid: u32, name: &str, rest: &[u32]) -> Result<Vec<u8>, Errno> {
        self.ask(kind, |m| {
            m.u32(fid);
            m.string(name.as_bytes());
            rest.iter().for_each(|&value| m.u32(value));
        })
    }

    fn mkdir(&mut self, fid: u32, name: &str) -> Result<Vec<u8>, Errno> {
        self.named(72, fid, name, &[0o750, 5])
    }

    fn unlink(&mut self, fid: u32, name: &str) -> Result<Vec<u8>, Errno> {
        self.named(76, fid, name, &[0])
    }

    fn rmdir(&mut self, fid: u32, name: &str) -> Result<Vec<u8>, Errno> {
        self.named(76, fid, name, &[0x200])
    }

    fn symlink(&mut self, fid: u32, name: &str, target: &str) -> Result<Vec<u8>, Errno> {
        self.ask(16, |m| {
            m.u32(fid);
            m.string(name.as_bytes());
            m.string(target.as_bytes());
            m.u32(5);
        })
    }

    fn readlink(&mut self, fid: u32) -> Result<String, Errno> {
        let reply = self.ask(22, |m| m.u32(fid))?;
        Ok(String::from_utf8(Fields(&reply).string()?.to_vec()).unwrap())
    }

    fn link(&mut self, directory: u32, fid: u32, name: &str) -> Result<Vec<u8>, Errno> {
        self.ask(70, |m| {
            [directory, fid].into_iter().for_each(|fid| m.u32(fid));
            m.string(name.as_bytes());
        })
    }

    fn renameat(&mut self, (from, old): (u32, &str), (to, new): (u32, &str)) -> Result<Vec<u8>, Errno> {
        self.ask(74, |m| {
            m.u32(from);
            m.string(old.as_bytes());
            m.u32(to);
            m.string(new.as_bytes());
        })
    }

    fn attributes(&mut self, fid: u32) -> Result<Attributes, Errno> {
        let reply = self.ask(24, |m| {
            m.u32(fid);
            m.u64(0x7ff);
        })?;
        assert_eq!(reply.len(), 153);
        let mut fields = Fields(&reply);
        assert_eq!(fields.u64()?, 0x7ff);
        fields.bytes(5)?;
        let identity = fields.u64()?;
        let [mode, uid, gid] = std::array::from_fn(|_| fields.u32().unwrap());
        let [links, _, size, _, _] = std::array::from_fn(|_| fields.u64().unwrap());
        let [accessed, modified] = std::array::from_fn(|_| (fields.u64().unwrap(), fields.u64().unwrap()));
        Ok(Attributes { identity, mode, uid, gid, links, size, accessed, modified })
    }

    /// `Tsetattr` of these fields: validity, mode, uid, gid, size, and two times.
    fn set(&mut self, fid: u32, valid: u32, owner: [u32; 3], size: u64, times: [u64; 4]) -> Result<Vec<u8>, Errno> {
        self.ask(26, |m| {
            [fid, valid].into_iter().chain(owner).for_each(|value| m.u32(value));
            [size].into_iter().chain(times).for_each(|value| m.u64(value));
        })
    }

    fn fids(&self) -> usize {
        self.server.fids.iter().len()
    }

    fn has(&self, fid: u32) -> bool {
        self.server.fids.get(FidNumber(fid)).is_ok()
    }
}

/// What `Tgetattr` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attributes {
    identity: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u64,
    size: u64,
    accessed: (u64, u64),
    modified: (u64, u64),
}

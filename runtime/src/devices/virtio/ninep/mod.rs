//! Directories of the host: a virtio 9P transport (virtio 1.2, 5.9 names the device; Linux, `net/9p/trans_virtio.c`) with
//! a 9P2000.L server behind it.
//!
//! ```text
//! chain ─► this file (one message) ─► message.rs, wire.rs (checked request)
//!            ─► server.rs (session, walk) ─► files.rs, names.rs (operations) ─► tree.rs: HostTree, HostFile
//!                 fid.rs, path.rs, listing.rs, remembered.rs (what the session knows)       └─ host/directories
//! ```
//! The device is there in every machine, with or without directories, as virtio-mmio cannot be hot-plugged. Linux lets
//! one mount at a time use it, so all directories are in one tree: see `server`.
//!
//! The host is WASI preview 1, which knows less than Linux asks for:
//!
//! | asked | answered |
//! |---|---|
//! | mode | what the guest set in this run, else 0755 |
//! | owner | what the guest set, the creator of what it made, else the container's user |
//! | size, times, links, inode | the host's |
//! | statfs | 1 TiB, all free |
//! | locks | granted: one client |
//! | xattrs, ACLs, O_TMPFILE | EOPNOTSUPP |
//! | mknod | EPERM, but for regular files |
//! | names that are not UTF-8 | EILSEQ |
//! | pipes, sockets, devices of the host | seen; opened they are the guest's own |
//! | a message that is none | EPROTO; without room for an error, or without a header, the driver must reset the device |
//!
//! Bounds: 512 KiB a message, 2^16 fids, 64 MiB of listings, 2^18 remembered files.

mod errno;
mod fid;
mod files;
mod listing;
mod message;
mod names;
mod path;
mod remembered;
mod server;
mod state;
mod tree;
mod wire;

#[cfg(test)]
mod tests;

use super::{Context, QueueError, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};
pub use errno::Errno;
pub use message::SetTime;
use message::{ERROR_SIZE, HEADER, Header, encode_error};
use server::{MAX_MESSAGE, Server};
pub use tree::{FileKind, HostAttributes, HostEntry, HostFile, HostTree, OpenHow, SetTimes, SharedDirectory};

/// Feature: the configuration space has a mount tag.
const MOUNT_TAG: u64 = 1;

/// The device.
pub(in super::super) struct NineP {
    server: Server,
    /// The message at hand and its reply, kept for their memory.
    message: Vec<u8>,
    reply: Vec<u8>,
}

impl NineP {
    pub(in super::super) fn new(directories: Vec<SharedDirectory>) -> NineP {
        NineP { server: Server::new(directories), message: Vec::new(), reply: Vec::new() }
    }

    /// Makes the reply to the message of `length` bytes, for `room` bytes.
    fn answer(&mut self, length: u64, room: u64) {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        match length <= MAX_MESSAGE.into() {
            true => self.server.answer(&self.message, room, &mut self.reply),
            false => {
                let tag = Header::decode(&self.message).map_or(0, |header| header.tag);
                encode_error(&mut self.reply, tag, Errno::MSGSIZE);
            }
        }
    }
}

impl VirtioDevice for NineP {
    fn id(&self) -> u32 {
        9
    }
    fn features(&self) -> u64 {
        MOUNT_TAG
    }
    /// One queue, of as many entries as Linux's driver has buffers for.
    fn queue_sizes(&self) -> &'static [u16] {
        &[128]
    }
    /// The tag, after its length.
    fn config(&self) -> Vec<u8> {
        let tag = channel::DIRECTORIES_TAG.as_bytes();
        [&(tag.len() as u16).to_le_bytes(), tag].concat()
    }

    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            let (length, room) = (chain.readable_length(), chain.writable_length());
            for (length, expected) in [(length, HEADER), (room, ERROR_SIZE)] {
                if length < expected as u64 {
                    return Err(QueueError::ShortBuffer { length, expected });
                }
            }
            self.message.resize(length.min(MAX_MESSAGE.into()) as usize, 0);
            chain.read(context.memory, 0, &mut self.message)?;
            self.answer(length, room);
            chain.write(context.memory, 0, &self.reply)?;
            context.complete(queue, &chain, self.reply.len())?;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.server.reset();
    }

    fn save(&self, to: &mut Writer) {
        self.server.save(to);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError> {
        self.server.load(from)?;
        Ok(false)
    }
}

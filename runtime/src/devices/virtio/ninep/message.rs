//! Messages of 9P2000.L, as types.
//!
//! `size[4] type[1] tag[2]`, then the fields of the type. Sources: the protocol description of diod (`protocol.md`),
//! Linux `Documentation/filesystems/9p.rst` and `include/net/9p/9p.h`; the messages of 9P2000 are those of Plan 9's
//! intro(5). A reply has the type of its request plus 1, or is an `Rlerror`.

use super::errno::Errno;
use super::wire::{Append, Fields};

/// Bytes before the fields.
pub(super) const HEADER: usize = 7;
/// Bytes of an `Rlerror`.
pub(super) const ERROR_SIZE: usize = HEADER + 4;
/// Bytes of an `Rread` or `Rreaddir` before the data.
pub(super) const READ_HEADER: usize = HEADER + 4;
/// Most names in a `Twalk` (intro(5), MAXWELEM).
pub(super) const MAX_NAMES: u16 = 16;
/// Type of an `Rlerror`.
const RLERROR: u8 = 7;

/// A number by which the client names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FidNumber(pub(super) u32);

/// Size, type and tag of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) size: u32,
    pub(super) kind: u8,
    pub(super) tag: u16,
}

impl Header {
    pub(super) fn decode(message: &[u8]) -> Result<Header, Errno> {
        let mut fields = Fields(message);
        Ok(Header { size: fields.u32()?, kind: fields.u8()?, tag: fields.u16()? })
    }
}

/// Attributes to set, each if it is there; times in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SetAttributes {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) accessed: Option<SetTime>,
    pub(super) modified: Option<SetTime>,
}

/// A time to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTime {
    /// The host's now.
    Now,
    /// Nanoseconds since the Unix epoch.
    At(u64),
}

/// A request. Names and other strings are bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Request<'a> {
    Statfs    { fid: FidNumber },
    Lopen     { fid: FidNumber, flags: u32 },
    Lcreate   { fid: FidNumber, name: &'a [u8], flags: u32, mode: u32, gid: u32 },
    Symlink   { directory: FidNumber, name: &'a [u8], target: &'a [u8], gid: u32 },
    Mknod     { directory: FidNumber, name: &'a [u8], mode: u32, gid: u32 },
    Rename    { fid: FidNumber, directory: FidNumber, name: &'a [u8] },
    Readlink  { fid: FidNumber },
    Getattr   { fid: FidNumber },
    Setattr   { fid: FidNumber, set: SetAttributes },
    Xattrwalk,
    Xattrcreate,
    Readdir   { fid: FidNumber, offset: u64, count: u32 },
    Fsync     { fid: FidNumber },
    Lock      { fid: FidNumber },
    Getlock   { fid: FidNumber, start: u64, length: u64, process: u32, client: &'a [u8] },
    Link      { directory: FidNumber, fid: FidNumber, name: &'a [u8] },
    Mkdir     { directory: FidNumber, name: &'a [u8], mode: u32, gid: u32 },
    Renameat  { from: FidNumber, old: &'a [u8], to: FidNumber, new: &'a [u8] },
    Unlinkat  { directory: FidNumber, name: &'a [u8], flags: u32 },
    Version   { msize: u32, version: &'a [u8] },
    Auth,
    Attach    { fid: FidNumber, user_name: &'a [u8], user: u32 },
    Flush,
    Walk      { fid: FidNumber, new: FidNumber, names: Vec<&'a [u8]> },
    Read      { fid: FidNumber, offset: u64, count: u32 },
    Write     { fid: FidNumber, offset: u64, data: &'a [u8] },
    Clunk     { fid: FidNumber },
    Remove    { fid: FidNumber },
}

impl<'a> Request<'a> {
    /// Decodes a whole message.
    ///
    /// # Errors
    /// EPROTO if its fields are not those of its type or its size is another, EOPNOTSUPP for an unknown type.
    pub(super) fn decode(message: &'a [u8]) -> Result<Request<'a>, Errno> {
        let header = Header::decode(message)?;
        if header.size as usize != message.len() {
            return Err(Errno::PROTO);
        }
        let mut fields = Fields(&message[HEADER..]);
        let request = decode_fields(header.kind, &mut fields)?;
        fields.finish()?;
        Ok(request)
    }
}

/// The fields of a request of type `kind`, in the order of the wire.
#[rustfmt::skip]
fn decode_fields<'a>(kind: u8, f: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    use Request::*;
    Ok(match kind {
        8   => Statfs { fid: fid(f)? },
        12  => Lopen { fid: fid(f)?, flags: f.u32()? },
        14  => Lcreate { fid: fid(f)?, name: f.string()?, flags: f.u32()?, mode: f.u32()?, gid: f.u32()? },
        16  => Symlink { directory: fid(f)?, name: f.string()?, target: f.string()?, gid: f.u32()? },
        18  => mknod(f)?,
        20  => Rename { fid: fid(f)?, directory: fid(f)?, name: f.string()? },
        22  => Readlink { fid: fid(f)? },
        24  => { let fid = fid(f)?; f.u64()?; Getattr { fid } }
        26  => Setattr { fid: fid(f)?, set: set_attributes(f)? },
        30  => { fid(f)?; fid(f)?; f.string()?; Xattrwalk }
        32  => { fid(f)?; f.string()?; f.u64()?; f.u32()?; Xattrcreate }
        40  => Readdir { fid: fid(f)?, offset: f.u64()?, count: f.u32()? },
        50  => { let fid = fid(f)?; f.u32()?; Fsync { fid } }
        52  => lock(f)?,
        54  => get_lock(f)?,
        70  => Link { directory: fid(f)?, fid: fid(f)?, name: f.string()? },
        72  => Mkdir { directory: fid(f)?, name: f.string()?, mode: f.u32()?, gid: f.u32()? },
        74  => Renameat { from: fid(f)?, old: f.string()?, to: fid(f)?, new: f.string()? },
        76  => Unlinkat { directory: fid(f)?, name: f.string()?, flags: f.u32()? },
        100 => Version { msize: f.u32()?, version: f.string()? },
        102 => { fid(f)?; f.string()?; f.string()?; f.u32()?; Auth }
        104 => attach(f)?,
        108 => { f.u16()?; Flush }
        110 => walk(f)?,
        116 => Read { fid: fid(f)?, offset: f.u64()?, count: f.u32()? },
        118 => write(f)?,
        120 => Clunk { fid: fid(f)? },
        122 => Remove { fid: fid(f)? },
        _   => return Err(Errno::OPNOTSUPP),
    })
}

fn fid(fields: &mut Fields<'_>) -> Result<FidNumber, Errno> {
    fields.u32().map(FidNumber)
}

fn mknod<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let (directory, name, mode) = (fid(fields)?, fields.string()?, fields.u32()?);
    let (_major, _minor) = (fields.u32()?, fields.u32()?);
    Ok(Request::Mknod { directory, name, mode, gid: fields.u32()? })
}

/// `fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s]`
fn lock<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let fid = fid(fields)?;
    fields.bytes(1 + 4 + 8 + 8 + 4)?;
    fields.string()?;
    Ok(Request::Lock { fid })
}

/// `fid[4] type[1] start[8] length[8] proc_id[4] client_id[s]`
fn get_lock<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let fid = fid(fields)?;
    fields.u8()?;
    let (start, length) = (fields.u64()?, fields.u64()?);
    Ok(Request::Getlock { fid, start, length, process: fields.u32()?, client: fields.string()? })
}

/// `fid[4] afid[4] uname[s] aname[s] n_uname[4]`; there is one tree to attach to, whatever its name.
fn attach<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let (fid, _auth) = (fid(fields)?, fid(fields)?);
    let (user_name, _tree) = (fields.string()?, fields.string()?);
    Ok(Request::Attach { fid, user_name, user: fields.u32()? })
}

fn walk<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let (fid, new, count) = (fid(fields)?, fid(fields)?, fields.u16()?);
    if count > MAX_NAMES {
        return Err(Errno::PROTO);
    }
    let names = (0..count).map(|_| fields.string()).collect::<Result<_, _>>()?;
    Ok(Request::Walk { fid, new, names })
}

fn write<'a>(fields: &mut Fields<'a>) -> Result<Request<'a>, Errno> {
    let (fid, offset, count) = (fid(fields)?, fields.u64()?, fields.u32()?);
    Ok(Request::Write { fid, offset, data: fields.bytes(count as usize)? })
}

/// `valid[4] mode[4] uid[4] gid[4] size[8] atime_sec[8] atime_nsec[8] mtime_sec[8] mtime_nsec[8]`. A change of ctime is
/// the host's own doing.
fn set_attributes(fields: &mut Fields<'_>) -> Result<SetAttributes, Errno> {
    let valid = fields.u32()?;
    let has = |bit: u32| valid >> bit & 1 != 0;
    let (mode, uid, gid, size) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u64()?);
    let mut time = |bit: u32, explicit: u32| {
        let (seconds, nanoseconds) = (fields.u64()?, fields.u64()?);
        let at = seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Ok(has(bit).then_some(if has(explicit) { SetTime::At(at) } else { SetTime::Now }))
    };
    let (accessed, modified) = (time(4, 7)?, time(5, 8)?);
    Ok(SetAttributes {
        mode: has(0).then_some(mode),
        uid: has(1).then_some(uid),
        gid: has(2).then_some(gid),
        size: has(3).then_some(size),
        accessed,
        modified,
    })
}

/// What the server calls a file: `type[1] version[4] path[8]`. The version is always 0: the client caches nothing by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Qid {
    pub(super) kind: u8,
    pub(super) path: u64,
}

impl Qid {
    pub(super) fn append_to(self, reply: &mut Vec<u8>) {
        reply.u8(self.kind);
        reply.u32(0);
        reply.u64(self.path);
    }
}

/// Makes `reply` the answer to `header`: what `fields` appends, or an `Rlerror`.
pub(super) fn encode_reply(
    reply: &mut Vec<u8>,
    header: Header,
    fields: impl FnOnce(&mut Vec<u8>) -> Result<(), Errno>,
) {
    begin(reply, header.kind.wrapping_add(1), header.tag);
    if let Err(error) = fields(reply) {
        return encode_error(reply, header.tag, error);
    }
    end(reply);
}

/// Makes `reply` an `Rlerror`.
pub(super) fn encode_error(reply: &mut Vec<u8>, tag: u16, error: Errno) {
    begin(reply, RLERROR, tag);
    reply.u32(error.0);
    end(reply);
}

fn begin(reply: &mut Vec<u8>, kind: u8, tag: u16) {
    reply.clear();
    reply.u32(0);
    reply.u8(kind);
    reply.u16(tag);
}

fn end(reply: &mut [u8]) {
    let size = u32::try_from(reply.len()).unwrap_or(u32::MAX);
    reply[..4].copy_from_slice(&size.to_le_bytes());
}

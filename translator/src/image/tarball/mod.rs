//! Reads tar archives: ustar, GNU (long names, old sparse files) and PAX (names, sizes, owners, times with fractions,
//! extended attributes, sparse files).
//!
//! Header fields are decoded by the `tar` crate. The sequence of members and the extended headers are read here because
//! layers carry binary attributes, whose PAX records the crate splits at line feeds, and because what an archive makes
//! us hold in memory must have a bound: [`MAX_EXTENSION`] bytes a member.

mod extension;
mod pax;
mod sparse;

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use tar::{EntryType, GnuExtSparseHeader, Header};

use super::tree::{Device, Meta};
use extension::{Extensions, Records};
pub(crate) use sparse::{Segment, SparseMap};

/// Most bytes of a member's extended headers and long names, and of all global headers.
const MAX_EXTENSION: u64 = 1 << 20;
const BLOCK: u64 = 512;

/// A reader that can leave bytes out, by seeking where that is possible.
pub(crate) trait Skip: Read {
    /// Leaves out `len` bytes. An end of file before may go unnoticed until the next read.
    fn skip(&mut self, len: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.take(len), &mut io::sink())?;
        if skipped == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl<R: Read> Skip for io::BufReader<R> {}

/// What a member is.
#[derive(Clone, Debug)]
pub(crate) enum MemberKind {
    /// `size` bytes follow; where they belong if there are holes.
    File(Option<SparseMap>),
    Directory,
    /// Target as written.
    Symlink(Vec<u8>),
    /// Path of the member that it is another name of.
    HardLink(Vec<u8>),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
}

/// One member of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Path as written.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: MemberKind,
    pub(crate) meta: Meta,
    /// Bytes that the archive stores for it.
    pub(crate) size: u64,
    /// Where those bytes begin, from the start of the archive.
    pub(crate) data: u64,
}

impl Member {
    /// The path for messages.
    pub(crate) fn shown(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.path))
    }
}

/// An archive that is read from front to back.
pub(crate) struct Tarball<R> {
    input: R,
    /// Bytes read or skipped so far.
    position: u64,
    /// Bytes of the current member, padding included, that are still to come.
    pending: u64,
    /// Bytes of extended headers before the current member.
    extended: u64,
    globals: Records,
    /// Bytes that all global headers had.
    global_bytes: u64,
}

impl<R: Skip> Tarball<R> {
    pub(crate) fn new(input: R) -> Tarball<R> {
        Tarball { input, position: 0, pending: 0, extended: 0, globals: Records::new(), global_bytes: 0 }
    }

    /// The next member, after leaving out what remains of the one before; `None` at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Member>> {
        let mut extensions = Extensions::default();
        self.extended = 0;
        loop {
            self.finish_member()?;
            let at = self.position;
            let Some(block) = self.header_block()? else { return Ok(None) };
            let member = self.interpret(&block, &mut extensions);
            if let Some(member) = member.with_context(|| format!("tar header at offset {at}"))? {
                return Ok(Some(member));
            }
        }
    }

    /// The current member's stored bytes.
    pub(crate) fn data<'a>(&'a mut self, member: &Member) -> impl Read + use<'a, R> {
        let left = (member.data + member.size).saturating_sub(self.position);
        Data { left, tarball: self }
    }

    /// Gives the input back.
    pub(crate) fn into_input(self) -> R {
        self.input
    }

    fn finish_member(&mut self) -> Result<()> {
        let at = self.position;
        self.input.skip(self.pending).with_context(|| format!("archive ends within a member, after offset {at}"))?;
        self.position += self.pending;
        self.pending = 0;
        Ok(())
    }

    /// The next header; `None` at the end, which is a block of zeros or the end of the file.
    fn header_block(&mut self) -> Result<Option<[u8; 512]>> {
        let mut block = [0; 512];
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => bail!("archive ends within the tar header at offset {}", self.position),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).with_context(|| format!("reading at offset {}", self.position)),
            }
        }
        self.position += BLOCK;
        Ok((block != [0; 512]).then_some(block))
    }

    /// Takes a header in: a member, or `None` if it is an extension of the next.
    fn interpret(&mut self, block: &[u8; 512], extensions: &mut Extensions) -> Result<Option<Member>> {
        let header = Header::from_byte_slice(block);
        check_sum(header, block)?;
        let size = header.entry_size().context("size")?;
        match header.entry_type() {
            EntryType::GNULongName => extensions.set_name(&self.extension(size)?),
            EntryType::GNULongLink => extensions.set_link(&self.extension(size)?),
            EntryType::XGlobalHeader => {
                let body = self.extension(size)?;
                self.global_bytes += size;
                ensure!(self.global_bytes <= MAX_EXTENSION, "global headers exceed {MAX_EXTENSION} bytes in all");
                self.globals
                    .extend(pax::records(&body)?.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
            }
            EntryType::XHeader => extensions.take(pax::records(&self.extension(size)?)?)?,
            _ => {
                extensions.inherit(&self.globals);
                return self.member(header, extensions).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads the body of an extended header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>> {
        self.extended = self.extended.saturating_add(size);
        let total = self.extended;
        ensure!(total <= MAX_EXTENSION, "extended headers of {total} bytes, at most {MAX_EXTENSION} expected");
        let mut body = vec![0; size as usize];
        self.input.read_exact(&mut body).context("archive ends within an extended header")?;
        self.position += size;
        self.pending = padding(size);
        Ok(body)
    }

    fn member(&mut self, header: &Header, extensions: &Extensions) -> Result<Member> {
        let size = match extensions.text("size") {
            Some(size) => pax::decimal(size).context("PAX size")?,
            None => header.entry_size()?,
        };
        let path = extensions.path(header);
        let kind = self.kind(header, extensions, &path, size);
        let kind = kind.with_context(|| format!("member {:?}", String::from_utf8_lossy(&path)))?;
        // Links, directories and devices store nothing, whatever their size field says.
        let size = if matches!(kind, MemberKind::File(_)) { size } else { 0 };
        let mapped = self.begin_data(&kind, extensions, size)?;
        let meta = extensions.meta(header).with_context(|| format!("member {:?}", String::from_utf8_lossy(&path)))?;
        Ok(Member { path, kind: mapped.0, meta, size: mapped.1, data: self.position })
    }

    /// Sets up the current member's data; reads the sparse map that stands before or among them.
    fn begin_data(&mut self, kind: &MemberKind, extensions: &Extensions, size: u64) -> Result<(MemberKind, u64)> {
        let end = size.checked_add(padding(size)).filter(|end| self.position.checked_add(*end).is_some());
        self.pending = end.with_context(|| format!("size {size} is out of range"))?;
        let MemberKind::File(None) = kind else { return Ok((kind.clone(), size)) };
        let Some(real) = extensions.sparse_size()? else { return Ok((kind.clone(), size)) };
        let (segments, consumed) = match extensions.text("GNU.sparse.map") {
            Some(map) => (sparse::comma_separated(map)?, 0),
            None if extensions.text("GNU.sparse.major") == Some(b"1") => sparse::from_data(|| self.map_block())?,
            None => (extensions.sparse_pairs()?, 0),
        };
        let stored = size.checked_sub(consumed).context("sparse map is longer than the member")?;
        Ok((MemberKind::File(Some(SparseMap::new(real, segments, stored)?)), stored))
    }

    /// A block of the current member's data.
    fn map_block(&mut self) -> Result<[u8; 512]> {
        ensure!(self.pending >= BLOCK, "sparse map is longer than the member");
        let mut block = [0; 512];
        self.input.read_exact(&mut block).context("archive ends within a sparse map")?;
        self.position += BLOCK;
        self.pending -= BLOCK;
        Ok(block)
    }

    fn kind(&mut self, header: &Header, extensions: &Extensions, path: &[u8], size: u64) -> Result<MemberKind> {
        let link = || extensions.link(header);
        Ok(match header.entry_type() {
            // Before POSIX a directory was a file whose name ends in a slash.
            EntryType::Regular if path.ends_with(b"/") => MemberKind::Directory,
            EntryType::Regular | EntryType::Continuous => MemberKind::File(None),
            EntryType::GNUSparse => MemberKind::File(Some(self.old_gnu_sparse(header, size)?)),
            EntryType::Directory => MemberKind::Directory,
            EntryType::Symlink => MemberKind::Symlink(super::name::link_target(&link())?),
            EntryType::Link => MemberKind::HardLink(link()),
            EntryType::Char => MemberKind::CharDevice(device(header)?),
            EntryType::Block => MemberKind::BlockDevice(device(header)?),
            EntryType::Fifo => MemberKind::Fifo,
            other => bail!("type {:?} is not known", char::from(other.as_byte())),
        })
    }

    fn old_gnu_sparse(&mut self, header: &Header, stored: u64) -> Result<SparseMap> {
        let gnu = header.as_gnu().context("sparse file in an archive that is not GNU's")?;
        let mut segments = sparse::old_gnu(&gnu.sparse)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = GnuExtSparseHeader::new();
            self.input.read_exact(block.as_mut_bytes()).context("archive ends within a sparse map")?;
            self.position += BLOCK;
            segments.extend(sparse::old_gnu(block.sparse())?);
            ensure!(segments.len() as u64 <= MAX_EXTENSION, "sparse map of more than {MAX_EXTENSION} segments");
            more = block.is_extended();
        }
        // GNU tar ends the map with an empty segment at the end of the file.
        SparseMap::new(gnu.real_size().context("real size")?, segments, stored)
    }
}

fn device(header: &Header) -> Result<Device> {
    let part = |number: io::Result<Option<u32>>| number?.context("no device number");
    Device::new(u64::from(part(header.device_major())?), u64::from(part(header.device_minor())?))
}

/// The check sum is over the header with blanks in its own place, of bytes or, in old archives, of signed bytes.
fn check_sum(header: &Header, block: &[u8; 512]) -> Result<()> {
    let expected = i64::from(header.cksum().context("not a tar header: malformed check sum")?);
    let byte = |(i, &b): (usize, &u8)| if (148..156).contains(&i) { b' ' } else { b };
    let bytes = || block.iter().enumerate().map(byte);
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|b| i64::from(b.cast_signed())).sum();
    ensure!(expected == unsigned || expected == signed, "not a tar header: check sum {expected}, expected {unsigned}");
    Ok(())
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK
}

struct Data<'a, R> {
    tarball: &'a mut Tarball<R>,
    left: u64,
}

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = self.left.min(buffer.len() as u64) as usize;
        let got = self.tarball.input.read(&mut buffer[..want])?;
        self.left -= got as u64;
        self.tarball.position += got as u64;
        self.tarball.pending -= got as u64;
        Ok(got)
    }
}

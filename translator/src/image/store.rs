//! Where an image's blobs are: files of a directory, or members of an archive that may itself be compressed.
//!
//! An archive is indexed once; members are then read in place, a compressed archive from an unlinked temporary copy.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};

use super::compression::{Compression, decompress};
use super::digest::{Digest, Verifier};
use super::name::components;
use super::tarball::{MemberKind, Skip, Tarball};

/// Most bytes of a JSON document.
const MAX_DOCUMENT: u64 = 8 << 20;
/// Most files of an archive.
const MAX_MEMBERS: usize = 1 << 16;
/// Most links from member to member that are followed.
const MAX_HOPS: usize = 8;

/// Files by path, `/` between names, relative to the image's top.
pub(crate) enum Store {
    Directory(PathBuf),
    Archive { file: Rc<File>, members: HashMap<Vec<u8>, Stored> },
}

/// A member of an archive.
pub(crate) enum Stored {
    Bytes {
        at: u64,
        len: u64,
    },
    /// Another name of the member of that path, as old `docker save` writes layers that images share.
    Alias(Vec<u8>),
}

impl Store {
    /// Indexes an archive.
    pub(crate) fn open_archive(mut file: File) -> Result<Store> {
        let mut start = Vec::new();
        (&mut file).take(4).read_to_end(&mut start).context("cannot read")?;
        file.rewind()?;
        if Compression::of(&start) != Compression::Plain {
            file = inflate(file).context("cannot decompress")?;
        }
        let len = file.metadata()?.len();
        let mut tarball = Tarball::new(Seekable { file, len });
        let mut members = HashMap::new();
        while let Some(member) = tarball.next().context("expected a tar archive")? {
            let name = canonical(&member.path)?;
            let stored = match member.kind {
                MemberKind::File(None) => Stored::Bytes { at: member.data, len: member.size },
                MemberKind::HardLink(target) => Stored::Alias(canonical(&target)?),
                MemberKind::Symlink(target) => Stored::Alias(canonical(&beside(&name, &target))?),
                _ => continue,
            };
            members.insert(name, stored);
            ensure!(members.len() <= MAX_MEMBERS, "archive has more than {MAX_MEMBERS} members");
        }
        Ok(Store::Archive { file: Rc::new(tarball.into_input().file), members })
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        match self {
            Store::Directory(dir) => dir.join(path).is_file(),
            Store::Archive { members, .. } => members.contains_key(path.as_bytes()),
        }
    }

    /// Opens the file at `path`.
    pub(crate) fn open(&self, path: &str) -> Result<Box<dyn Read>> {
        match self {
            Store::Directory(dir) => {
                let file = File::open(dir.join(path)).with_context(|| format!("cannot open {path}"))?;
                Ok(Box::new(file))
            }
            Store::Archive { file, members } => {
                let (at, len) = find(members, path)?;
                Ok(Box::new(Range { file: file.clone(), at, left: len }))
            }
        }
    }

    /// Reads a JSON document, verified if its digest is known.
    pub(crate) fn document(&self, path: &str, digest: Option<&Digest>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let input = self.open(path)?;
        input.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {path}"))?;
        ensure!(bytes.len() as u64 <= MAX_DOCUMENT, "{path} exceeds {MAX_DOCUMENT} bytes, expected a JSON document");
        if let Some(digest) = digest {
            Verifier::new(&bytes[..], digest.clone()).finish().with_context(|| path.to_owned())?;
        }
        Ok(bytes)
    }
}

fn inflate(file: File) -> Result<File> {
    let mut plain = tempfile::tempfile()?;
    io::copy(&mut decompress(BufReader::with_capacity(1 << 16, file))?, &mut plain)?;
    plain.rewind()?;
    Ok(plain)
}

/// A path without `.`, `..` and repeated slashes.
fn canonical(path: &[u8]) -> Result<Vec<u8>> {
    let names = components(path).context("member of the archive")?;
    Ok(names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>().join(&b'/'))
}

/// The path of `target` as seen from the member `name`.
fn beside(name: &[u8], target: &[u8]) -> Vec<u8> {
    let dir = name.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    if target.starts_with(b"/") { target.to_vec() } else { [&name[..dir], target].concat() }
}

fn find(members: &HashMap<Vec<u8>, Stored>, path: &str) -> Result<(u64, u64)> {
    let mut name = path.as_bytes();
    for _ in 0..MAX_HOPS {
        match members.get(name) {
            None if name == path.as_bytes() => bail!("the archive has no member {path}"),
            None => bail!("{path} leads to {:?}, which the archive lacks", String::from_utf8_lossy(name)),
            Some(Stored::Bytes { at, len }) => return Ok((*at, *len)),
            Some(Stored::Alias(target)) => name = target,
        }
    }
    bail!("{path} leads to another member more than {MAX_HOPS} times over")
}

/// A plain archive, whose members are left out by seeking.
struct Seekable {
    file: File,
    len: u64,
}

impl Read for Seekable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Skip for Seekable {
    fn skip(&mut self, len: u64) -> io::Result<()> {
        let end = self.file.stream_position()?.checked_add(len).filter(|&end| end <= self.len);
        self.file.seek(SeekFrom::Start(end.ok_or(io::ErrorKind::UnexpectedEof)?)).map(drop)
    }
}

/// Part of a file.
struct Range {
    file: Rc<File>,
    at: u64,
    left: u64,
}

impl Read for Range {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = self.left.min(buffer.len() as u64) as usize;
        let got = self.file.read_at(&mut buffer[..want], self.at)?;
        self.at += got as u64;
        self.left -= got as u64;
        Ok(got)
    }
}

//! Reads a root directory of the host: owners, permissions, times, attributes, devices, hard links, holes.
//!
//! Mounted file systems below it are part of it. Sockets are left out with a warning: a file system image cannot hold a
//! listening socket. What cannot be read is an error, since an image without it would be another image.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{FileType, SeekFrom as HoleSeek, lgetxattr, llistxattr, major, minor};
use rustix::io::Errno;

use super::Progress;
use super::name::{Name, link_target};
use super::spill::Content;
use super::tree::{Device, InodeId, Kind, Meta, Mtime, Tree, Xattrs};

/// Reads `root`, which must be a directory.
pub(super) fn read(root: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Tree> {
    let mut tree = Tree::new()?;
    *tree.meta_mut(InodeId::ROOT) = meta(root, &fs::metadata(root)?)?;
    let mut reader = Reader { tree, links: HashMap::new(), progress };
    let mut todo = vec![(root.to_owned(), InodeId::ROOT)];
    while let Some((path, id)) = todo.pop() {
        reader.directory(&path, id, &mut todo).with_context(|| path.display().to_string())?;
    }
    Ok(reader.tree)
}

struct Reader<'a> {
    tree: Tree,
    /// Files with several names, by device and inode number of the host.
    links: HashMap<(u64, u64), InodeId>,
    progress: &'a mut dyn FnMut(Progress),
}

impl Reader<'_> {
    fn directory(&mut self, path: &Path, dir: InodeId, todo: &mut Vec<(PathBuf, InodeId)>) -> Result<()> {
        let entries = fs::read_dir(path).context("cannot list")?;
        let mut names =
            entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>().context("cannot list")?;
        names.sort();
        for name in names {
            let child = path.join(&name);
            let found = fs::symlink_metadata(&child).with_context(|| child.display().to_string())?;
            let id = self.entry(&child, &found).with_context(|| child.display().to_string())?;
            let Some(id) = id else { continue };
            self.tree.link(dir, Name::new(name.as_bytes())?, id)?;
            if found.is_dir() {
                todo.push((child, id));
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, found: &Metadata) -> Result<Option<InodeId>> {
        let key = (found.dev(), found.ino());
        if let Some(&id) = self.links.get(&key) {
            return Ok(Some(id));
        }
        let Some(kind) = self.kind(path, found)? else {
            (self.progress)(Progress::Warning(format!("socket {} is left out", path.display())));
            return Ok(None);
        };
        let id = self.tree.add(meta(path, found)?, kind)?;
        if found.nlink() > 1 && !found.is_dir() {
            self.links.insert(key, id);
        }
        Ok(Some(id))
    }

    /// Kind and contents; `None` for a socket.
    fn kind(&mut self, path: &Path, found: &Metadata) -> Result<Option<Kind>> {
        let device = || Device::new(u64::from(major(found.rdev())), u64::from(minor(found.rdev())));
        Ok(Some(match FileType::from_raw_mode(found.mode()) {
            FileType::RegularFile => Kind::File(self.content(path)?),
            FileType::Directory => Kind::Directory(BTreeMap::new()),
            FileType::Symlink => Kind::Symlink(link_target(fs::read_link(path)?.as_os_str().as_bytes())?),
            FileType::CharacterDevice => Kind::CharDevice(device()?),
            FileType::BlockDevice => Kind::BlockDevice(device()?),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => return Ok(None),
            FileType::Unknown => bail!("kind of file is not known (mode {:o})", found.mode()),
        }))
    }

    /// Copies the file's data, holes left out where the host's file system tells them.
    fn content(&mut self, path: &Path) -> Result<Content> {
        let mut file = File::open(path).context("cannot read")?;
        let size = file.metadata()?.len();
        let mut writer = self.tree.content_writer();
        while writer.len() < size {
            let at = writer.len();
            let Some((start, end)) = data_run(&file, at, size)? else { break };
            writer.skip(start - at)?;
            file.seek(SeekFrom::Start(start))?;
            writer.copy(&mut file, end - start)?;
        }
        writer.skip(size - writer.len())?;
        writer.finish()
    }
}

/// The first run of data at or after `at`, within `at..size`; `None` if only a hole remains.
fn data_run(file: &File, at: u64, size: u64) -> Result<Option<(u64, u64)>> {
    let start = match rustix::fs::seek(file, HoleSeek::Data(at)) {
        Ok(start) => start.max(at),
        Err(Errno::NXIO) => return Ok(None),
        // The file system does not know holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((at, size))),
        Err(error) => return Err(error).context("cannot find data"),
    };
    let end = rustix::fs::seek(file, HoleSeek::Hole(start)).context("cannot find the end of data")?.min(size);
    Ok((start < end).then_some((start, end)))
}

fn meta(path: &Path, found: &Metadata) -> Result<Meta> {
    Ok(Meta {
        mode: (found.mode() & 0o7777) as u16,
        uid: found.uid(),
        gid: found.gid(),
        mtime: Mtime { seconds: found.mtime(), nanoseconds: u32::try_from(found.mtime_nsec()).unwrap_or_default() },
        xattrs: xattrs(path).context("cannot read extended attributes")?,
    })
}

/// Linux's limits: 64 KiB for the list of names and for a value.
fn xattrs(path: &Path) -> Result<Xattrs> {
    let mut buffer = vec![0; 1 << 16];
    let len = match llistxattr(path, &mut buffer[..]) {
        Ok(len) => len,
        Err(Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error.into()),
    };
    let names: Vec<Vec<u8>> = buffer[..len].split(|&b| b == 0).filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect();
    let mut xattrs = Xattrs::new();
    for name in names {
        let len = lgetxattr(path, &name[..], &mut buffer[..])?;
        xattrs.insert(name, buffer[..len].to_vec());
    }
    Ok(xattrs)
}

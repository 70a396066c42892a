//! Applies one layer, a tar archive of changes, to a tree (OCI image specification, layer.md).
//!
//! - `.wh.NAME` removes NAME and `.wh..wh..opq` all entries of its directory, as far as lower layers made them, wherever
//!   in the layer the marker stands. Other `.wh..wh.` members are bookkeeping of AUFS and left out.
//! - A member replaces what had its path, except that a directory over a directory keeps the entries.
//! - Symbolic links in the directories of a path are followed within the root, as container engines do: with `/bin` a
//!   link to `usr/bin`, `bin/sh` becomes `/usr/bin/sh`. Directories that no member describes are made.
//! - A hard link may lead to a file of any layer before; as there are no copies, both names keep sharing the inode.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use anyhow::{Context, Result, bail, ensure};

use super::name::{Name, PATH_MAX, components};
use super::spill::Content;
use super::tarball::{Member, MemberKind, Segment, Skip, SparseMap, Tarball};
use super::tree::{InodeId, Kind, Meta, Tree};

/// Most symbolic links that the resolution of one path may follow, as in Linux.
const MAX_LINKS: usize = 40;

/// Applies the uncompressed archive `input` and hands `input` back, which may have bytes left.
pub(crate) fn apply<R: Skip>(tree: &mut Tree, input: R) -> Result<R> {
    let mut tarball = Tarball::new(input);
    let mut layer = Layer { tree, touched: HashSet::new() };
    while let Some(member) = tarball.next()? {
        let offset = member.data;
        layer
            .member(&mut tarball, &member)
            .with_context(|| format!("member {} at offset {offset} of the layer", member.shown()))?;
    }
    Ok(tarball.into_input())
}

struct Layer<'a> {
    tree: &'a mut Tree,
    /// Entries that this layer made or passed through: what its whiteouts leave in place.
    touched: HashSet<(InodeId, Name)>,
}

impl Layer<'_> {
    fn member<R: Skip>(&mut self, tarball: &mut Tarball<R>, member: &Member) -> Result<()> {
        let mut names = components(&member.path)?;
        let Some(name) = names.pop() else { return self.root(member) };
        match name.as_bytes().strip_prefix(b".wh.") {
            Some(b".wh..opq") => self.opaque(&names),
            Some(aufs) if aufs.starts_with(b".wh.") => Ok(()),
            Some(hidden) => self.whiteout(&names, &Name::new(hidden).context("whiteout")?),
            None if names.iter().any(|name| name.as_bytes().starts_with(b".wh..wh.")) => Ok(()),
            None => self.put(tarball, member, &names, name),
        }
    }

    fn root(&mut self, member: &Member) -> Result<()> {
        ensure!(matches!(member.kind, MemberKind::Directory), "the root is not a directory");
        *self.tree.meta_mut(InodeId::ROOT) = member.meta.clone();
        Ok(())
    }

    fn put<R: Skip>(&mut self, tarball: &mut Tarball<R>, member: &Member, parents: &[Name], name: Name) -> Result<()> {
        let dir = self.make_directories(parents)?;
        let old = self.tree.lookup(dir, &name);
        let old_directory = old.filter(|&id| matches!(self.tree.inode(id).kind, Kind::Directory(_)));
        let id = match (&member.kind, old_directory) {
            (MemberKind::Directory, Some(id)) => {
                *self.tree.meta_mut(id) = member.meta.clone();
                id
            }
            (MemberKind::HardLink(target), _) => self.hard_link_target(target)?,
            _ => {
                let kind = self.kind(tarball, member)?;
                self.tree.add(member.meta.clone(), kind)?
            }
        };
        self.tree.link(dir, name.clone(), id)?;
        self.touched.insert((dir, name));
        Ok(())
    }

    fn kind<R: Skip>(&mut self, tarball: &mut Tarball<R>, member: &Member) -> Result<Kind> {
        Ok(match &member.kind {
            MemberKind::File(map) => Kind::File(self.content(tarball.data(member), member.size, map.as_ref())?),
            MemberKind::Directory => Kind::Directory(BTreeMap::new()),
            MemberKind::Symlink(target) => Kind::Symlink(target.clone()),
            MemberKind::CharDevice(device) => Kind::CharDevice(*device),
            MemberKind::BlockDevice(device) => Kind::BlockDevice(*device),
            MemberKind::Fifo => Kind::Fifo,
            MemberKind::HardLink(_) => bail!("a hard link has no kind of its own"),
        })
    }

    fn content(&mut self, mut data: impl Read, stored: u64, map: Option<&SparseMap>) -> Result<Content> {
        let mut writer = self.tree.content_writer();
        let whole = [Segment { offset: 0, len: stored }];
        let (segments, size) = map.map_or((&whole[..], stored), |map| (&map.segments[..], map.size));
        for segment in segments {
            writer.skip(segment.offset - writer.len())?;
            writer.copy(&mut data, segment.len)?;
        }
        writer.skip(size - writer.len())?;
        writer.finish()
    }

    fn hard_link_target(&mut self, target: &[u8]) -> Result<InodeId> {
        let shown = String::from_utf8_lossy(target).into_owned();
        let mut names = components(target).context("hard link target")?;
        let name = names.pop().context("hard link to the root directory")?;
        let dir = self.walk(&names, Missing::Stop)?;
        let id = dir.and_then(|dir| self.tree.lookup(dir, &name));
        let id =
            id.with_context(|| format!("hard link to {shown:?}, which no member before it or lower layer made"))?;
        ensure!(!matches!(self.tree.inode(id).kind, Kind::Directory(_)), "hard link to the directory {shown:?}");
        Ok(id)
    }

    fn whiteout(&mut self, parents: &[Name], hidden: &Name) -> Result<()> {
        if let Some(dir) = self.walk(parents, Missing::Stop)? {
            self.hide(vec![(dir, hidden.clone())]);
        }
        Ok(())
    }

    fn opaque(&mut self, parents: &[Name]) -> Result<()> {
        let dir = self.make_directories(parents)?;
        self.hide(self.children(dir));
        Ok(())
    }

    fn children(&self, dir: InodeId) -> Vec<(InodeId, Name)> {
        self.tree.entries(dir).map(|(name, _)| (dir, name.clone())).collect()
    }

    /// Removes those of `entries`, and of what is below them, that this layer did not make.
    fn hide(&mut self, mut entries: Vec<(InodeId, Name)>) {
        while let Some(entry) = entries.pop() {
            if !self.touched.contains(&entry) {
                self.tree.unlink(entry.0, &entry.1);
            } else if let Some(id) = self.tree.lookup(entry.0, &entry.1) {
                entries.extend(self.children(id));
            }
        }
    }

    fn make_directories(&mut self, parents: &[Name]) -> Result<InodeId> {
        self.walk(parents, Missing::Make)?.context("the root directory is missing")
    }

    /// Follows `path` from the root, symbolic links included, to a directory; `None` if a name is missing and not made.
    fn walk(&mut self, path: &[Name], missing: Missing) -> Result<Option<InodeId>> {
        let mut todo: Vec<Step> = path.iter().rev().cloned().map(Step::Down).collect();
        let mut stack = Stack(vec![]);
        let mut links = 0;
        while let Some(step) = todo.pop() {
            let Step::Down(name) = step else {
                stack.0.pop();
                continue;
            };
            let Some(id) = self.step(stack.top(), &name, missing)? else { return Ok(None) };
            match &self.tree.inode(id).kind {
                Kind::Directory(_) => stack.push(id, &name)?,
                Kind::Symlink(target) => {
                    links += 1;
                    ensure!(links <= MAX_LINKS, "more than {MAX_LINKS} symbolic links on the way, the last {name:?}");
                    if target.starts_with(b"/") {
                        stack.0.clear();
                    }
                    todo.extend(steps(target)?.into_iter().rev());
                }
                _ => bail!("{name:?} on the way is not a directory"),
            }
        }
        Ok(Some(stack.top()))
    }

    /// What `name` in `dir` is, made a directory if it is missing and that is wanted.
    fn step(&mut self, dir: InodeId, name: &Name, missing: Missing) -> Result<Option<InodeId>> {
        let found = self.tree.lookup(dir, name);
        if matches!(missing, Missing::Stop) {
            return Ok(found);
        }
        self.touched.insert((dir, name.clone()));
        found.map_or_else(|| self.make_directory(dir, name), Ok).map(Some)
    }

    fn make_directory(&mut self, dir: InodeId, name: &Name) -> Result<InodeId> {
        let id = self.tree.add(Meta::implied_directory(), Kind::Directory(BTreeMap::new()))?;
        self.tree.link(dir, name.clone(), id)?;
        Ok(id)
    }
}

/// What to do about a missing directory.
#[derive(Clone, Copy)]
enum Missing {
    Make,
    Stop,
}

/// The directories from below the root to where a walk is, each with the length of its path.
struct Stack(Vec<(InodeId, usize)>);

impl Stack {
    fn top(&self) -> InodeId {
        self.0.last().map_or(InodeId::ROOT, |&(id, _)| id)
    }

    /// Errors if links have led so deep that the path is longer than Linux takes.
    fn push(&mut self, id: InodeId, name: &Name) -> Result<()> {
        let len = self.0.last().map_or(0, |&(_, len)| len) + 1 + name.as_bytes().len();
        ensure!(len <= PATH_MAX, "path of {len} bytes, with links followed, at most {PATH_MAX} are possible");
        self.0.push((id, len));
        Ok(())
    }
}

/// A component of a path that is being followed.
enum Step {
    Down(Name),
    Up,
}

fn steps(target: &[u8]) -> Result<Vec<Step>> {
    let parts = target.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(|part| if part == b".." { Ok(Step::Up) } else { Name::new(part).map(Step::Down) }).collect()
}

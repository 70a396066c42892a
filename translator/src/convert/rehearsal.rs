//! The host's side of a rehearsal: an empty directory that looks the same in every training run, and a disk with an empty layer.

use anyhow::{Context, Result, anyhow, ensure};
use channel::Directory;
use kernel_snapshot::ready;
use runtime::devices::virtio::ninep::{
    Errno, HostAttributes, HostEntry, HostFile, HostTree, OpenHow, SetTimes, SharedDirectory,
};
use runtime::devices::{Backends, Devices};
use runtime::host::layer::Layer;
use runtime::host::tree::UnixTree;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tempfile::TempDir;

/// Where the guest finds it.
const PLACE: &str = "/.rehearsal-of-the-host";

/// Directories of the host that are there as long as this.
pub(super) struct Rehearsal {
    shared: TempDir,
    state: TempDir,
}

impl Rehearsal {
    /// Makes the directories.
    pub(super) fn begin() -> Result<Rehearsal> {
        let make = || tempfile::tempdir().context("a directory for the training");
        Ok(Rehearsal { shared: make()?, state: make()? })
    }

    /// Puts the disk into the machine's drive. The image is any: no other run has the layer.
    pub(super) fn put_layer_in(&self, devices: &mut Devices) -> Result<()> {
        let layer = Layer::open(self.state.path(), &[0; 32]).context("a layer for the training")?;
        ensure!(devices.insert_disk(Box::new(layer)), "the machine has no drive");
        Ok(())
    }

    /// What the guest is told.
    pub(super) fn directories(&self) -> Vec<Directory> {
        vec![Directory { path: PLACE.to_owned(), read_only: false }]
    }

    /// The backends of the training's machine.
    pub(super) fn backends(&self) -> Result<Backends> {
        let path = self.shared.path();
        let tree = UnixTree::open(path).map_err(|error| anyhow!("open {}: {error}", path.display()))?;
        let tree = Box::new(Same { tree, numbers: Rc::default() });
        let shared = SharedDirectory { guest: PLACE.to_owned(), read_only: false, tree };
        Ok(Backends { directories: Some(vec![shared]), ..ready::backends() })
    }
}

/// Files, numbered in the order in which they were seen, by their numbers on the host.
#[derive(Default)]
struct Numbers {
    of: HashMap<(u64, u64), u64>,
    last: u64,
}

/// A tree without what differs from run to run: devices, numbers, times, and the order of a listing.
struct Same {
    tree: UnixTree,
    numbers: Rc<RefCell<Numbers>>,
}

struct SameFile {
    file: Box<dyn HostFile>,
    numbers: Rc<RefCell<Numbers>>,
}

impl Numbers {
    fn same(&mut self, attributes: HostAttributes) -> HostAttributes {
        let inode = *self.of.entry((attributes.device, attributes.inode)).or_insert_with(|| {
            self.last += 1;
            self.last
        });
        HostAttributes { device: 1, inode, accessed_ns: 0, modified_ns: 0, changed_ns: 0, ..attributes }
    }
}

impl Same {
    /// The host may give the number of what is removed to another file.
    fn forget(&self, path: &str) {
        if let Ok(attributes) = self.tree.attributes(path) {
            self.numbers.borrow_mut().of.remove(&(attributes.device, attributes.inode));
        }
    }
}

impl HostTree for Same {
    fn attributes(&self, path: &str) -> Result<HostAttributes, Errno> {
        Ok(self.numbers.borrow_mut().same(self.tree.attributes(path)?))
    }

    fn open(&self, path: &str, how: OpenHow) -> Result<Box<dyn HostFile>, Errno> {
        Ok(Box::new(SameFile { file: self.tree.open(path, how)?, numbers: Rc::clone(&self.numbers) }))
    }

    fn entries(&self, path: &str) -> Result<Vec<HostEntry>, Errno> {
        let mut entries = self.tree.entries(path)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.iter_mut().for_each(|entry| entry.inode = 0);
        Ok(entries)
    }

    fn make_directory(&self, path: &str) -> Result<(), Errno> {
        self.tree.make_directory(path)
    }

    fn remove_directory(&self, path: &str) -> Result<(), Errno> {
        self.forget(path);
        self.tree.remove_directory(path)
    }

    fn remove_file(&self, path: &str) -> Result<(), Errno> {
        self.forget(path);
        self.tree.remove_file(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.tree.rename(from, to)
    }

    fn link(&self, existing: &str, new: &str) -> Result<(), Errno> {
        self.tree.link(existing, new)
    }

    fn make_symlink(&self, target: &str, new: &str) -> Result<(), Errno> {
        self.tree.make_symlink(target, new)
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        self.tree.read_link(path)
    }

    fn set_times(&self, path: &str, times: SetTimes) -> Result<(), Errno> {
        self.tree.set_times(path, times)
    }
}

impl HostFile for SameFile {
    fn attributes(&self) -> Result<HostAttributes, Errno> {
        Ok(self.numbers.borrow_mut().same(self.file.attributes()?))
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.file.read(offset, into)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        self.file.write(offset, bytes)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.file.set_size(size)
    }

    fn set_times(&self, times: SetTimes) -> Result<(), Errno> {
        self.file.set_times(times)
    }

    fn sync(&self) -> Result<(), Errno> {
        self.file.sync()
    }
}

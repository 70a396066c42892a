//! A container image as one root file system and its configuration.
//!
//! ```text
//! OCI layout ─┐                        ┌─► config: ImageConfig
//! archive ────┼─ store ─ oci | docker ─┴─► layers ─ decompress ─ tarball ─ layer ─┐
//! directory ──┴─ rootdir ────────────────────────────────────────────────────────┴─► Tree ─► erofs
//! ```
//!
//! Every byte is verified against the digests that the image gives: of blobs, and of the layers' contents. Contents are
//! kept in an unlinked temporary file, so memory is in proportion to the number of files, not to their size.

pub mod config;
pub mod erofs;

mod compression;
mod digest;
mod docker;
mod layer;
mod name;
mod oci;
mod rootdir;
mod spill;
mod store;
mod tarball;
mod tree;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

pub use config::ImageConfig;
pub use name::Name;
pub use spill::Content;
pub use tree::{Device, Inode, InodeId, Kind, Meta, Mtime, Tree, Walk, Xattrs};

use config::ImageDocument;
use digest::{Digest, Verifier};
use store::Store;

/// For who gives an image's name in place of a file.
const FILE_OF_IMAGE: &str = "`docker save NAME --output FILE` or `skopeo copy` makes a file of an image";

/// What [`open`] tells while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Layer `index` of `count` is being applied; the first is 1.
    Layer {
        /// Which one.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Something of the image is left out; a sentence for the user.
    Warning(String),
}

/// An opened image.
#[derive(Debug)]
pub struct Image {
    /// How to run it; of a root directory the default.
    pub config: ImageConfig,
    /// Its root file system.
    pub tree: Tree,
    /// SHA-256, 64 hexadecimal digits, over configuration and tree: equal images have equal digests, however packed.
    pub digest: String,
}

/// The path that stands for standard input.
pub const STDIN: &str = "-";

/// Opens an OCI layout directory, an archive of `docker save` or an `oci-archive` (plain, gzip or zstd), or a root
/// directory. A directory is taken for a layout if it has a file `oci-layout`. [`STDIN`] is an archive from standard input.
///
/// Errors name the file, the member or blob, and what was expected of it.
pub fn open(path: &Path, mut progress: impl FnMut(Progress)) -> Result<Image> {
    open_any(path, &mut progress).with_context(|| format!("image {}", path.display()))
}

fn open_any(path: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
    if path == Path::new(STDIN) {
        return finish_archive(&Store::open_archive(standard_input()?)?, progress);
    }
    let kind = match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("is not there; {FILE_OF_IMAGE}"),
        kind => kind.context("cannot open")?,
    };
    if kind.is_dir() && !path.join("oci-layout").is_file() {
        return finish(ImageConfig::default(), rootdir::read(path, progress)?, progress);
    }
    ensure!(kind.is_dir() || kind.is_file(), "is neither a directory nor a file");
    let open = || Store::open_archive(File::open(path).context("cannot open")?);
    let store = if kind.is_dir() { Store::Directory(path.to_owned()) } else { open()? };
    finish_archive(&store, progress)
}

/// All of standard input, in a file without a name: layers are read in another order than that of the archive.
fn standard_input() -> Result<File> {
    let mut file = tempfile::tempfile().context("a file for standard input")?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file).context("cannot read standard input")?;
    file.rewind()?;
    Ok(file)
}

fn finish_archive(store: &Store, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
    let packing = packing(store)?;
    let tree = packing.unpack(store, progress)?;
    finish(packing.document.config, tree, progress)
}

fn packing(store: &Store) -> Result<Packing> {
    if store.has("index.json") || matches!(store, Store::Directory(_)) {
        return oci::resolve(store);
    }
    if store.has("manifest.json") {
        return docker::resolve(store);
    }
    bail!("archive has neither index.json (OCI) nor manifest.json (docker save); unpack a bare root file system first")
}

fn finish(config: ImageConfig, mut tree: Tree, progress: &mut dyn FnMut(Progress)) -> Result<Image> {
    for name in tree.retain_xattrs(erofs::takes_xattr) {
        progress(Progress::Warning(format!("attributes {:?} are left out", String::from_utf8_lossy(&name))));
    }
    let mut hash = Sha256::new_with_prefix(serde_json::to_vec(&config)?);
    hash.update(tree.digest());
    Ok(Image { config, tree, digest: digest::hex(&hash.finalize()) })
}

/// How an image is packed: its configuration and its layers, lowest first.
struct Packing {
    document: ImageDocument,
    layers: Vec<LayerBlob>,
}

/// Where a layer is.
struct LayerBlob {
    path: String,
    /// Digest of the bytes at `path`, where the format gives one.
    digest: Option<Digest>,
}

impl Packing {
    fn unpack(&self, store: &Store, progress: &mut dyn FnMut(Progress)) -> Result<Tree> {
        let (count, ids) = (self.layers.len(), self.document.diff_ids.len());
        ensure!(count == ids, "image has {count} layers, its configuration's rootfs.diff_ids {ids}");
        let mut tree = Tree::new()?;
        for (index, (layer, diff_id)) in self.layers.iter().zip(&self.document.diff_ids).enumerate() {
            progress(Progress::Layer { index: index + 1, count });
            layer.apply(store, diff_id, &mut tree).with_context(|| format!("layer {}", layer.path))?;
        }
        Ok(tree)
    }
}

impl LayerBlob {
    /// Applies the layer and verifies both digests over all of its bytes, those after the archive's end included.
    fn apply(&self, store: &Store, diff_id: &Digest, tree: &mut Tree) -> Result<()> {
        let Some(digest) = &self.digest else { return apply_stream(store.open(&self.path)?, diff_id, tree) };
        let mut verifier = Verifier::new(store.open(&self.path)?, digest.clone());
        let applied = apply_stream(&mut verifier, diff_id, tree);
        // A wrong digest explains what else may be wrong.
        verifier.finish()?;
        applied
    }
}

fn apply_stream(input: impl Read, diff_id: &Digest, tree: &mut Tree) -> Result<()> {
    let plain = compression::decompress(BufReader::with_capacity(1 << 16, input)).context("cannot read")?;
    let contents = BufReader::with_capacity(1 << 16, Verifier::new(plain, diff_id.clone()));
    let rest = layer::apply(tree, contents)?;
    rest.into_inner().finish().context("contents of the layer")
}

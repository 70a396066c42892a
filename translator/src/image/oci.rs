//! OCI image layout (image-layout.md): from `index.json` through nested indexes to one linux/amd64 manifest.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Packing;
use super::config::ImageDocument;
use super::digest::Digest;
use super::store::Store;

/// Deepest nesting of indexes, and most manifests in all.
const MAX_DEPTH: usize = 4;
const MAX_MANIFESTS: usize = 1024;

const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
const LAYER_TYPES: [&str; 10] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
];

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A manifest that the layout offers.
struct Offer {
    platform: Platform,
    descriptor: Descriptor,
}

/// Chooses the manifest and says where its layers are.
pub(super) fn resolve(store: &Store) -> Result<Packing> {
    let index: Index = json(&store.document("index.json", None)?).context("index.json: expected an OCI image index")?;
    let chosen = choose(offers(store, index)?)?;
    let manifest: Manifest = document(store, &chosen, &MANIFEST_TYPES)?;
    let document = ImageDocument::parse(&blob(store, &manifest.config, &CONFIG_TYPES)?)
        .with_context(|| format!("image configuration {}", manifest.config.digest))?;
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        layer.expect(&LAYER_TYPES)?;
        let digest = Digest::parse(&layer.digest)?;
        layers.push(super::LayerBlob { path: digest.blob_path(), digest: Some(digest) });
    }
    Ok(Packing { document, layers })
}

/// All manifests below `index`.
fn offers(store: &Store, index: Index) -> Result<Vec<Offer>> {
    let mut offers = Vec::new();
    let mut todo: Vec<_> = index.manifests.into_iter().rev().map(|descriptor| (descriptor, 1)).collect();
    while let Some((descriptor, depth)) = todo.pop() {
        ensure!(offers.len() + todo.len() < MAX_MANIFESTS, "more than {MAX_MANIFESTS} manifests");
        if INDEX_TYPES.contains(&descriptor.media_type.as_str()) {
            ensure!(depth < MAX_DEPTH, "indexes are nested deeper than {MAX_DEPTH}");
            let index: Index = document(store, &descriptor, &INDEX_TYPES)?;
            todo.extend(index.manifests.into_iter().rev().map(|descriptor| (descriptor, depth + 1)));
        } else {
            let platform = platform(store, &descriptor)?;
            offers.push(Offer { platform, descriptor });
        }
    }
    Ok(offers)
}

/// What the index says of the platform or, as for `docker save`, the image configuration.
fn platform(store: &Store, descriptor: &Descriptor) -> Result<Platform> {
    if let Some(platform) = &descriptor.platform {
        return Ok(platform.clone());
    }
    let manifest: Manifest = document(store, descriptor, &MANIFEST_TYPES)?;
    let config = blob(store, &manifest.config, &CONFIG_TYPES)?;
    json(&config).with_context(|| format!("image configuration {}", manifest.config.digest))
}

/// The offer for linux/amd64; of several micro-architecture levels the one that needs least.
fn choose(offers: Vec<Offer>) -> Result<Descriptor> {
    let listed = offers.iter().map(|offer| offer.platform.shown()).collect::<Vec<_>>().join(", ");
    let mut fitting: Vec<Offer> = offers.into_iter().filter(|offer| offer.platform.level().is_some()).collect();
    let level = fitting.iter().filter_map(|offer| offer.platform.level()).min();
    fitting.retain(|offer| offer.platform.level() == level);
    let Some(first) = fitting.first() else { bail!("no image for linux/amd64, only for: {listed}") };
    if fitting.iter().any(|offer| offer.descriptor.digest != first.descriptor.digest) {
        let names = fitting.iter().map(|offer| offer.descriptor.shown()).collect::<Vec<_>>().join(", ");
        bail!("several images for linux/amd64, expected one: {names}");
    }
    Ok(first.descriptor.clone())
}

impl Platform {
    fn shown(&self) -> String {
        let variant = if self.variant.is_empty() { String::new() } else { format!("/{}", self.variant) };
        format!("{}/{}{variant}", self.os, self.architecture)
    }

    /// The x86-64 level that the image needs; `None` if it is no image for linux/amd64.
    fn level(&self) -> Option<u8> {
        match (self.os.as_str(), self.architecture.as_str(), self.variant.as_str()) {
            ("linux", "amd64", "" | "v1") => Some(1),
            ("linux", "amd64", "v2") => Some(2),
            ("linux", "amd64", "v3") => Some(3),
            ("linux", "amd64", "v4") => Some(4),
            _ => None,
        }
    }
}

impl Descriptor {
    fn expect(&self, types: &[&str]) -> Result<()> {
        let (found, digest) = (&self.media_type, &self.digest);
        ensure!(types.contains(&found.as_str()), "{digest} has media type {found:?}, expected one of {types:?}");
        Ok(())
    }

    /// The name that it was saved under, and its digest.
    fn shown(&self) -> String {
        let mut annotations = self.annotations.iter().flatten();
        let name = annotations.find(|(key, _)| key.ends_with("image.name") || key.ends_with("image.ref.name"));
        name.map_or(self.digest.clone(), |(_, name)| format!("{name} ({})", self.digest))
    }
}

fn blob(store: &Store, descriptor: &Descriptor, types: &[&str]) -> Result<Vec<u8>> {
    descriptor.expect(types)?;
    let digest = Digest::parse(&descriptor.digest)?;
    let bytes = store.document(&digest.blob_path(), Some(&digest))?;
    let (found, expected) = (bytes.len() as u64, descriptor.size);
    ensure!(found == expected, "{digest} has {found} bytes, its descriptor says {expected}");
    Ok(bytes)
}

fn document<T: DeserializeOwned>(store: &Store, descriptor: &Descriptor, types: &[&str]) -> Result<T> {
    let bytes = blob(store, descriptor, types)?;
    json(&bytes).with_context(|| format!("{}: expected {}", descriptor.digest, types[0]))
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Ok(serde_json::from_slice(bytes)?)
}

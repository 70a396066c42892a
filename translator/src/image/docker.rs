//! The `docker save` format from before Docker 25: `manifest.json` names the configuration and the layers of each image
//! (Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format").

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::config::ImageDocument;
use super::digest::Digest;
use super::store::Store;
use super::{LayerBlob, Packing};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Says where the configuration and the layers are. Layers have no digest of their own there, only the configuration's
/// digests of their contents; the configuration's file name is its digest.
pub(super) fn resolve(store: &Store) -> Result<Packing> {
    let json = store.document("manifest.json", None)?;
    let images: Vec<Image> = serde_json::from_slice(&json).context("manifest.json: expected a list of images")?;
    let [image] = &images[..] else {
        let names: Vec<_> = images.iter().map(Image::shown).collect();
        bail!("the archive holds {} images, expected one: {}", images.len(), names.join(", "));
    };
    let stem = image.config.strip_suffix(".json").unwrap_or(&image.config).rsplit('/').next().unwrap_or_default();
    let digest = Digest::parse(&format!("sha256:{stem}")).ok();
    let document = ImageDocument::parse(&store.document(&image.config, digest.as_ref())?)
        .with_context(|| format!("image configuration {}", image.config))?;
    let layers = image.layers.iter().map(|path| LayerBlob { path: path.clone(), digest: None }).collect();
    Ok(Packing { document, layers })
}

impl Image {
    fn shown(&self) -> String {
        self.repo_tags.as_ref().and_then(|tags| tags.first()).unwrap_or(&self.config).clone()
    }
}

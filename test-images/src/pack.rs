//! Packs an image as an OCI layout or an archive of `docker save`, byte for byte the same each time.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::layer::LayerBuilder;

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// `bytes` in this coding.
    pub fn encode(self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Coding::Plain => bytes.to_vec(),
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(bytes)?;
                encoder.finish()?
            }
            Coding::Zstd => compress_to_vec(bytes, CompressionLevel::Fastest),
        })
    }

    /// What the media type of such a layer ends in.
    fn suffix(self) -> &'static str {
        match self {
            Coding::Plain => "",
            Coding::Gzip => "+gzip",
            Coding::Zstd => "+zstd",
        }
    }
}

/// What an image is packed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A directory with `oci-layout`, `index.json` and `blobs/`; its layers coded so.
    OciLayout(Coding),
    /// The same as a tar archive, all of it coded so; its layers are plain.
    OciArchive(Coding),
    /// `docker save` before Docker 25: `manifest.json` and `ID/layer.tar`.
    DockerSave,
    /// `docker save` since Docker 25: an OCI layout with a `manifest.json` beside.
    DockerSaveOci,
}

/// An image before it is packed.
#[derive(Clone, Debug, Default)]
pub struct Recipe {
    /// Tag, for example `busybox:latest`.
    pub name: String,
    /// `Cmd`, `Env` and so on, as image configurations have them.
    pub config: Value,
    /// Plain tar archives, lowest first.
    pub layers: Vec<Vec<u8>>,
}

/// Files by path.
type Files = Vec<(String, Vec<u8>)>;

impl Recipe {
    /// Writes the image to `path`, a directory or file that does not exist yet. Errors name the path.
    pub fn write(&self, format: Format, path: &Path) -> Result<()> {
        let written = match format {
            Format::OciLayout(coding) => write_directory(&self.oci(coding)?, path),
            Format::OciArchive(coding) => self.oci(Coding::Plain).and_then(|files| write_archive(&files, coding, path)),
            Format::DockerSave => write_archive(&self.docker(), Coding::Plain, path),
            Format::DockerSaveOci => self.docker_oci().and_then(|files| write_archive(&files, Coding::Plain, path)),
        };
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// The image configuration document.
    fn document(&self) -> Vec<u8> {
        let ids: Vec<_> = self.layers.iter().map(|layer| digest(layer)).collect();
        let config = &self.config;
        json!({
            "architecture": "amd64", "os": "linux", "created": "2023-11-14T22:13:20Z", "config": config,
            "rootfs": { "type": "layers", "diff_ids": ids },
        })
        .to_string()
        .into_bytes()
    }

    fn oci(&self, coding: Coding) -> Result<Files> {
        let mut files = vec![("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec())];
        let config = blob(&mut files, CONFIG_TYPE, self.document());
        let layer_type = format!("{LAYER_TYPE}{}", coding.suffix());
        let layer = |layer: &Vec<u8>| Ok(blob(&mut files, &layer_type, coding.encode(layer)?));
        let layers = self.layers.iter().map(layer).collect::<Result<Vec<_>>>()?;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers }).to_string();
        let mut manifest = blob(&mut files, MANIFEST_TYPE, manifest.into_bytes());
        manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": self.name });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest] }).to_string();
        files.push(("index.json".to_owned(), index.into_bytes()));
        Ok(files)
    }

    fn docker(&self) -> Files {
        let document = self.document();
        let config = format!("{}.json", hex(&document));
        let paths: Vec<_> = self.layers.iter().map(|layer| format!("{}/layer.tar", hex(layer))).collect();
        let manifest = json!([{ "Config": config, "RepoTags": [self.name], "Layers": paths }]).to_string();
        let mut files: Files = paths.into_iter().zip(self.layers.iter().cloned()).collect();
        files.extend([(config, document), ("manifest.json".to_owned(), manifest.into_bytes())]);
        files
    }

    fn docker_oci(&self) -> Result<Files> {
        let mut files = self.oci(Coding::Plain)?;
        let path = |bytes: &[u8]| format!("blobs/sha256/{}", hex(bytes));
        let layers: Vec<_> = self.layers.iter().map(|layer| path(layer)).collect();
        let manifest = json!([{ "Config": path(&self.document()), "RepoTags": [self.name], "Layers": layers }]);
        files.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
        Ok(files)
    }
}

/// Adds a blob; returns its descriptor.
fn blob(files: &mut Files, media_type: &str, bytes: Vec<u8>) -> Value {
    let descriptor = json!({ "mediaType": media_type, "digest": digest(&bytes), "size": bytes.len() });
    files.push((format!("blobs/sha256/{}", hex(&bytes)), bytes));
    descriptor
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_directory(files: &Files, path: &Path) -> Result<()> {
    fs::create_dir_all(path.join("blobs/sha256"))?;
    files.iter().try_for_each(|(name, bytes)| fs::write(path.join(name), bytes))?;
    Ok(())
}

fn write_archive(files: &Files, coding: Coding, path: &Path) -> Result<()> {
    let mut archive = LayerBuilder::new();
    for (name, bytes) in files {
        archive.file(name, 0o644, bytes)?;
    }
    fs::write(path, coding.encode(&archive.finish()?)?)?;
    Ok(())
}

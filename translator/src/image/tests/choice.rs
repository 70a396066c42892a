//! Which image of an OCI index is chosen.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use test_images::pack::Coding;

use super::*;

/// An OCI layout directory whose files may be changed.
pub(super) struct Layout(TempDir);

impl Layout {
    pub(super) fn new() -> Layout {
        let dir = tempfile::tempdir().unwrap();
        let recipe = recipe(vec![layer(|l| l.file("f", 0o644, b"x"))]);
        recipe.write(Format::OciLayout(Coding::Gzip), &dir.path().join("image")).unwrap();
        Layout(dir)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("image")
    }

    pub(super) fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("index.json")).unwrap()).unwrap()
    }

    /// The error after `change` of the index.
    pub(super) fn with_index(self, change: impl FnOnce(&mut Value)) -> String {
        let mut index = self.index();
        change(&mut index);
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
        error(&self.path())
    }

    /// Where the blob of that digest is.
    fn blob_of(&self, digest: &Value) -> PathBuf {
        self.path().join("blobs").join(digest.as_str().unwrap().replace(':', "/"))
    }

    /// Path of the only layer.
    pub(super) fn layer(&self) -> PathBuf {
        let manifest = self.blob_of(&self.index()["manifests"][0]["digest"]);
        let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        self.blob_of(&manifest["layers"][0]["digest"])
    }
}

/// A descriptor for that platform.
fn on(descriptor: &Value, architecture: &str, variant: &str) -> Value {
    let mut descriptor = descriptor.clone();
    descriptor["platform"] = json!({ "os": "linux", "architecture": architecture, "variant": variant });
    descriptor
}

#[test]
fn the_least_level_of_amd64_is_chosen_from_nested_indexes() {
    let layout = Layout::new();
    let mut index = layout.index();
    let good = index["manifests"][0].clone();
    let mut absent = good.clone();
    absent["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    let others = [on(&absent, "arm64", "v8"), on(&absent, "amd64", "v3"), on(&absent, "unknown", "")];
    index["manifests"] = json!([others[0], others[1], on(&good, "amd64", ""), others[2]]);
    let inner = index.to_string();
    let digest = super::digest::hex(&Sha256::digest(&inner));
    fs::write(layout.path().join("blobs/sha256").join(&digest), &inner).unwrap();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let descriptor = json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": inner.len() });
    fs::write(layout.path().join("index.json"), json!({ "manifests": [descriptor] }).to_string()).unwrap();
    assert_eq!(paths(&open_quietly(&layout.path()).unwrap().tree), "/f");
}

#[test]
fn several_images_are_told_apart_by_name() {
    let message = Layout::new().with_index(|index| {
        let good = on(&index["manifests"][0], "amd64", "");
        let mut other = good.clone();
        other["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
        other["annotations"] = json!({ "org.opencontainers.image.ref.name": "other:1" });
        index["manifests"] = json!([good, other]);
    });
    assert!(
        message.contains("expected one: test:latest (sha256:") && message.contains("other:1 (sha256:"),
        "{message}"
    );
}

#[test]
fn platforms_that_are_missing_are_listed() {
    let message = Layout::new().with_index(|index| {
        let manifest = index["manifests"][0].clone();
        index["manifests"] = json!([on(&manifest, "arm64", "v8"), on(&manifest, "s390x", "")]);
    });
    assert!(message.contains("no image for linux/amd64, only for: linux/arm64/v8, linux/s390x"), "{message}");
}

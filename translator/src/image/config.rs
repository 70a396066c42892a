//! The image configuration (OCI image specification, config.md; Docker adds the host name).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use runtime::host::signals;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use super::digest::Digest;

/// How to run the image's program. Field names and meaning are those of the specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// Words that come before `cmd` or before the user's arguments.
    #[serde(deserialize_with = "nullable")]
    pub entrypoint: Vec<String>,
    /// Words in place of which the user's arguments come.
    #[serde(deserialize_with = "nullable")]
    pub cmd: Vec<String>,
    /// `NAME=VALUE` each.
    #[serde(deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// Directory to start in; empty means `/`.
    #[serde(deserialize_with = "nullable")]
    pub working_dir: String,
    /// `user`, `uid`, `user:group`, `uid:gid`, …, to be looked up in the image; empty means root.
    #[serde(deserialize_with = "nullable")]
    pub user: String,
    /// Host name; empty means that the runtime chooses.
    #[serde(deserialize_with = "nullable")]
    pub hostname: String,
    /// Signal that asks the program to end, by name or number; empty means SIGTERM.
    #[serde(deserialize_with = "nullable")]
    pub stop_signal: String,
    /// `PORT`, `PORT/tcp`, `PORT/udp`.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys")]
    pub exposed_ports: BTreeSet<String>,
    /// Directories that are written to.
    #[serde(deserialize_with = "keys", serialize_with = "as_keys")]
    pub volumes: BTreeSet<String>,
    /// Free text by name.
    #[serde(deserialize_with = "nullable")]
    pub labels: BTreeMap<String, String>,
}

/// The configuration document with what verifies the layers.
pub(crate) struct ImageDocument {
    pub(crate) config: ImageConfig,
    /// Digest of each layer's uncompressed archive, lowest first.
    pub(crate) diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
struct Raw {
    architecture: String,
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    config: ImageConfig,
    rootfs: RawRootfs,
}

#[derive(Deserialize)]
struct RawRootfs {
    #[serde(default, deserialize_with = "nullable")]
    diff_ids: Vec<String>,
}

impl ImageDocument {
    /// Parses the document. Errors if it is malformed or for another platform than linux/amd64.
    pub(crate) fn parse(json: &[u8]) -> Result<ImageDocument> {
        let raw: Raw = serde_json::from_slice(json).context("expected an image configuration in JSON")?;
        let platform = format!("{}/{}", raw.os, raw.architecture);
        ensure!(platform == "linux/amd64", "image is for {platform}, expected linux/amd64");
        let signal = &raw.config.stop_signal;
        let valid = signal.is_empty() || signals::number(signal).is_some();
        ensure!(valid, "StopSignal of the image configuration: expected {}, got {signal:?}", signals::EXPECTED);
        let text = raw.config.text_fields().find(|text| text.contains('\0'));
        ensure!(text.is_none(), "image configuration holds a NUL in {:?}", text.unwrap_or_default());
        let diff_ids = raw.rootfs.diff_ids.iter().map(|id| Digest::parse(id)).collect::<Result<_>>();
        Ok(ImageDocument { config: raw.config, diff_ids: diff_ids.context("rootfs.diff_ids")? })
    }
}

impl ImageConfig {
    /// What becomes a C string in the guest.
    fn text_fields(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.entrypoint, &self.cmd, &self.env].into_iter().flatten();
        let lists = lists.chain(&self.volumes);
        lists.chain([&self.working_dir, &self.user, &self.hostname]).map(String::as_str)
    }
}

/// Go writes empty lists, maps and structures as `null`.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// A set, written as a map whose values are empty objects.
fn keys<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<String>, D::Error> {
    let map: BTreeMap<String, IgnoredAny> = nullable(input)?;
    Ok(map.into_keys().collect())
}

fn as_keys<S: serde::Serializer>(set: &BTreeSet<String>, output: S) -> Result<S::Ok, S::Error> {
    output.collect_map(set.iter().map(|key| (key, BTreeMap::<(), ()>::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["sh","-c","a b"],"Entrypoint":null,
        "Env":["PATH=/bin"],"ExposedPorts":{"80/tcp":{}},"Volumes":null,"Labels":{"a":"b"},"User":"1:2","StopSignal":"SIGQUIT","Healthcheck":{}},
        "rootfs":{"type":"layers","diff_ids":[]}}"#;

    #[test]
    fn documents_are_parsed_and_round_trip() {
        let config = ImageDocument::parse(DOCUMENT.as_bytes()).unwrap().config;
        assert_eq!(config.cmd, ["sh", "-c", "a b"]);
        assert_eq!((config.entrypoint.len(), config.user.as_str()), (0, "1:2"));
        assert!(config.exposed_ports.contains("80/tcp"));
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ImageConfig>(&json).unwrap(), config);
    }

    #[test]
    fn other_platforms_and_malformed_documents_are_refused() {
        let refused = |from: &str, to: &str| match ImageDocument::parse(DOCUMENT.replace(from, to).as_bytes()) {
            Ok(_) => panic!("{to} was accepted"),
            Err(error) => format!("{error:#}"),
        };
        assert!(refused("amd64", "arm64").contains("linux/arm64, expected linux/amd64"));
        assert!(refused("\"diff_ids\":[]", "\"diff_ids\":[\"x\"]").contains("has no algorithm"));
        assert!(refused("SIGQUIT", "SIGN").contains("StopSignal of the image configuration: expected a signal"));
        assert!(refused("a b", "a\\u0000b").contains("NUL"));
        assert!(refused("\"os\"", "\"so\"").contains("missing field `os`"));
    }
}

//! Modules in files: what was learnt of a file is kept, so that the next run neither reads it nor takes its digest.
//!
//! ```text
//!   known/DIGEST of device, inode, size, times ──► compiled/DIGEST of the module ──► its code
//!                                              └─► the module's `prelift` section
//! ```
//!
//! A file is taken for the one that was read where all of these are the same, as version control does it. Of a file that has
//! just been changed nothing is kept: the next change might leave the same times.

use super::{Engine, Program};
use crate::link::Summary;
use anyhow::{Context, Result};
use kernel_snapshot::cache::{Cache, Digest};
use runtime::label;
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Kind of the cache's entries, and the file in one.
const KIND: &str = "known";
const FILE: &str = "module.json";

/// Changes of a file are told apart by its times if they are so far from each other: file systems count in jiffies, some in seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// A module in a file.
#[derive(Debug)]
pub struct ModuleFile {
    path: PathBuf,
    description: Option<serde_json::Value>,
    /// What names the file as it is now; none where nothing is to be kept of it.
    identity: Option<Digest>,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    /// Digest of the compiled module.
    Known(Digest),
    /// The module.
    Read(Vec<u8>),
}

/// What is kept of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    /// Digest of the compiled module, in hexadecimal digits.
    code: String,
    /// The module's `prelift` section.
    description: Option<serde_json::Value>,
}

impl ModuleFile {
    /// The module's `prelift` section, if it has one.
    pub fn description(&self) -> Option<&serde_json::Value> {
        self.description.as_ref()
    }
}

impl Engine {
    /// Opens a module's file: reads it, unless it is known.
    ///
    /// # Errors
    /// If it cannot be read, or is no module.
    pub fn open(&self, path: &Path, cache: &Cache) -> Result<ModuleFile> {
        let unreadable = || format!("cannot read {}", path.display());
        let metadata = fs::metadata(path).with_context(unreadable)?;
        let identity = self.identity(&metadata);
        let path = path.to_owned();
        if let Some((code, description)) = known(cache, identity) {
            return Ok(ModuleFile { path, description, identity: None, contents: Contents::Known(code) });
        }
        let bytes = fs::read(&path).with_context(unreadable)?;
        let description = Summary::read(&bytes).with_context(|| path.display().to_string())?.description;
        let keeps = matches!(cache, Cache::Directory(_)) && is_settled(&metadata, SystemTime::now());
        let identity = keeps.then_some(identity);
        Ok(ModuleFile { path, description, identity, contents: Contents::Read(bytes) })
    }

    /// [`Engine::load`] of a module in a file.
    ///
    /// # Errors
    /// As there, and if the file cannot be read any more.
    pub fn load_file(&self, file: ModuleFile, cache: &Cache, progress: &dyn Fn(&str)) -> Result<Program> {
        let ModuleFile { path, description, identity, contents } = file;
        let bytes = match contents {
            Contents::Read(bytes) => bytes,
            Contents::Known(code) => match self.find(code, cache) {
                Some(program) => return Ok(program),
                None => fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
            },
        };
        let whose = || path.display().to_string();
        let Some(identity) = identity else { return self.load(&bytes, cache, progress).with_context(whose) };
        let code = self.code_digest(&bytes);
        let program = self.load_as(code, &bytes, cache, progress).with_context(whose)?;
        let known = Known { code: code.to_string(), description };
        let json = serde_json::to_vec(&known).context("describe the module")?;
        let keep = |directory: &Path| {
            let path = directory.join(FILE);
            fs::write(&path, &json).with_context(|| format!("cannot write {}", path.display()))
        };
        cache.entry(KIND, identity, progress, keep)?;
        Ok(program)
    }

    /// What names a file as it is, for this engine.
    fn identity(&self, metadata: &Metadata) -> Digest {
        let numbers = [metadata.dev(), metadata.ino(), metadata.len()];
        let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
        let all: Vec<u8> =
            numbers.into_iter().chain(times.map(i64::cast_unsigned)).flat_map(u64::to_le_bytes).collect();
        self.recipe("known 1").bytes("file", &all).digest()
    }
}

/// Whether a change from `now` on would show in the file's times.
fn is_settled(metadata: &Metadata, now: SystemTime) -> bool {
    let changed =
        u64::try_from(metadata.ctime()).map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds + 1));
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age >= SETTLED))
}

/// What is kept of a file: digest of its compiled module, and its description. A damaged entry is none.
fn known(cache: &Cache, identity: Digest) -> Option<(Digest, Option<serde_json::Value>)> {
    let json = fs::read(cache.find(KIND, identity)?.join(FILE)).ok()?;
    let Known { code, description } = serde_json::from_slice(&json).ok()?;
    Some((Digest(label::digest(&code)?), description))
}

//! Machine code of modules, kept in the cache.
//!
//! The key is the digest of the module's bytes and of wasmtime's own hash of all that its code depends on (version,
//! settings, processor features). Code is mapped from the file, not read, so a large program starts at once; the
//! memory image in it is mapped copy-on-write.

#![allow(unsafe_code)]

use super::{Engine, Origin, Program};
use anyhow::{Context, Result, anyhow};
use kernel_snapshot::cache::{Cache, Digest, Recipe};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::time::{Duration, Instant};
use wasmparser::{Parser, Payload};
use wasmtime::Module;

/// Kind of the cache's entries, and the file in one.
const KIND: &str = "compiled";
const FILE: &str = "module.cwasm";

impl Engine {
    /// Compiles a module, or finds its code in the cache.
    ///
    /// # Errors
    /// If it is not a valid module.
    pub fn load(&self, module: &[u8], cache: &Cache, progress: &dyn Fn(&str)) -> Result<Program> {
        match cache {
            Cache::Directory(_) => self.load_as(self.code_digest(module), module, cache, progress),
            Cache::Refused => self.compile(module, progress),
        }
    }

    /// [`Engine::load`] with a cache, of a module whose code has this digest.
    pub(super) fn load_as(
        &self,
        code: Digest,
        module: &[u8],
        cache: &Cache,
        progress: &dyn Fn(&str),
    ) -> Result<Program> {
        let mut time = Duration::ZERO;
        let entry = cache.entry(KIND, code, progress, |directory| {
            let (code, taken) = self.code(module, progress)?;
            time = taken;
            let path = directory.join(FILE);
            fs::write(&path, code).with_context(|| format!("cannot write {}", path.display()))
        })?;
        let origin = if time.is_zero() { Origin::Cached } else { Origin::Compiled(time) };
        match self.map(&entry.path().join(FILE)) {
            Ok(module) => Ok(Program { module, origin }),
            Err(error) => {
                progress(&format!("cached code cannot be used: {error:#}"));
                self.compile(module, progress)
            }
        }
    }

    /// The program whose code has this digest, if the cache has it and it can be used.
    pub(super) fn find(&self, code: Digest, cache: &Cache) -> Option<Program> {
        let module = self.map(&cache.find(KIND, code)?.join(FILE)).ok()?;
        Some(Program { module, origin: Origin::Cached })
    }

    /// Digest of all that a module's code is made from.
    pub(super) fn code_digest(&self, module: &[u8]) -> Digest {
        self.recipe("compiled 1").bytes("module", module).digest()
    }

    /// A recipe of something that depends on the engine.
    pub(super) fn recipe(&self, kind: &str) -> Recipe {
        let mut environment = Bytes::default();
        self.wasmtime.precompile_compatibility_hash().hash(&mut environment);
        Recipe::new(kind).bytes("engine", &environment.0)
    }

    /// Compiles without a cache.
    fn compile(&self, module: &[u8], progress: &dyn Fn(&str)) -> Result<Program> {
        let (code, time) = self.code(module, progress)?;
        // SAFETY: `code` was made by this engine a moment ago.
        let module = unsafe { Module::deserialize(&self.wasmtime, code) }.map_err(|error| anyhow!(error))?;
        Ok(Program { module, origin: Origin::Compiled(time) })
    }

    fn code(&self, module: &[u8], progress: &dyn Fn(&str)) -> Result<(Vec<u8>, Duration)> {
        let size = code_size(module).map(|size| format!("{:.1} MB of ", f64::from(size) / 1e6));
        progress(&format!("compiling {}WebAssembly", size.unwrap_or_default()));
        let start = Instant::now();
        let code = self.wasmtime.precompile_module(module).map_err(|error| anyhow!(error));
        Ok((code.context("cannot compile the module")?, start.elapsed()))
    }

    fn map(&self, path: &Path) -> Result<Module> {
        // SAFETY: the file is an entry of the user's own cache, published whole by `load` and never changed after;
        // wasmtime itself checks that it was made by a compatible engine.
        unsafe { Module::deserialize_file(&self.wasmtime, path) }.map_err(|error| anyhow!(error))
    }
}

/// Size of a module's code. Most of a module are data, which are not compiled.
fn code_size(module: &[u8]) -> Option<u32> {
    Parser::new(0).parse_all(module).find_map(|payload| match payload {
        Ok(Payload::CodeSectionStart { size, .. }) => Some(size),
        _ => None,
    })
}

/// Collects what is hashed, so that a digest of it can be taken.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

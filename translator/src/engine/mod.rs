//! The embedded WebAssembly engine: compiles a module once, keeps the machine code, runs it with WASI preview 1.
//!
//! It is wasmtime in its default configuration, so that a module behaves here as under the stock command, with two
//! differences. Compiled code is kept in the user's cache under the digest of the module and of everything in the
//! engine that affects code ([`Engine::load`]). And exit codes are exact: wasmtime's own `proc_exit` turns codes
//! above 125 into an error.

mod compiled;
mod file;
mod host_input;
mod raw_mode;
mod wasi;

pub use file::ModuleFile;
pub use host_input::{HostInput, InputPlan};
pub use wasi::{Directory, Outcome, RunOptions, Streams};

use anyhow::{Result, anyhow};
use std::time::Duration;

/// Stack for Wasm frames in bytes: what the stock command gives (DESIGN.md, decision 9).
pub const WASM_STACK: usize = 512 << 10;

/// An engine with prelift's settings.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
}

/// A module, compiled.
pub struct Program {
    module: wasmtime::Module,
    /// How its code was had.
    pub origin: Origin,
}

/// How a program's machine code was had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the cache.
    Cached,
    /// Compiled, in this time.
    Compiled(Duration),
}

impl Engine {
    /// Sets the engine up.
    ///
    /// # Errors
    /// If this machine has no code generator.
    pub fn new() -> Result<Engine> {
        let mut config = wasmtime::Config::new();
        config.max_wasm_stack(WASM_STACK).memory_init_cow(true);
        config.wasm_tail_call(true).wasm_wide_arithmetic(true).wasm_branch_hinting(true);
        Ok(Engine { wasmtime: wasmtime::Engine::new(&config).map_err(|error| anyhow!(error))? })
    }

    /// The engine itself, for what this module does not offer.
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }
}

#[cfg(test)]
mod tests;

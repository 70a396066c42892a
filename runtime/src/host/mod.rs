//! The program that a module runs: a guest resumed from its snapshot, connected with the host's streams and clocks.
//!
//! ```text
//!  arguments ── options ─┬─ environment (--env, --env-file), container (--security-opt and others), spec (--config)
//!  image's configuration ┴─ config ──► Start ──┐
//!  snapshot ── module (Wasm) or files (native) ─► resume ──► drive: step the guest, move time on, feed input, write output
//!                                                              └─► exit code, checkpoint, or Failure ── stats
//! ```
//!
//! The loop in [`drive`] knows the machine as a [`Guest`](drive::Guest) and the world as a [`Host`](system::Host), so it
//! runs against scripts of both. The same source makes the Wasm module and the native program; only [`system`]'s streams,
//! the host's directories ([`tree`]) and where the machine comes from differ.

pub mod checkpoint;
pub mod config;
pub mod console;
pub mod container;
pub mod directories;
pub mod drive;
pub mod environment;
#[cfg(not(target_arch = "wasm32"))]
pub mod files;
pub mod frames;
mod input;
mod json;
pub mod layer;
pub mod lockstep;
#[cfg(target_arch = "wasm32")]
pub mod module;
pub mod options;
mod pace;
pub mod resume;
pub mod run;
pub mod signals;
pub mod spec;
pub mod stats;
#[cfg_attr(target_os = "wasi", path = "streams_wasi.rs")]
#[cfg_attr(not(target_os = "wasi"), path = "streams_unix.rs")]
mod streams;
pub mod system;
#[cfg_attr(target_os = "wasi", path = "tree_wasi.rs")]
#[cfg_attr(not(target_os = "wasi"), path = "tree_unix.rs")]
pub mod tree;

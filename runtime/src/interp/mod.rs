//! The interpreter: pre-decoded blocks, cached per code page, run in an iterative loop.
//!
//! ```text
//! rip ── front cache (by rip) ──► block ── run: exec each instruction ──► next rip ──┐
//!   ▲        └ miss: fetch translation, page's blocks (by offset), decode            │
//!   └────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A write to decoded instructions drops the blocks that it touches, at the latest before the next instruction: also where the
//! writer is the running block.

pub(crate) mod access;
mod arith;
pub mod code;
mod fetch;
pub(crate) mod pages;
mod privileged;
mod segmented;
mod state;
mod vector;

pub use code::{Block, CodeCache};

//! Snapshots of a machine: the explicit, versioned encoding of its state.

pub mod codec;

pub use codec::{CodecError, Field, Reader, Writer};

//! Translated code: how it is called, bound to guest memory, and left.

pub mod abi;

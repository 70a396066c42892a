//! The processor's state, and the operations on it that are not instruction bodies.

pub mod state;

pub use state::{Cpu, Tlb, TlbEntry};

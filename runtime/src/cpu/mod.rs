//! The processor's state.

pub mod breakpoints;
pub mod cell;
pub mod state;

pub use cell::CpuCell;
pub use state::{Cpu, Tlb, TlbEntry};

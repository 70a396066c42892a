//! The machine: interpreter, MMU, interrupt controllers, virtio devices, snapshots, dispatch of translated code.

pub mod cpu;
pub mod devices;
pub mod exception;
pub mod host;
pub mod image_file;
pub mod interp;
pub mod label;
pub mod memory;
pub mod mmu;
pub mod profile;
pub mod session;
pub mod snapshot;
mod system;
pub mod translated;
pub mod vm;
mod x87;

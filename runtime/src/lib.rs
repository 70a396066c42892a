//! The machine: interpreter, MMU, interrupt controllers, virtio devices, snapshots, dispatch of translated code.

pub mod cpu;
pub mod devices;
pub mod snapshot;
pub mod translated;

//! The guest side: kernel configuration and build, the initramfs, and the guest's memory at its first instruction.
//!
//! ```text
//! kernel.config ─┐                                   init (static ELF) ─► initramfs ─┐
//! Linux source  ─┴─► kernel::build ─► vmlinux ──────────────────────────────────────┴─► boot::load ─► BootImage
//!                     (cache, packages)               cmdline::command_line ──────────┘
//! ```
//!
//! [`kernel::build`] makes the ELF `vmlinux` once per set of inputs and keeps it in the [`cache`]; [`boot::load`]
//! lays it out, with the initramfs, the command line and the tables that the 64-bit boot protocol asks for, as
//! bytes at guest-physical addresses; [`machine::power_up`] makes a machine of them.

pub mod boot;
pub mod cache;
pub mod cmdline;
pub mod initramfs;
pub mod kernel;
pub mod machine;
pub mod packages;
mod source;

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
//! bytes at guest-physical addresses; [`machine::power_up`] makes a machine of them. [`ready::ready_snapshot`] boots
//! that machine natively, with the init of [`guest::init_binary`], until it waits for a program; [`command::run`] runs
//! one in it. [`testing`] is for the tests of the other crates.

pub mod boot;
pub mod cache;
pub mod cmdline;
pub mod command;
pub mod console;
pub mod guest;
pub mod initramfs;
pub mod kernel;
pub mod machine;
pub mod packages;
pub mod ready;
mod source;
pub mod testing;

//! A module at its users' hands: `prelift run` on a terminal and without one, and the same file under the stock `wasmtime`
//! command and node.
//!
//! Each image is converted once for all tests. `PRELIFT_TEST_VMLINUX=FILE` gives the kernel and saves its build.
//! Every wait has an end, at which the test says what it expected and what came instead.

mod command;
mod confinement;
mod container;
mod directories;
mod hosts;
mod inspect;
mod module;
mod namespaces;
mod output;
mod outside;
mod process;
mod pty;
mod saved;
mod spec;
mod state;
mod streams;
mod terminal;
mod world;

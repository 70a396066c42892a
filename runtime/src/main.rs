//! The runtime as a program: what `prelift` links translated code and a snapshot to. Natively, it runs a snapshot file.

#[cfg(target_os = "wasi")]
mod heap;
#[cfg(prelift_start)]
mod start;

use runtime::host;
use std::process::ExitCode;

#[cfg(not(target_arch = "wasm32"))]
fn run() -> u8 {
    host::run::main(None, host::files::load)
}

#[cfg(target_arch = "wasm32")]
fn run() -> u8 {
    host::run::main(host::module::image_file(), host::module::load)
}

fn main() -> ExitCode {
    ExitCode::from(run())
}

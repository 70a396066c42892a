//! The runtime as a program: what `prelift` links translated code and a snapshot to. Natively, it runs a snapshot file.

#[cfg(target_os = "wasi")]
mod heap;
#[cfg(prelift_start)]
mod start;

#[cfg(not(target_arch = "wasm32"))]
use runtime::host::files::load;
#[cfg(target_arch = "wasm32")]
use runtime::host::module::load;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(runtime::host::run::main(load))
}

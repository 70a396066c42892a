//! The runtime as a program: what `prelift` links translated code and a snapshot to.

#[cfg(target_os = "wasi")]
mod heap;
#[cfg(prelift_start)]
mod start;

fn main() {
    println!("prelift-runtime {}", env!("CARGO_PKG_VERSION"));
}

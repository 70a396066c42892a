//! Static programs of images, compiled from C by the host's compiler.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::host::run;

/// A static program, C11 with POSIX, without symbols of the build. Errors if neither `musl-gcc` nor `gcc` with a static C
/// library is there.
pub(crate) fn compile(name: &str, source: &str) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let input = format!("{name}.c");
    fs::write(dir.path().join(&input), source)?;
    let build = |compiler: &str| {
        let flags = ["-std=c11", "-O2", "-static", "-fno-pie", "-no-pie", "-Wl,--build-id=none", "-o", name, &input];
        run(Command::new(compiler).args(flags).current_dir(&dir))
    };
    build("musl-gcc").or_else(|musl| build("gcc").with_context(|| format!("musl-gcc failed too: {musl:#}")))?;
    fs::read(dir.path().join(name)).with_context(|| format!("cannot read the compiled program {name}"))
}

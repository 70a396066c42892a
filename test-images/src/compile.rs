//! Static programs of images, compiled from C by the host's compiler.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::host::run;

/// What every program is compiled with.
const FLAGS: [&str; 6] = ["-std=c11", "-O2", "-static", "-fno-pie", "-no-pie", "-Wl,--build-id=none"];

/// A static program, C11 with POSIX, without symbols of the build. Errors if neither `musl-gcc` nor `gcc` with a static C
/// library is there.
pub(crate) fn compile(name: &str, source: &str) -> Result<Vec<u8>> {
    compile_files(name, &[(&format!("{name}.c"), source)], &[])
}

/// The same, of several files, among them headers, and with further flags.
pub(crate) fn compile_files(name: &str, files: &[(&str, &str)], flags: &[&str]) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    for (file, text) in files {
        fs::write(dir.path().join(file), text)?;
    }
    let sources = files.iter().map(|(file, _)| *file).filter(|file| file.ends_with(".c"));
    let arguments: Vec<&str> = FLAGS.iter().chain(flags).copied().chain(["-o", name]).chain(sources).collect();
    let build = |compiler: &str| run(Command::new(compiler).args(&arguments).current_dir(&dir));
    build("musl-gcc").or_else(|musl| build("gcc").with_context(|| format!("musl-gcc failed too: {musl:#}")))?;
    fs::read(dir.path().join(name)).with_context(|| format!("cannot read the compiled program {name}"))
}

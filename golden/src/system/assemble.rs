//! From a kernel's source to an ELF file with both entries, by binutils.

use super::folder;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// Who runs a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// prelift's runtime: every case.
    Runtime,
    /// QEMU: without the cases that it cannot survive.
    Qemu,
}

/// Assembles and links a kernel.
///
/// # Errors
/// If a tool is missing or refuses it.
pub fn assemble(kernel: &str, target: For) -> Result<Vec<u8>> {
    let build = tempfile::tempdir()?;
    let (object, file) = (build.path().join("kernel.o"), build.path().join("kernel"));
    let mut assembler = Command::new("as");
    assembler.arg("-I").arg(folder()).arg("-o").arg(&object);
    if target == For::Qemu {
        assembler.args(["--defsym", "QEMU=1"]);
    }
    run(assembler.arg(folder().join(format!("{kernel}.s"))))?;
    // The notes lie between the ELF header and the code, so that all of the file is above 1 MiB, in order.
    let places = ["-Ttext", "0x101000", "--section-start=.note.pvh=0x100800"];
    let options = ["-e", "entry", "--build-id=none", "-z", "noexecstack", "-z", "max-page-size=0x1000"];
    run(Command::new("ld").args(places).args(options).arg("-o").arg(&file).arg(&object))?;
    fs::read(&file).context("the linked kernel")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

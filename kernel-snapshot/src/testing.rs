//! What tests of several crates need: a kernel, and a small image that was not made by the code under test.

use crate::cache::Cache;
use crate::kernel::{self, KernelRequest, Source};
use crate::packages::{self, Package};
use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the kernel to use instead of Debian's.
pub const VMLINUX: &str = "PRELIFT_TEST_VMLINUX";

const PACKAGES: &[Package] =
    &[Package::command("erofs-utils", "mkfs.erofs"), Package::command("busybox-static", "busybox")];
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// Path of the kernel's ELF file: the one that [`VMLINUX`] names, or Debian's, built where the cache does not have it.
///
/// # Errors
/// If it cannot be built.
pub fn vmlinux() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VMLINUX) {
        return Ok(path.into());
    }
    let request = KernelRequest { source: Source::Debian, cache: &Cache::of_user()? };
    Ok(kernel::build(&request, &say).context("build the kernel")?.vmlinux())
}

/// An EROFS with busybox and the directories that a container's root needs, by Debian's `mkfs.erofs`, padded to a multiple of 2 MiB;
/// written to `directory/image` too.
///
/// # Errors
/// If the packages for it cannot be had.
pub fn busybox_image(directory: &Path) -> Result<Vec<u8>> {
    packages::ensure(PACKAGES, &say)?;
    let program = BUSYBOX.iter().map(Path::new).find(|path| path.is_file()).context("no busybox")?;
    let root = directory.join("root");
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        std::fs::create_dir_all(root.join(name))?;
    }
    std::fs::copy(program, root.join("bin/busybox"))?;
    let file = directory.join("image");
    let mut make = Command::new("mkfs.erofs");
    make.args(["-Enoinline_data", "-T0", "-U00000000-0000-0000-0000-000000000001"]).arg(&file).arg(&root);
    let output = make.output().context("start mkfs.erofs")?;
    ensure!(output.status.success(), "mkfs.erofs: {}", String::from_utf8_lossy(&output.stderr));
    let mut image = std::fs::read(&file)?;
    image.resize(image.len().next_multiple_of(2 << 20), 0);
    std::fs::write(&file, &image)?;
    Ok(image)
}

/// Says why a test, or a part of one, is not run here. It is seen though the test passes: only what macros print is captured.
pub fn skipped(what: &str) {
    // Where standard error cannot be written, nobody reads.
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

fn say(line: &str) {
    eprintln!("{line}");
}

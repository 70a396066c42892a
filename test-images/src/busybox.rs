//! The smallest useful image: Debian's static busybox with a link for each applet.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::host::{foreign_package_file, package_file, run};
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// Where `busybox-static` has its program in Debian 12 and since Debian 13.
const PROGRAM: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// The image `busybox:latest`, whose command is `sh`. Errors if the package is neither installed nor to be had from apt.
pub fn busybox() -> Result<Recipe> {
    let mut layer = base()?;
    let config = json!({ "Cmd": ["sh"], "Env": [PATH], "WorkingDir": "/" });
    Ok(Recipe { name: "busybox:latest".to_owned(), config, layers: vec![layer.finish()?] })
}

/// The search path that images of this crate set.
pub(crate) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The same image with the 32-bit program of Debian's `i386`, `busybox-i386:latest`. The program is kept in `cache`. Errors if
/// it can neither be downloaded nor run here.
pub fn busybox_i386(cache: &Path) -> Result<Recipe> {
    let kept = cache.join("busybox-static-i386");
    if !kept.is_file() {
        let program = foreign_package_file("i386", "busybox-static", &PROGRAM)?;
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(cache).context("cannot make a temporary file")?;
        file.write_all(&program).context("cannot write a temporary file")?;
        file.persist(&kept).with_context(|| format!("cannot put {} in place", kept.display()))?;
    }
    let program = fs::read(&kept).with_context(|| format!("cannot read {}", kept.display()))?;
    let config = json!({ "Cmd": ["sh"], "Env": [PATH], "WorkingDir": "/" });
    Ok(Recipe { name: "busybox-i386:latest".to_owned(), config, layers: vec![base_with(&program)?.finish()?] })
}

/// A layer with busybox and what programs expect of a root file system.
pub(crate) fn base() -> Result<LayerBuilder> {
    base_with(&package_file("busybox-static", &PROGRAM)?)
}

fn base_with(program: &[u8]) -> Result<LayerBuilder> {
    let mut layer = LayerBuilder::new();
    for (path, mode) in [("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o555)] {
        layer.directory(path, mode)?;
    }
    for (path, mode) in [("root", 0o700), ("sys", 0o555), ("tmp", 0o1777), ("usr", 0o755), ("var", 0o755)] {
        layer.directory(path, mode)?;
    }
    layer
        .file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")?
        .file("etc/group", 0o644, b"root:x:0:\ntty:x:5:\nnogroup:x:65534:\n")?
        .file("bin/busybox", 0o755, program)?;
    for applet in applets(program)? {
        layer.symlink(&format!("bin/{applet}"), "busybox")?;
    }
    Ok(layer)
}

/// The applets that the program says it has, sorted.
fn applets(program: &[u8]) -> Result<Vec<String>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let (copy, path) = (dir.path().join("copy"), dir.path().join("busybox"));
    fs::write(&copy, program)?;
    // Another process makes the file that is run: a child that some other thread starts just now would inherit our descriptor
    // for it, and a file that somebody may write cannot be executed.
    run(Command::new("install").arg("-m755").args([&copy, &path]))?;
    let list = String::from_utf8(run(Command::new(&path).arg("--list"))?).context("busybox --list")?;
    let mut applets: Vec<_> = list.lines().filter(|name| *name != "busybox").map(str::to_owned).collect();
    applets.sort();
    ensure!(applets.iter().any(|name| name == "sh"), "this busybox has no shell");
    Ok(applets)
}

#[cfg(test)]
mod tests {
    #[test]
    fn same_bytes_each_time() {
        let (first, second) = (super::busybox().unwrap(), super::busybox().unwrap());
        assert_eq!(first.layers, second.layers);
        let has_shell = first.layers[0].windows(7).any(|window| window == b"bin/sh\0");
        assert!(has_shell);
    }
}

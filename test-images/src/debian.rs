//! Debian 12 with its essential packages and Python, installed by mmdebstrap, as an archive of `docker save`.
//!
//! Documentation, manual pages and translations are left out. Works with and without root: mmdebstrap chooses how.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::host::run;
use crate::layer::MTIME;
use crate::pack::{Format, Recipe};

const SUITE: &str = "bookworm";
const PACKAGES: &str = "python3-minimal";
const LEFT_OUT: [&str; 4] = ["/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*"];
/// Changes whenever the recipe does.
const FILE_NAME: &str = "debian-bookworm-python3-1.tar";

/// The image `debian-python:bookworm`, whose command is `python3`, in `cache`: the file that is there, or a new one.
/// `progress` is told each step. Errors if mmdebstrap is missing or fails, for example without network.
pub fn debian_python(cache: &Path, mut progress: impl FnMut(&str)) -> Result<PathBuf> {
    let path = cache.join(FILE_NAME);
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let dir = tempfile::tempdir_in(cache).context("cannot make a temporary directory")?;
    progress("installing Debian bookworm with python3 into an archive (about a minute)");
    let layer = dir.path().join("layer.tar");
    bootstrap(&layer)?;
    progress("packing the image");
    let config = json!({ "Cmd": ["python3"], "Env": [crate::busybox::PATH], "WorkingDir": "/" });
    let layers = vec![fs::read(&layer).with_context(|| format!("cannot read {}", layer.display()))?];
    let packed = dir.path().join(FILE_NAME);
    Recipe { name: "debian-python:bookworm".to_owned(), config, layers }.write(Format::DockerSave, &packed)?;
    fs::rename(&packed, &path).with_context(|| format!("cannot put {} in place", path.display()))?;
    Ok(path)
}

fn bootstrap(layer: &Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=essential", &format!("--include={PACKAGES}")]);
    command.args(LEFT_OUT.map(|files| format!("--dpkgopt=path-exclude={files}")));
    command.arg(SUITE).arg(layer).env("SOURCE_DATE_EPOCH", MTIME.to_string());
    run(&mut command)?;
    Ok(())
}

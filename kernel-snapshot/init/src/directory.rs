//! Directories of the container that may not exist yet.

use anyhow::{Context, Result};
use std::os::unix::fs::DirBuilderExt;

/// Makes a directory and its missing parents, mode 0755, owned by root.
pub(crate) fn make_all(path: &str) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path).with_context(|| format!("mkdir {path}"))
}

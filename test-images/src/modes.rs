//! Busybox and a static 64-bit program whose cases run 32-bit code in compatibility mode: the same output wherever they run.
//!
//! It needs no 32-bit compiler or library: the 32-bit code is the program's own assembly and bytes.

use anyhow::Result;
use serde_json::json;

use crate::compile::compile;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// The program's source, C11 with Linux.
const SOURCE: &str = include_str!("modes.c");

/// The program's cases: its only argument; none runs all.
#[rustfmt::skip]
pub const CASES: [&str; 6] = [
    "decimal",
    "both",
    "stack",
    "strings",
    "calls",
    "faults",
];

/// The image `modes:latest`; its entrypoint is `/bin/modes`. Errors if there is no compiler with a static C library.
pub fn modes() -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/modes", 0o755, &compile("modes", SOURCE)?)?;
    let config = json!({ "Entrypoint": ["/bin/modes"], "Env": [crate::busybox::PATH], "WorkingDir": "/" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "modes:latest".to_owned(), config, layers })
}

//! Busybox and a static program that does what debuggers do: single steps, breakpoints in hardware, alignment checks.

use anyhow::Result;
use serde_json::json;

use crate::compile::compile;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// The program's source, C11 with Linux.
const SOURCE: &str = include_str!("debug.c");

/// The program's cases, its only argument, and the lines that they print: as an x86-64 processor has them.
#[rustfmt::skip]
pub const CASES: [(&str, &str); 7] = [
    ("trapflag",  "trapflag 4509\n"),
    ("alignment", "alignment 100 100\n"),
    ("step",      "step 4505 530981 exit 3\n"),
    ("execute",   "execute 300 7218 exit 3\n"),
    ("write",     "write 300 20451 exit 3\n"),
    ("access",    "access 601 48018 exit 3\n"),
    ("bytes",     "bytes 1200 211068 exit 3\n"),
];

/// The image `debug:latest`; its entrypoint is `/bin/debug`, and with the argument `train` it runs the code that the cases
/// look at. Errors if there is no compiler with a static C library.
pub fn debug() -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/debug", 0o755, &compile("debug", SOURCE)?)?;
    let config = json!({ "Entrypoint": ["/bin/debug"], "Env": [crate::busybox::PATH], "WorkingDir": "/tmp" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "debug:latest".to_owned(), config, layers })
}

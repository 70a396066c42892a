//! Busybox and a static program whose cases change code that has run: the same output wherever they run.

use anyhow::Result;
use serde_json::json;

use crate::compile::compile;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// The program's source, C11 with Linux.
const SOURCE: &str = include_str!("smc.c");

/// The program's cases: its only argument; none runs all.
#[rustfmt::skip]
pub const CASES: [&str; 11] = [
    "rewrite",
    "reuse",
    "alias",
    "file",
    "caller",
    "unmap",
    "spaces",
    "straddle",
    "tracer",
    "compiler",
    "repeats",
];

/// The image `smc:latest`; its entrypoint is `/bin/smc`. Errors if there is no compiler with a static C library.
pub fn smc() -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/smc", 0o755, &compile("smc", SOURCE)?)?;
    let config = json!({ "Entrypoint": ["/bin/smc"], "Env": [crate::busybox::PATH], "WorkingDir": "/tmp" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "smc:latest".to_owned(), config, layers })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;
    use crate::host::run;

    #[test]
    fn every_case_sees_the_code_that_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("smc");
        fs::write(&path, compile("smc", SOURCE).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        for case in CASES {
            let out = run(Command::new(&path).arg(case).current_dir(&dir)).unwrap();
            assert!(String::from_utf8(out).unwrap().starts_with(&format!("{case} ")));
        }
    }
}

//! The benchmark's rows, and its images: busybox with a static program of small rows, and Debian with real programs.
//!
//! The program's rows are its C files' tables, the real ones those of `real/rows.sh`; [`ROWS`] is the list that the benchmark
//! works through.

mod real;
mod rows;

use anyhow::Result;
use serde_json::json;

pub use real::real;
pub use rows::{Group, Image, ROWS, Row};

use crate::compile::compile_files;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// The program's source, C11 with Linux, a file a kind of rows.
#[rustfmt::skip]
const SOURCES: [(&str, &str); 8] = [
    ("bench.h",    include_str!("bench.h")),
    ("main.c",     include_str!("main.c")),
    ("integer.c",  include_str!("integer.c")),
    ("control.c",  include_str!("control.c")),
    ("memory.c",   include_str!("memory.c")),
    ("vector.c",   include_str!("vector.c")),
    ("kernel.c",   include_str!("kernel.c")),
    ("programs.c", include_str!("programs.c")),
];

/// The image `bench:latest`; its entrypoint is `/bin/bench`, which takes a row's name, a number of iterations, and another
/// seed. Errors if neither `musl-gcc` nor `gcc` with a static C library is there.
pub fn bench() -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/bench", 0o755, &program()?)?;
    let config = json!({ "Entrypoint": ["/bin/bench"], "Env": [crate::busybox::PATH], "WorkingDir": "/tmp" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "bench:latest".to_owned(), config, layers })
}

/// Scalar rows stay scalar: vectors are where intrinsics say so.
fn program() -> Result<Vec<u8>> {
    compile_files("bench", &SOURCES, &["-fno-tree-vectorize"])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::host::run;

    /// What a row prints.
    fn print(program: &Path, words: &[&str]) -> Result<String> {
        let directory = program.parent().unwrap();
        Ok(String::from_utf8(run(Command::new(program).args(words).current_dir(directory))?)?)
    }

    #[test]
    fn rows_print_the_same_check_sums_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench");
        fs::write(&path, program().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let has_avx2 = std::arch::is_x86_feature_detected!("avx2");
        for row in ROWS.iter().filter(|row| row.image == Image::Bench && (has_avx2 || !row.avx2)) {
            let first = print(&path, &[row.name, "2"]).unwrap();
            assert!(first.starts_with(&format!("{} 2 ", row.name)), "{first}");
            assert_eq!(first, print(&path, &[row.name, "2"]).unwrap());
        }
        let seeds = ["1", "2"].map(|seed| print(&path, &["alu", "2", seed]).unwrap());
        assert_ne!(seeds[0], seeds[1]);
        assert!(print(&path, &["none", "2"]).is_err());
    }
}

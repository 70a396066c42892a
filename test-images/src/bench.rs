//! Busybox and a static program with eleven workloads that print check sums: the same output wherever they run.

use anyhow::Result;
use serde_json::json;

use crate::compile::compile;
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

/// The program's source, C11 with POSIX.
const SOURCE: &str = include_str!("bench.c");

/// A workload of the bench image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// First argument of `/bin/bench`.
    pub name: &'static str,
    /// Second argument for a run of a few seconds in an interpreter of 50 million instructions a second.
    pub iterations: u32,
}

/// All workloads.
#[rustfmt::skip]
pub const WORKLOADS: [Workload; 11] = [
    Workload { name: "sieve",    iterations: 50 },
    Workload { name: "qsort",    iterations: 1 },
    Workload { name: "chase",    iterations: 10 },
    Workload { name: "fp",       iterations: 2_000 },
    Workload { name: "syscalls", iterations: 500_000 },
    Workload { name: "pipe",     iterations: 10_000 },
    Workload { name: "memcpy",   iterations: 3_000 },
    Workload { name: "indirect", iterations: 500 },
    Workload { name: "gzip",     iterations: 1 },
    Workload { name: "sha256",   iterations: 400 },
    Workload { name: "forkexec", iterations: 500 },
];

/// The image `bench:latest`; its entrypoint is `/bin/bench`, which takes a workload and a number of iterations. Errors
/// if neither `musl-gcc` nor `gcc` with a static C library is there.
pub fn bench() -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/bench", 0o755, &compile("bench", SOURCE)?)?;
    let config = json!({ "Entrypoint": ["/bin/bench"], "Env": [crate::busybox::PATH], "WorkingDir": "/tmp" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "bench:latest".to_owned(), config, layers })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;
    use crate::host::run;

    #[test]
    fn workloads_print_the_same_check_sums_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bench");
        fs::write(&path, compile("bench", SOURCE).unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        for Workload { name, .. } in WORKLOADS {
            let print = || {
                run(Command::new(&path).args([name, "2"]).current_dir(&dir)).map(|out| String::from_utf8(out).unwrap())
            };
            let first = print().unwrap();
            assert!(first.starts_with(&format!("{name} 2 ")), "{first}");
            assert_eq!(first, print().unwrap());
        }
        assert!(run(Command::new(&path).args(["none", "2"])).is_err());
    }
}

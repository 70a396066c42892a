//! Busybox and two static programs that check much of their language's library: one in Go, one in Rust.
//!
//! Both print what they compute, so that runs can be compared. The Go compiler is Debian's, which is unpacked for that and not installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use kernel_snapshot::cache::{self, Cache};
use serde_json::json;

use crate::host::{run, unpack_packages};
use crate::layer::LayerBuilder;
use crate::pack::Recipe;

const GO_SOURCE: &str = include_str!("program.go");
const RUST_SOURCE: &str = include_str!("program.rs");
/// Debian 12's Go: programs, and the library's source, which it compiles.
const GO_PACKAGES: [&str; 2] = ["golang-1.19-go", "golang-1.19-src"];

/// The image `programs:latest` with `/bin/go-program` and `/bin/rust-program`; any argument makes them exit with 7. The
/// compiler for Go is unpacked below `cache`. Errors without `rustc`, or if apt cannot give the packages.
pub fn programs(cache: &Cache, say: &dyn Fn(&str)) -> Result<Recipe> {
    let mut layer = LayerBuilder::new();
    layer.file("bin/go-program", 0o755, &go(cache, say)?)?.file("bin/rust-program", 0o755, &rust()?)?;
    let config = json!({ "Cmd": ["sh"], "Env": [crate::busybox::PATH], "WorkingDir": "/tmp" });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "programs:latest".to_owned(), config, layers })
}

fn go(cache: &Cache, say: &dyn Fn(&str)) -> Result<Vec<u8>> {
    let digest = cache::Recipe::new("go program 1").text("source", GO_SOURCE).digest();
    let entry = cache.entry("images", digest, say, |directory| {
        say("compiling the program in Go, with Debian's compiler (a minute)");
        compile_go(directory)
    })?;
    let path = entry.path().join("program");
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Leaves `program` in a directory.
fn compile_go(directory: &Path) -> Result<()> {
    let tree = unpack_packages(&GO_PACKAGES)?;
    // Its parts are links to those below /usr/share, relative ones.
    let root = tree.path().join("usr/lib/go-1.19");
    let mut command = Command::new(root.join("bin/go"));
    command.args(["build", "-trimpath", "-ldflags=-s -w -buildid=", "-o"]).arg(directory.join("program"));
    command.env("GOROOT", &root).env("GOCACHE", tree.path().join("cache")).env("HOME", tree.path());
    command.env("GO111MODULE", "off").env("CGO_ENABLED", "0").env("GOAMD64", "v1");
    build("program.go", GO_SOURCE, &mut command)
}

fn rust() -> Result<Vec<u8>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let program = dir.path().join("program");
    let mut command = Command::new("rustc");
    command.args(["--edition=2021", "-O", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"]).arg(&program);
    build("program.rs", RUST_SOURCE, &mut command)?;
    fs::read(&program).with_context(|| format!("cannot read {}", program.display()))
}

/// Runs a compiler on a source, which it gets as its last argument.
fn build(name: &str, source: &str, compiler: &mut Command) -> Result<()> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    fs::write(dir.path().join(name), source)?;
    run(compiler.arg(name).current_dir(&dir))?;
    Ok(())
}

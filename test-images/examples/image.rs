//! Writes a test image as a `docker save` archive: `image NAME OUTPUT`.

use anyhow::{Result, bail};
use kernel_snapshot::cache::Cache;
use std::path::Path;
use std::process::ExitCode;
use test_images::debian::{JAVA, LANGUAGES, NODE, PYTHON, SERVERS, TOOLS};
use test_images::{Format, Recipe};

const NAMES: &str = "busybox, busybox-i386, modes, debug, smc, world, bench, bench-real, python, languages, servers, tools, node, java or go_and_rust";

fn main() -> ExitCode {
    let Err(error) = write() else { return ExitCode::SUCCESS };
    eprintln!("image: {error:#}");
    ExitCode::FAILURE
}

fn write() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, output] = &words[..] else { bail!("expected: image NAME OUTPUT, NAME being {NAMES}") };
    recipe(name, Path::new(output))?.write(Format::DockerSave, Path::new(output))
}

fn recipe(name: &str, output: &Path) -> Result<Recipe> {
    let cache = Cache::of_user()?;
    let say = |line: &str| eprintln!("{line}");
    let debian = match name {
        "busybox" => return test_images::busybox(),
        "busybox-i386" => {
            let directory = output.parent().unwrap_or(Path::new("."));
            return test_images::busybox_i386(directory);
        }
        "modes" => return test_images::modes(),
        "debug" => return test_images::debug(),
        "smc" => return test_images::smc(),
        "world" => return test_images::world(),
        "bench" => return test_images::bench(),
        "bench-real" => return test_images::bench::real(&cache, &say),
        "go_and_rust" => return test_images::programs(&cache, &say),
        "python" => PYTHON,
        "languages" => LANGUAGES,
        "servers" => SERVERS,
        "tools" => TOOLS,
        "node" => NODE,
        "java" => JAVA,
        other => bail!("{other}: expected {NAMES}"),
    };
    debian.recipe(&cache, &say)
}

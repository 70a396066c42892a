//! Programs that verify themselves or compute a lot: the same output translated, interpreted and on the host's own kernel.
//!
//! A case is a file in `golden/programs/IMAGE`; the image is trained with all of its cases. The host's run is the
//! reference, so that the host has to be able to (root; Debian's archive for the packages).

use anyhow::{Context, Result};
use golden::images::native::Native;
use golden::images::{Converted, case, suite};
use kernel_snapshot::cache::Cache;
use std::path::Path;
use test_images::Recipe;
use test_images::debian::{Debian, JAVA, LANGUAGES, NODE, TOOLS};
use translator::convert::GuestRequest;
use x86::Level;

/// RAM of the guests, in MiB: Java's heap and compilers want most.
const SMALL: u64 = 128;
const MIDDLE: u64 = 512;
const LARGE: u64 = 1024;

#[test]
#[ignore = "tier 2: an hour or so; installs 200 MB of Debian packages"]
fn languages() {
    for level in Level::ALL {
        same("languages", &debian(&LANGUAGES), MIDDLE, level);
    }
}

#[test]
#[ignore = "tier 2: minutes; installs 370 MB of Debian packages"]
fn compiler_and_debugger() {
    same("tools", &debian(&TOOLS), MIDDLE, Level::V3);
}

#[test]
#[ignore = "tier 2: minutes; installs 190 MB of Debian packages"]
fn node() {
    same("node", &debian(&NODE), MIDDLE, Level::V3);
}

#[test]
#[ignore = "tier 2: minutes; installs 400 MB of Debian packages"]
fn java() {
    same("java", &debian(&JAVA), LARGE, Level::V3);
}

#[test]
#[ignore = "tier 2: minutes; downloads Debian's Go compiler"]
fn go_and_rust() {
    let recipe = test_images::programs(&Cache::of_user().unwrap(), &say).unwrap();
    same("programs", &recipe, SMALL, Level::V3);
}

fn debian(image: &Debian) -> Recipe {
    image.recipe(&Cache::of_user().unwrap(), &say).unwrap()
}

fn say(line: &str) {
    eprintln!("{line}");
}

fn same(name: &str, recipe: &Recipe, ram: u64, level: Level) {
    let wrong = differences(name, recipe, ram, level).unwrap();
    assert!(wrong.is_empty(), "{}:\n{}", level.name(), wrong.join("\n"));
}

fn differences(name: &str, recipe: &Recipe, ram: u64, level: Level) -> Result<Vec<String>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name);
    let native = Native::new(recipe).context("the reference")?;
    let guest = GuestRequest { ram_size: ram << 20, level, ..GuestRequest::default() };
    let image = Converted::with(guest, recipe, &training(&directory)?)?;
    let answers = suite::run(&directory, &image, &Ok(native))?;
    Ok(answers.into_iter().flat_map(|answer| answer.differences).collect())
}

/// All cases, each in a shell of its own.
fn training(directory: &Path) -> Result<String> {
    let cases = case::load(directory)?;
    let scripts = cases.iter().filter_map(|case| case.run.command.get(2));
    Ok(scripts.map(|script| format!("(\n{script}\n)\n")).collect())
}

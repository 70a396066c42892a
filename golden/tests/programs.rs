//! Programs that verify themselves or compute a lot: the same output translated, interpreted and on the host's own kernel.
//!
//! A case is a file in `golden/programs/IMAGE`; the image is trained with the cases that are run. The host's run is the
//! reference, so that the host has to be able to (root; Debian's archive for the packages). `PRELIFT_CASES=perl,lua` runs these alone.

use anyhow::{Context, Result};
use golden::images::case::{self, Case};
use golden::images::native::Native;
use golden::images::{Converted, suite, training};
use kernel_snapshot::cache::Cache;
use std::path::Path;
use test_images::Recipe;
use test_images::debian::{Debian, JAVA, LANGUAGES, NODE, SERVERS, TOOLS};
use translator::convert::{GuestRequest, Training};
use x86::Level;

/// RAM of the guests, in MiB: Java's heap and compilers want most.
const SMALL: u64 = 128;
const MIDDLE: u64 = 512;
const LARGE: u64 = 1024;

/// Instructions of a training: all cases to their ends, so that what is compared is translated code.
const TRAINING: u64 = 150_000_000_000;

/// Programs that choose their code by the processor run on each.
#[test]
#[ignore = "tier 2: half an hour; installs 200 MB of Debian packages"]
fn languages() {
    for level in Level::ALL {
        same("languages", &debian(&LANGUAGES), MIDDLE, level);
    }
}

#[test]
#[ignore = "tier 2: minutes; installs 350 MB of Debian packages"]
fn servers() {
    same("servers", &debian(&SERVERS), MIDDLE, Level::V3);
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
    let mut cases = case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name))?;
    cases.retain(|case| is_wanted(case, level));
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let native = Native::new(recipe).context("the reference")?;
    let guest = GuestRequest { ram_size: ram << 20, level, ..GuestRequest::default() };
    eprintln!("{name}, {}:", level.name());
    let training = Training { limit: Some(TRAINING), ..training(&all(&cases)) };
    let image = Converted::with(guest, recipe, &training)?;
    let answers = suite::run(&cases, &image, &Ok(native))?;
    Ok(answers.into_iter().flat_map(|answer| answer.differences).collect())
}

fn is_wanted(case: &Case, level: Level) -> bool {
    let named = std::env::var("PRELIFT_CASES").map_or(true, |names| names.split(',').any(|name| name == case.name));
    named && (level == Level::V3 || case.levels.is_some())
}

/// All cases, each in a shell of its own.
fn all(cases: &[Case]) -> String {
    let scripts = cases.iter().filter_map(|case| case.run.command.get(2));
    scripts.map(|script| format!("(\n{script}\n)\n")).collect()
}

//! What contestants share: the image, and what is made from it when somebody first needs it.

use super::Kind;
use crate::measure::command;
use crate::options::Options;
use crate::report::Line;
use anyhow::{Context, Result, anyhow, ensure};
use golden::images::{self, Converted, Mode};
use kernel_snapshot::cache::Cache;
use serde_json::Value;
use std::cell::OnceCell;
use std::path::PathBuf;
use tempfile::TempDir;
use test_images::Recipe;
use test_images::bench::{Image, ROWS, Row};
use translator::convert::GuestRequest;
use x86::Level;

/// The seed that training uses, unlike [`crate::measure::SEED`].
const TRAINING_SEED: u32 = 2;

/// An image, its module, and a folder for files that end with the benchmark.
pub(crate) struct Machine {
    /// The image.
    pub(crate) recipe: Recipe,
    /// RAM of guests, in MiB.
    pub(crate) ram: u64,
    /// Processor of guests.
    pub(crate) level: Level,
    /// Where scratch files go.
    pub(crate) folder: TempDir,
    image: Image,
    modules: Option<PathBuf>,
    module: OnceCell<Result<Module, String>>,
}

/// A converted image.
pub(crate) struct Module {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Compiled by wasmtime.
    pub(crate) converted: Converted,
}

impl Machine {
    pub(crate) fn new(image: Image, options: &Options) -> Result<Machine> {
        let (recipe, ram) = match image {
            Image::Bench => (test_images::bench()?, 128),
            Image::Real => (test_images::bench::real(&Cache::of_user()?, &|text| eprintln!("{text}"))?, 512),
        };
        Ok(Machine {
            recipe,
            ram,
            level: options.cpu,
            folder: tempfile::tempdir().context("a temporary directory")?,
            image,
            modules: options.modules.clone(),
            module: OnceCell::new(),
        })
    }

    /// The image's name, without its tag.
    pub(crate) fn name(&self) -> &str {
        self.recipe.name.split(':').next().unwrap_or_default()
    }

    /// Tells what goes on.
    pub(crate) fn say(&self, text: &str) {
        eprintln!("{}: {text}", self.recipe.name);
    }

    /// The module, converted and compiled the first time.
    pub(crate) fn module(&self) -> Result<&Module> {
        let made = self.module.get_or_init(|| self.make().map_err(|error| format!("{error:#}")));
        made.as_ref().map_err(|error| anyhow!(error.clone()))
    }

    fn make(&self) -> Result<Module> {
        let say = |text: &str| self.say(text);
        let cache = Cache::of_user()?;
        let folder = self.modules.as_deref().unwrap_or(self.folder.path());
        let path = folder.join(format!("{}-{}.wasm", self.name(), self.level.name()));
        if !path.exists() {
            let guest = GuestRequest { ram_size: self.ram << 20, level: self.level, ..GuestRequest::default() };
            let module = images::module(guest, &self.recipe, &images::training(&self.training()), &cache, &say)?;
            std::fs::create_dir_all(folder)?;
            std::fs::write(&path, module).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Module { converted: Converted::of(&bytes, &cache, &say)?, path })
    }

    /// Few iterations of every row that this processor can do, chosen or not.
    fn training(&self) -> String {
        let rows = ROWS.iter().filter(|row| row.image == self.image && (!row.avx2 || self.level == Level::V3));
        let lines = rows.map(|row| format!("{}\n", command(row, row.few, TRAINING_SEED).join(" ")));
        lines.collect()
    }

    /// The module's statistics of a run with as many iterations as were measured.
    pub(crate) fn stats(&self, row: &Row, line: &Line) -> Result<Value> {
        let iterations = line.iterations(Kind::Translated).context("not measured")?;
        let run = super::wasm::run(&command(row, iterations, crate::measure::SEED), &["--stats=json"]);
        let outcome = self.module()?.converted.run(Mode::Translated, &run)?;
        let text = String::from_utf8_lossy(&outcome.stderr);
        ensure!(outcome.code == 0, "{text}");
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("the statistics")
    }
}

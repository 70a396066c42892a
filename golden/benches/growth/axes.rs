//! What grows, and what is measured at each point.
//!
//! All modules are busybox's, trained with a shell that counts. Where it is not the image or the memory that grows, one module does
//! for all points.

use crate::options::Options;
use crate::prelift::{Conversion, Prelift, Ran};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use test_images::layer::{LayerBuilder, random_bytes};
use test_images::{Format, Recipe};

/// What modules are trained with: a loop, processes that work and one that sleeps.
const TRAINING: &str = "sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; \
    for i in 1 2 3; do (i=0; while [ $i -lt 500 ]; do i=$((i+1)); done) & done; sleep 0.01 & wait; echo done'";
/// What is run where the run is not what grows. It lasts long enough to be looked at.
const GREETING: &str = "echo ready; sleep 0.3";
/// MiB of memory where it does not grow.
const RAM: u64 = 128;
/// MiB of memory that hundreds of processes have room in.
const ROOMY: u64 = 1024;
/// Turns of the loop that all working processes do together.
const WORK: u64 = 200_000;
/// Bytes of a file.
const FILE: usize = 1_000_000;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Axis {
    /// The image
    Images,
    /// The guest's memory
    Ram,
    /// The run
    Lengths,
    /// The number of processes
    Processes,
}

/// A point of an axis.
#[derive(Clone, Debug)]
pub(crate) struct At {
    /// The number that grows.
    pub(crate) size: u64,
    /// Which line of the plot it is on.
    pub(crate) kind: &'static str,
    /// Both.
    pub(crate) name: String,
}

/// What was measured.
pub(crate) struct Measured {
    /// Where the point has a module of its own.
    pub(crate) conversion: Option<Conversion>,
    pub(crate) ran: Ran,
}

impl Axis {
    /// All, in the report's order.
    pub(crate) const ALL: [Axis; 4] = [Axis::Images, Axis::Ram, Axis::Lengths, Axis::Processes];

    /// What the number counts.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Axis::Images => "MB of files",
            Axis::Ram => "MiB of memory",
            Axis::Lengths => "instructions",
            Axis::Processes => "processes",
        }
    }

    /// The points that were asked for.
    pub(crate) fn points(self, options: &Options) -> Vec<At> {
        let at =
            |size: u64, kind: &'static str| At { size, kind, name: format!("{size} {kind}").trim_end().to_owned() };
        let both = |sizes: &[u64], kinds: [&'static str; 2]| {
            kinds.into_iter().flat_map(|kind| sizes.iter().map(move |size| at(*size, kind))).collect()
        };
        match self {
            Axis::Images => both(&options.images, ["random", "text"]),
            Axis::Ram => options.ram.iter().map(|size| at(*size, "")).collect(),
            Axis::Lengths => {
                let length = |power: &u32| At { name: format!("10^{power}"), ..at(10u64.saturating_pow(*power), "") };
                options.lengths.iter().map(length).collect()
            }
            Axis::Processes => both(&options.processes, ["sleeping", "working"]),
        }
    }
}

/// Measures points.
pub(crate) struct Bench<'p> {
    prelift: &'p Prelift,
    busybox: PathBuf,
    /// The module of busybox alone, with room for many processes.
    module: OnceCell<PathBuf>,
    /// Instructions of a run without a turn of the loop, and of a turn.
    loop_cost: OnceCell<(f64, f64)>,
}

impl<'p> Bench<'p> {
    /// Makes the smallest image.
    ///
    /// # Errors
    /// If there is no busybox.
    pub(crate) fn new(prelift: &'p Prelift) -> Result<Bench<'p>> {
        let busybox = prelift.file("busybox.tar");
        test_images::busybox()?.write(Format::DockerSave, &busybox)?;
        Ok(Bench { prelift, busybox, module: OnceCell::new(), loop_cost: OnceCell::new() })
    }

    /// Measures a point.
    ///
    /// # Errors
    /// If the conversion or the run fails.
    pub(crate) fn measure(&self, axis: Axis, at: &At) -> Result<Measured> {
        match axis {
            Axis::Images => {
                let image = self.prelift.file("image.tar");
                // What the last point left.
                let _ = std::fs::remove_file(&image);
                image_of(at)?.write(Format::DockerSave, &image)?;
                self.converted(&image, RAM)
            }
            Axis::Ram => self.converted(&self.busybox, at.size),
            Axis::Lengths => self.ran(&counting(self.turns(at.size)?)),
            Axis::Processes if at.kind == "sleeping" => self.ran(&sleeping(at.size)),
            Axis::Processes => self.ran(&working(at.size)),
        }
    }

    /// Converts an image, and runs it.
    fn converted(&self, image: &Path, ram: u64) -> Result<Measured> {
        let module = self.prelift.file("point.wasm");
        let conversion = self.convert(image, &module, ram)?;
        let ran = self.second(&module, GREETING);
        self.prelift.forget_compiled()?;
        Ok(Measured { conversion: Some(conversion), ran: ran? })
    }

    fn convert(&self, image: &Path, module: &Path, ram: u64) -> Result<Conversion> {
        let options = ["--ram".to_owned(), format!("{ram}M"), "--train".to_owned(), TRAINING.to_owned()];
        self.prelift.convert(image, module, &options).context("conversion")
    }

    /// Compiles a module by a run, and runs it again.
    fn second(&self, module: &Path, script: &str) -> Result<Ran> {
        self.prelift.run(module, GREETING)?;
        self.prelift.run(module, script)
    }

    /// Runs a script in the module of busybox alone.
    fn ran(&self, script: &str) -> Result<Measured> {
        Ok(Measured { conversion: None, ran: self.prelift.run(self.module()?, script)? })
    }

    fn module(&self) -> Result<&Path> {
        if self.module.get().is_none() {
            let module = self.prelift.file("busybox.wasm");
            self.convert(&self.busybox, &module, ROOMY)?;
            self.prelift.run(&module, GREETING)?;
            return Ok(self.module.get_or_init(|| module));
        }
        self.module.get().map(PathBuf::as_path).context("the module")
    }

    /// Turns of the loop that take so many instructions.
    fn turns(&self, instructions: u64) -> Result<u64> {
        let (none, turn) = self.loop_cost()?;
        Ok(((instructions as f64 - none) / turn).max(0.0) as u64)
    }

    fn loop_cost(&self) -> Result<(f64, f64)> {
        const TURNS: u64 = 10_000;
        if let Some(cost) = self.loop_cost.get() {
            return Ok(*cost);
        }
        let count = |turns: u64| anyhow::Ok(self.ran(&counting(turns))?.ran.stat("instructions"));
        let (none, many) = (count(0)?, count(TURNS)?);
        let cost = (none, ((many - none) / TURNS as f64).max(1.0));
        Ok(*self.loop_cost.get_or_init(|| cost))
    }
}

/// Busybox and files.
fn image_of(at: &At) -> Result<Recipe> {
    let mut recipe = test_images::busybox()?;
    let mut layer = LayerBuilder::new();
    layer.directory("files", 0o755)?;
    for number in 0..at.size {
        let bytes = if at.kind == "text" { text(number) } else { random_bytes(number, FILE) };
        layer.file(&format!("files/{number}"), 0o644, &bytes)?;
    }
    recipe.layers.push(layer.finish()?);
    Ok(recipe)
}

/// Lines that differ in a number.
fn text(seed: u64) -> Vec<u8> {
    let lines = (0..).map(|line: u64| format!("file {seed}, line {line}: what is written here compresses well\n"));
    lines.flat_map(String::into_bytes).take(FILE).collect()
}

/// A shell that counts.
fn counting(turns: u64) -> String {
    format!("echo ready; i=0; while [ $i -lt {turns} ]; do i=$((i+1)); done; echo $i")
}

/// Processes that sleep, all there at the first output.
fn sleeping(processes: u64) -> String {
    format!("i=0; while [ $i -lt {processes} ]; do sleep 1000 & i=$((i+1)); done; echo ready; sleep 0.3")
}

/// Processes that count at the same time, and a first output when all are done.
fn working(processes: u64) -> String {
    let share = WORK / processes.max(1);
    format!(
        "i=0; while [ $i -lt {processes} ]; do (j=0; while [ $j -lt {share} ]; do j=$((j+1)); done) & i=$((i+1)); done; \
         wait; echo ready; sleep 0.3"
    )
}

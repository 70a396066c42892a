//! How much of what runs is in translated code, of programs that were trained with other inputs, and of programs that were not.
//!
//! ```text
//! programs: image, training ─► prelift convert --coverage … ─► prelift run --stats=json of each program ─► report
//! ```
//!
//! `cargo bench -p golden --bench coverage -- --help` says what can be chosen, [`programs`] what runs.

mod options;
#[path = "../common/outputs.rs"]
mod outputs;
#[path = "../common/prelift.rs"]
mod prelift;
mod programs;
mod report;
#[path = "../common/svg.rs"]
mod svg;

use anyhow::{Context, Result};
use clap::Parser;
use options::Options;
use outputs::Texts;
use prelift::Prelift;
use programs::Suite;
use report::{Module, Report};
use std::process::ExitCode;
use test_images::Format;

fn main() -> Result<ExitCode> {
    if let Some(code) = prelift::as_command() {
        return Ok(code);
    }
    let options = Options::parse();
    let prelift = Prelift::new()?;
    let suite = Suite::new(options.image)?;
    let image = prelift.file("image.tar");
    suite.recipe.write(Format::DockerSave, &image)?;
    let mut report = Report { programs: suite.programs(), modules: Vec::new() };
    for coverage in &options.coverage {
        let path = prelift.file("module.wasm");
        eprint!("--coverage {coverage}: ");
        let conversion = prelift.convert(&image, &path, &options.conversion(coverage, &suite)).context("conversion")?;
        eprintln!("{:.1} s, {:.1} MB", conversion.seconds, conversion.module as f64 / 1e6);
        report.modules.push(Module { coverage: coverage.clone(), conversion, runs: Vec::new() });
        for program in suite.programs() {
            let ran = prelift.run(&path, &program.script).map_err(|error| format!("{error:#}"));
            let share = ran.as_ref().map(|ran| format!("{:.2} %", ran.stat("translated_share") * 100.0));
            eprintln!("  {}: {}", program.name, share.unwrap_or_else(String::clone));
            report.modules.last_mut().context("a module")?.runs.push(ran);
            // A session can be long: what is known so far is on disk.
            options.outputs.write(&texts(&report))?;
        }
        prelift.forget_compiled()?;
    }
    print!("{}", report.markdown());
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn texts(report: &Report) -> Texts {
    Texts { markdown: report.markdown(), json: report.json(), svg: report.svg() }
}

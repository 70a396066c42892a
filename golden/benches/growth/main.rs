//! How cost grows: with the image, the guest's memory, the length of a run, and the number of processes.
//!
//! ```text
//! axes: points ─► image ─► prelift convert ─► prelift run, the second time ─► report ─► table, json, plot
//! ```
//!
//! `cargo bench -p golden --bench growth -- --help` says what can be chosen, [`axes`] what each point is, and [`prelift`] how it
//! is measured.

mod axes;
mod options;
#[path = "../common/outputs.rs"]
mod outputs;
mod plot;
#[path = "../common/prelift.rs"]
mod prelift;
mod report;
#[path = "../common/svg.rs"]
mod svg;

use anyhow::Result;
use axes::Bench;
use clap::Parser;
use options::Options;
use outputs::Texts;
use prelift::Prelift;
use report::{Point, Report};
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    if let Some(code) = prelift::as_command() {
        return Ok(code);
    }
    let options = Options::parse();
    let prelift = Prelift::new()?;
    let bench = Bench::new(&prelift)?;
    let mut report = Report::default();
    for axis in &options.axes {
        for at in axis.points(&options) {
            eprint!("{}: {} … ", axis.title(), at.name);
            let measured = bench.measure(*axis, &at).map_err(|error| format!("{error:#}"));
            let point = Point { axis: *axis, at, measured };
            eprintln!("{}", point.summary());
            report.points.push(point);
            // A session can be long: what is known so far is on disk.
            options.outputs.write(&texts(&report))?;
        }
    }
    print!("{}", report.markdown());
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn texts(report: &Report) -> Texts {
    Texts { markdown: report.markdown(), json: report.json(), svg: plot::svg(report) }
}

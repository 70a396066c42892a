//! The benchmark: rows of work, each done by several contestants, side by side.
//!
//! ```text
//! test_images::bench::ROWS ─► select ─┐
//! image ─► contestants (native, QEMU, Bochs, wasmtime, node, interpreted) ─┴─► measure ─► report ─► table, json, plot
//! ```
//!
//! `cargo bench -p golden --bench suite -- --help` says what can be chosen, [`measure`] how a row is measured, and each file of
//! [`contestants`] how that contestant runs one.

mod contestants;
mod json;
mod measure;
mod options;
#[path = "../common/outputs.rs"]
mod outputs;
mod plot;
mod process;
mod report;
mod select;
#[path = "../common/svg.rs"]
mod svg;
mod table;

use anyhow::{Result, bail};
use clap::Parser;
use contestants::{Contestant, Kind, Machine};
use options::Options;
use outputs::Texts;
use report::{Line, Report};
use test_images::bench::{Image, Row};

fn main() -> Result<()> {
    let options = Options::parse();
    if options.list {
        print!("{}", select::list());
        return Ok(());
    }
    let rows = select::rows(&options)?;
    let mut report = Report::new(&options.contestants);
    for image in [Image::Bench, Image::Real] {
        let of_image: Vec<&'static Row> = rows.iter().copied().filter(|row| row.image == image).collect();
        if of_image.is_empty() {
            continue;
        }
        match Machine::new(image, &options) {
            Ok(machine) => run(&machine, &of_image, &options, &mut report)?,
            Err(error) => report.note(format!("The image of {} rows cannot be made: {error:#}", of_image.len())),
        }
    }
    finish(&report, &options)
}

/// Measures the rows of an image.
fn run(machine: &Machine, rows: &[&'static Row], options: &Options, report: &mut Report) -> Result<()> {
    let mut contestants = open(machine, options, report);
    for row in rows {
        let mut line = measure::row(row, &mut contestants, options);
        if options.contestants.contains(&Kind::Translated) {
            line.stats = machine.stats(row, &line).map_err(|error| eprintln!("{}: {error:#}", row.name)).ok();
        }
        eprintln!("{}", line.summary());
        report.lines.push(line);
        // A session can be long: what is known so far is on disk.
        write(report, options)?;
    }
    Ok(())
}

/// Those of the chosen contestants that can run here; the report says why others cannot.
fn open<'a>(machine: &'a Machine, options: &Options, report: &mut Report) -> Vec<(Kind, Box<dyn Contestant + 'a>)> {
    let mut opened = Vec::new();
    for &kind in &options.contestants {
        match contestants::open(kind, machine) {
            Ok(contestant) => opened.push((kind, contestant)),
            Err(error) => {
                report.note(format!("{} is left out of the image {}: {error:#}", kind.title(), machine.name()));
            }
        }
    }
    opened
}

/// Prints the table; fails if an output was not what it has to be.
fn finish(report: &Report, options: &Options) -> Result<()> {
    write(report, options)?;
    print!("{}", table::markdown(report));
    let failed: Vec<String> = report.lines.iter().flat_map(Line::failures).collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// Writes the files that were asked for.
fn write(report: &Report, options: &Options) -> Result<()> {
    let (markdown, json, svg) = (table::markdown(report), json::render(report), plot::svg(report));
    options.outputs.write(&Texts { markdown, json, svg })
}

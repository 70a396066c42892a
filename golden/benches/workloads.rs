//! The bench image's workloads: natively, translated and interpreted, side by side.
//!
//! `cargo bench -p golden --bench workloads -- [--rounds N] [--scale PERCENT] [--only NAME] [--json FILE]` converts the image,
//! trained with few iterations of each, then runs each workload in interleaved rounds and prints a table of medians in
//! Markdown, with ratios to the native run. Check sums that differ end it.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use golden::images::native::Native;
use golden::images::{Converted, Mode, Run};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;
use test_images::bench::{WORKLOADS, Workload};

/// Options of the benchmark.
#[derive(Parser)]
struct Options {
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Iterations, as a percentage of those that take an interpreter a few seconds.
    #[arg(long, default_value_t = 20)]
    scale: u32,
    /// Runs this workload alone.
    #[arg(long)]
    only: Option<String>,
    /// Writes the figures there, too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What cargo gives to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Medians of one workload, in seconds.
struct Row {
    name: &'static str,
    iterations: u32,
    native: Option<f64>,
    translated: f64,
    interpreted: f64,
    share: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let recipe = test_images::bench()?;
    let native = Native::new(&recipe).inspect_err(|error| eprintln!("no native runs: {error:#}")).ok();
    let converted = Converted::new(&recipe, &training())?;
    let chosen = |workload: &&Workload| options.only.as_ref().is_none_or(|only| only == workload.name);
    let rows: Vec<Row> = WORKLOADS
        .iter()
        .filter(chosen)
        .map(|workload| measure(workload, &options, &converted, native.as_ref()))
        .collect::<Result<_>>()?;
    print(&rows);
    if let Some(path) = &options.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        std::fs::write(path, serde_json::to_string_pretty(&rows)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// All workloads, for a moment each.
fn training() -> String {
    let few = |workload: &Workload| format!("bench {} {}", workload.name, (workload.iterations / 50).max(1));
    WORKLOADS.iter().map(few).collect::<Vec<_>>().join("; ")
}

fn measure(workload: &Workload, options: &Options, converted: &Converted, native: Option<&Native>) -> Result<Row> {
    let iterations = (workload.iterations * options.scale / 100).max(1);
    eprintln!("{} {iterations}", workload.name);
    let run = command(workload.name, iterations, &[]);
    let share = share(converted, workload.name, iterations)?;
    let (mut natives, mut translated, mut interpreted) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (seconds, expected) = timed(|| Ok(converted.run(Mode::Translated, &run)?.stdout))?;
        translated.push(seconds);
        let (seconds, output) = timed(|| Ok(converted.run(Mode::Interpreted, &run)?.stdout))?;
        interpreted.push(seconds);
        ensure!(output == expected, "{}: interpreted {output:?}, translated {expected:?}", workload.name);
        if let Some(native) = native {
            let (seconds, output) = timed(|| Ok(native.run(&run)?.stdout))?;
            natives.push(seconds);
            ensure!(output == expected, "{}: native {output:?}, translated {expected:?}", workload.name);
        }
    }
    Ok(Row {
        name: workload.name,
        iterations,
        native: native.map(|_| median(&mut natives)),
        translated: median(&mut translated),
        interpreted: median(&mut interpreted),
        share,
    })
}

fn command(name: &str, iterations: u32, options: &[&str]) -> Run {
    let options = options.iter().map(|&option| option.to_owned()).collect();
    Run { options, command: vec!["/bin/bench".into(), name.into(), iterations.to_string()], ..Run::default() }
}

/// The share of instructions that ran in translated code.
fn share(converted: &Converted, name: &str, iterations: u32) -> Result<f64> {
    let outcome = converted.run(Mode::Translated, &command(name, iterations, &["--stats=json"]))?;
    ensure!(outcome.code == 0, "{name}: {}", String::from_utf8_lossy(&outcome.stderr));
    let text = String::from_utf8_lossy(&outcome.stderr);
    let stats: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).context("the statistics")?;
    stats["translated_share"].as_f64().context("the statistics have no translated_share")
}

fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let begin = Instant::now();
    let value = run()?;
    Ok((begin.elapsed().as_secs_f64(), value))
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let logarithms: Vec<f64> = values.map(f64::ln).collect();
    (logarithms.iter().sum::<f64>() / logarithms.len().max(1) as f64).exp()
}

fn print(rows: &[Row]) {
    println!("| workload | native s | translated s | × native | interpreted s | × translated | translated code |");
    println!("|---|---|---|---|---|---|---|");
    for row in rows {
        let native = row.native.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"));
        let ratio = row.native.map_or_else(|| "-".to_owned(), |seconds| format!("{:.2}", row.translated / seconds));
        let quicker = row.interpreted / row.translated;
        println!(
            "| {} {} | {native} | {:.3} | {ratio} | {:.3} | {quicker:.1} | {:.2} % |",
            row.name,
            row.iterations,
            row.translated,
            row.interpreted,
            row.share * 100.0
        );
    }
    let slower = geometric_mean(rows.iter().filter_map(|row| row.native.map(|native| row.translated / native)));
    let quicker = geometric_mean(rows.iter().map(|row| row.interpreted / row.translated));
    println!("| geometric mean | | | {slower:.2} | | {quicker:.1} | |");
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "workload": self.name,
            "iterations": self.iterations,
            "native_seconds": self.native,
            "translated_seconds": self.translated,
            "interpreted_seconds": self.interpreted,
            "translated_share": self.share,
        })
    }
}

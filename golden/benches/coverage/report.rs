//! The shares: as a table of programs by choices, as JSON, and as bars.

use crate::prelift::{Conversion, Ran};
use crate::programs::Program;
use crate::svg::{Anchor, Svg};
use serde_json::{Value, json};
use std::fmt::Write;

/// Everything.
pub(crate) struct Report {
    pub(crate) programs: Vec<Program>,
    pub(crate) modules: Vec<Module>,
}

/// A module, and what ran in it, by program.
pub(crate) struct Module {
    pub(crate) coverage: String,
    pub(crate) conversion: Conversion,
    pub(crate) runs: Vec<Result<Ran, String>>,
}

/// Pixels: of a bar's thickness, between programs, left of the bars, of all instructions, above the bars.
const BAR: f64 = 7.0;
const GAP: f64 = 8.0;
const LEFT: f64 = 110.0;
const WIDTH: f64 = 500.0;
const TOP: f64 = 50.0;
const COLOURS: [&str; 4] = ["#9ca3af", "#d97706", "#1d4ed8", "#15803d"];

impl Module {
    fn run(&self, program: usize) -> Option<&Ran> {
        self.runs.get(program)?.as_ref().ok()
    }

    /// The share of a program's instructions in translated code.
    fn share(&self, program: usize) -> Option<f64> {
        self.run(program).map(|ran| ran.stat("translated_share"))
    }

    /// Of all instructions of the programs that were trained, or of the others.
    fn total(&self, programs: &[Program], trained: bool) -> Option<f64> {
        let runs = programs.iter().zip(&self.runs).filter(|(program, _)| program.trained == trained);
        let runs: Vec<&Ran> = runs.filter_map(|(_, ran)| ran.as_ref().ok()).collect();
        let sum = |name: &str| runs.iter().map(|ran| ran.stat(name)).sum::<f64>();
        Some(sum("translated") / Some(sum("instructions")).filter(|all| *all > 0.0)?)
    }
}

impl Report {
    /// Whether a program could not run.
    pub(crate) fn failed(&self) -> bool {
        self.modules.iter().flat_map(|module| &module.runs).any(Result::is_err)
    }

    /// Programs by choices; then the modules' sizes and what the conversions took.
    pub(crate) fn markdown(&self) -> String {
        let heads: Vec<&str> = self.modules.iter().map(|module| module.coverage.as_str()).collect();
        let mut text = format!("| program | M instructions | {} |\n|---|---|", heads.join(" | "));
        let _ = writeln!(text, "{}", "---|".repeat(heads.len()));
        let mut row = |name: &str, instructions: &str, cell: &dyn Fn(&Module) -> Option<String>| {
            let cells = self.modules.iter().map(|module| cell(module).unwrap_or_else(|| "-".to_owned()));
            let _ = writeln!(text, "| {name} | {instructions} | {} |", cells.collect::<Vec<_>>().join(" | "));
        };
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        for trained in [true, false] {
            for (number, program) in self.programs.iter().enumerate().filter(|(_, p)| p.trained == trained) {
                let ran = self.modules.iter().find_map(|module| module.run(number));
                let instructions = ran.map_or(0.0, |ran| ran.stat("instructions") / 1e6);
                row(program.name, &format!("{instructions:.1}"), &|module| module.share(number).map(percent));
            }
            let name = if trained { "**trained, other input**" } else { "**not trained**" };
            row(name, "", &|module| module.total(&self.programs, trained).map(percent));
        }
        row("module, MB", "", &|module| Some(format!("{:.1}", module.conversion.module as f64 / 1e6)));
        row("conversion, s", "", &|module| Some(format!("{:.1}", module.conversion.seconds)));
        row("its memory, MB", "", &|module| Some(format!("{:.0}", module.conversion.peak as f64 / 1e6)));
        for module in &self.modules {
            for (program, run) in self.programs.iter().zip(&module.runs) {
                if let Err(error) = run {
                    let _ = writeln!(text, "\n{} with {}: {error}.", program.name, module.coverage);
                }
            }
        }
        text
    }

    /// All runs with their statistics.
    pub(crate) fn json(&self) -> String {
        let run = |(program, run): (&Program, &Result<Ran, String>)| {
            let (program, trained) = (program.name, program.trained);
            match run {
                Ok(Ran { start, resident, seconds, stats }) => json!({
                    "program": program, "trained": trained, "first_output_seconds": start, "resident_bytes": resident,
                    "seconds": seconds, "statistics": stats,
                }),
                Err(error) => json!({ "program": program, "trained": trained, "failed": error }),
            }
        };
        let module = |module: &Module| {
            json!({
                "coverage": module.coverage,
                "seconds": module.conversion.seconds,
                "peak_bytes": module.conversion.peak,
                "module_bytes": module.conversion.module,
                "runs": self.programs.iter().zip(&module.runs).map(run).collect::<Vec<_>>(),
            })
        };
        let modules: Vec<Value> = self.modules.iter().map(module).collect();
        serde_json::to_string_pretty(&json!({ "modules": modules })).unwrap_or_default() + "\n"
    }

    /// A bar a program and choice.
    pub(crate) fn svg(&self) -> String {
        let step = BAR * self.modules.len() as f64 + GAP;
        let height = TOP + step * self.programs.len() as f64;
        let mut svg = Svg::new(LEFT + WIDTH + 30.0, height + 10.0);
        svg.text((8.0, 16.0), Anchor::Start, "in translated code");
        for part in 0..=10 {
            let x = LEFT + WIDTH * f64::from(part) / 10.0;
            svg.line((x, TOP), (x, height), "#ddd");
            svg.text((x, TOP - 8.0), Anchor::Middle, &format!("{} %", part * 10));
        }
        for (place, (module, colour)) in self.modules.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let left = LEFT + 110.0 * place as f64 + 60.0;
            svg.rect((left, 7.0), (10.0, 10.0), colour, &module.coverage);
            svg.text((left + 14.0, 16.0), Anchor::Start, &module.coverage);
            for (number, program) in self.programs.iter().enumerate() {
                let Some(share) = module.share(number) else { continue };
                let top = TOP + step * number as f64 + BAR * place as f64;
                let title = format!("{} {}: {:.2} %", program.name, module.coverage, share * 100.0);
                svg.rect((LEFT, top), (WIDTH * share, BAR - 1.0), colour, &title);
            }
        }
        for (number, program) in self.programs.iter().enumerate() {
            let middle = TOP + step * (number as f64 + 0.5);
            let name = if program.trained { format!("{} (trained)", program.name) } else { program.name.to_owned() };
            svg.text((LEFT - 6.0, middle), Anchor::End, &name);
        }
        svg.finish()
    }
}

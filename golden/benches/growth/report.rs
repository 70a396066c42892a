//! What was measured: as a table, as JSON, and one figure of a point at a time for plots.

use crate::axes::{At, Axis, Measured};
use serde_json::{Value, json};
use std::fmt::Write;

/// Everything.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) points: Vec<Point>,
}

/// A point, and what was measured, or why not.
pub(crate) struct Point {
    pub(crate) axis: Axis,
    pub(crate) at: At,
    pub(crate) measured: Result<Measured, String>,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Seconds of the conversion.
    Conversion,
    /// Most memory of the conversion.
    Peak,
    /// Size of the module.
    Module,
    /// Seconds from a run's start to its first output.
    Start,
    /// Memory of the run then.
    Resident,
    /// Seconds of the run.
    Run,
    /// Instructions of the run, in millions.
    Instructions,
    /// Nanoseconds of an instruction.
    Each,
}

impl Figure {
    /// All, in the table's order.
    #[rustfmt::skip]
    pub(crate) const ALL: [Figure; 8] = [
        Figure::Conversion, Figure::Peak, Figure::Module, Figure::Start, Figure::Resident, Figure::Run, Figure::Instructions,
        Figure::Each,
    ];

    /// What it is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Figure::Conversion => "conversion s",
            Figure::Peak => "its memory MB",
            Figure::Module => "module MB",
            Figure::Start => "first output s",
            Figure::Resident => "memory then MB",
            Figure::Run => "run s",
            Figure::Instructions => "M instructions",
            Figure::Each => "ns each",
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Figure::Start | Figure::Run => format!("{value:.2}"),
            Figure::Each => format!("{value:.3}"),
            Figure::Conversion | Figure::Instructions => format!("{value:.1}"),
            Figure::Peak | Figure::Module | Figure::Resident => format!("{value:.0}"),
        }
    }
}

impl Point {
    /// A figure, if the point has it.
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        let Measured { conversion, ran } = self.measured.as_ref().ok()?;
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let value = match figure {
            Figure::Conversion => conversion.as_ref()?.seconds,
            Figure::Peak => mb(conversion.as_ref()?.peak),
            Figure::Module => mb(conversion.as_ref()?.module),
            Figure::Start => ran.start,
            Figure::Resident => mb(ran.resident),
            Figure::Run => ran.seconds,
            Figure::Instructions => ran.stat("instructions") / 1e6,
            Figure::Each => 1e3 / Some(ran.stat("mips")).filter(|mips| *mips > 0.0)?,
        };
        Some(value)
    }

    /// A line for those who wait.
    pub(crate) fn summary(&self) -> String {
        if let Err(error) = &self.measured {
            return error.clone();
        }
        let shown = |figure: Figure| Some(format!("{} {}", figure.title(), figure.text(self.figure(figure)?)));
        Figure::ALL.into_iter().filter_map(shown).collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> Value {
        let figures = Figure::ALL.into_iter().filter_map(|figure| {
            let name = format!("{figure:?}").to_lowercase();
            self.figure(figure).map(|value| (name, json!(value)))
        });
        json!({
            "axis": self.axis.title(),
            "kind": self.at.kind,
            "size": self.at.size,
            "figures": figures.collect::<serde_json::Map<_, _>>(),
            "statistics": self.measured.as_ref().ok().map(|measured| &measured.ran.stats),
            "failed": self.measured.as_ref().err(),
        })
    }
}

impl Report {
    /// Whether a point could not be measured.
    pub(crate) fn failed(&self) -> bool {
        self.points.iter().any(|point| point.measured.is_err())
    }

    /// A row a point.
    pub(crate) fn markdown(&self) -> String {
        let heads: Vec<&str> = Figure::ALL.into_iter().map(Figure::title).collect();
        let mut text = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
        for point in &self.points {
            let cell = |figure: Figure| point.figure(figure).map_or_else(|| "-".to_owned(), |value| figure.text(value));
            let cells: Vec<String> = Figure::ALL.into_iter().map(cell).collect();
            let _ = writeln!(text, "| {} {} | {} |", point.at.name, point.axis.title(), cells.join(" | "));
        }
        for point in &self.points {
            if let Err(error) = &point.measured {
                let _ = writeln!(text, "\n{} {}: {error}.", point.at.name, point.axis.title());
            }
        }
        text
    }

    /// All figures, and the statistics of the runs.
    pub(crate) fn json(&self) -> String {
        let points: Vec<Value> = self.points.iter().map(Point::json).collect();
        serde_json::to_string_pretty(&json!({ "points": points })).unwrap_or_default() + "\n"
    }
}

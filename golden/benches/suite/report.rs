//! What was measured.

use crate::contestants::Kind;
use serde_json::Value;
use test_images::bench::{Group, Row};

/// Everything.
pub(crate) struct Report {
    /// Those who were to take part, in the table's order.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) lines: Vec<Line>,
    /// Who was left out, and why.
    pub(crate) notes: Vec<String>,
}

/// A row's figures.
pub(crate) struct Line {
    pub(crate) row: &'static Row,
    pub(crate) cells: Vec<(Kind, Cell)>,
    /// The translated module's own statistics of a run: `--stats=json`.
    pub(crate) stats: Option<Value>,
}

/// A contestant at a row.
pub(crate) enum Cell {
    /// Iterations of a run, and each round's times.
    Measured { iterations: u32, rounds: Vec<Times> },
    /// It could not run, or wrote something else than the others.
    Failed(String),
}

/// Seconds of an iteration.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// Processor time.
    pub(crate) cpu: f64,
    /// Time on the clock.
    pub(crate) wall: f64,
}

impl Report {
    pub(crate) fn new(kinds: &[Kind]) -> Report {
        let kinds = Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)).collect();
        Report { kinds, lines: Vec::new(), notes: Vec::new() }
    }

    /// Keeps a note, and tells it.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    /// The groups that have lines.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.lines.iter().map(|line| line.row.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The geometric mean of `one`'s time by `other`'s over the lines that have both, of a group or of all.
    pub(crate) fn mean(&self, group: Option<Group>, one: Kind, other: Kind) -> Option<f64> {
        let lines = self.lines.iter().filter(|line| group.is_none_or(|group| line.row.group == group));
        let logarithms: Vec<f64> = lines.filter_map(|line| line.ratio(one, other)).map(f64::ln).collect();
        let count = logarithms.len() as f64;
        (count > 0.0).then(|| (logarithms.iter().sum::<f64>() / count).exp())
    }
}

impl Line {
    fn cell(&self, kind: Kind) -> Option<&Cell> {
        self.cells.iter().find(|(other, _)| *other == kind).map(|(_, cell)| cell)
    }

    /// Medians of the rounds.
    pub(crate) fn times(&self, kind: Kind) -> Option<Times> {
        let Some(Cell::Measured { rounds, .. }) = self.cell(kind) else { return None };
        let median = |of: fn(&Times) -> f64| {
            let mut times: Vec<f64> = rounds.iter().map(of).collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let times = Times { cpu: median(|times| times.cpu), wall: median(|times| times.wall) };
        // What is lost in the noise of the start is no figure.
        (times.cpu > 0.0).then_some(times)
    }

    /// Iterations of a run.
    pub(crate) fn iterations(&self, kind: Kind) -> Option<u32> {
        let Some(Cell::Measured { iterations, .. }) = self.cell(kind) else { return None };
        Some(*iterations)
    }

    /// Processor time of `one` by that of `other`.
    pub(crate) fn ratio(&self, one: Kind, other: Kind) -> Option<f64> {
        Some(self.times(one)?.cpu / self.times(other)?.cpu)
    }

    /// The share of instructions in translated code.
    pub(crate) fn share(&self) -> Option<f64> {
        self.stats.as_ref()?["translated_share"].as_f64()
    }

    /// What went wrong.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.cells.iter().filter_map(|(_, cell)| match cell {
            Cell::Failed(reason) => Some(format!("{}: {reason}", self.row.name)),
            Cell::Measured { .. } => None,
        })
    }

    /// A line for those who wait.
    pub(crate) fn summary(&self) -> String {
        let times =
            self.cells.iter().filter_map(|(kind, _)| Some(format!("{kind} {:.3} µs", self.times(*kind)?.cpu * 1e6)));
        format!("{}: {}", self.row.name, times.collect::<Vec<_>>().join(", "))
    }
}

//! The figures as a table in Markdown.

use crate::contestants::Kind;
use crate::report::{Line, Report};
use crate::select::title;
use std::fmt::Write;
use test_images::bench::Group;

/// Rows by contestants: native time, what the others take of it, and what translated code takes of QEMU's time.
pub(crate) fn markdown(report: &Report) -> String {
    let columns: Vec<Column> = columns(report);
    let mut text = String::new();
    let heads: Vec<String> = columns.iter().map(Column::head).collect();
    let _ = writeln!(text, "| row | {} |\n|---|{}", heads.join(" | "), "---|".repeat(columns.len()));
    for group in report.groups() {
        for line in report.lines.iter().filter(|line| line.row.group == group) {
            let cells: Vec<String> = columns.iter().map(|column| column.cell(line)).collect();
            let _ = writeln!(text, "| {} | {} |", line.row.name, cells.join(" | "));
        }
        mean(&mut text, report, &columns, Some(group));
    }
    if report.groups().len() > 1 {
        mean(&mut text, report, &columns, None);
    }
    for note in &report.notes {
        let _ = writeln!(text, "\n{note}.");
    }
    text
}

/// What a column shows.
#[derive(Clone, Copy)]
enum Column {
    /// Processor time of an iteration, natively.
    Time,
    /// One's time by another's.
    Ratio(Kind, Kind),
    /// Instructions in translated code.
    Share,
}

fn columns(report: &Report) -> Vec<Column> {
    let has = |kind: Kind| report.kinds.contains(&kind);
    let others = report.kinds.iter().copied().filter(|kind| *kind != Kind::Native);
    let mut columns: Vec<Column> = vec![Column::Time];
    columns.extend(others.map(|kind| Column::Ratio(kind, Kind::Native)));
    if has(Kind::Translated) {
        columns.extend([Column::Ratio(Kind::Translated, Kind::Qemu), Column::Share]);
    }
    columns
}

impl Column {
    fn head(&self) -> String {
        match self {
            Column::Time => "native µs".to_owned(),
            Column::Ratio(one, Kind::Native) => format!("{} ×", one.title()),
            Column::Ratio(one, other) => format!("{} / {}", one.title(), other.title()),
            Column::Share => "in translated code".to_owned(),
        }
    }

    fn cell(&self, line: &Line) -> String {
        let text = match *self {
            Column::Time => line.times(Kind::Native).map(|times| format!("{:.1}", times.cpu * 1e6)),
            Column::Ratio(one, other) => line.ratio(one, other).map(ratio),
            Column::Share => line.share().map(|share| format!("{:.2} %", share * 100.0)),
        };
        text.unwrap_or_else(|| "-".to_owned())
    }
}

fn mean(text: &mut String, report: &Report, columns: &[Column], group: Option<Group>) {
    let cells = columns.iter().map(|column| match *column {
        Column::Ratio(one, other) => report.mean(group, one, other).map_or_else(|| "-".to_owned(), ratio),
        _ => String::new(),
    });
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(text, "| **geometric mean, {}** | {} |", group.map_or("all", title), cells.join(" | "));
}

/// Two digits that count, at least.
fn ratio(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

//! The figures for programs.

use crate::contestants::Kind;
use crate::report::{Cell, Line, Report};
use crate::select::title;
use serde_json::{Map, Value, json};

/// One object: rows with every round's seconds an iteration, geometric means against native and QEMU, notes.
pub(crate) fn render(report: &Report) -> String {
    let rows: Vec<Value> = report.lines.iter().map(line).collect();
    let mut means = Map::new();
    for group in report.groups().into_iter().map(Some).chain([None]) {
        let of = |other: Kind| -> Map<String, Value> {
            let mean = |kind: &Kind| Some((kind.to_string(), json!(report.mean(group, *kind, other)?)));
            report.kinds.iter().filter_map(mean).collect()
        };
        let both = json!({ "to_native": of(Kind::Native), "to_qemu": of(Kind::Qemu) });
        means.insert(group.map_or("all", title).to_owned(), both);
    }
    let all = json!({ "rows": rows, "geometric_means": means, "notes": report.notes });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

fn line(line: &Line) -> Value {
    let cells: Map<String, Value> = line.cells.iter().map(|(kind, cell)| (kind.to_string(), figures(cell))).collect();
    json!({
        "row": line.row.name,
        "group": title(line.row.group),
        "iteration": line.row.about,
        "translated_share": line.share(),
        "statistics": line.stats,
        "contestants": cells,
    })
}

fn figures(cell: &Cell) -> Value {
    match cell {
        Cell::Failed(reason) => json!({ "failed": reason }),
        Cell::Measured { iterations, rounds } => json!({
            "iterations": iterations,
            "cpu_seconds": rounds.iter().map(|times| times.cpu).collect::<Vec<_>>(),
            "wall_seconds": rounds.iter().map(|times| times.wall).collect::<Vec<_>>(),
        }),
    }
}

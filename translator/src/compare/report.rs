//! Outcomes and differences as text.

use super::differences::{Difference, Stream, lines};
use super::{Mode, Outcomes};
use std::fmt::Write;

/// Lines of an output that all runs agree on which are shown.
const SHOWN: usize = 12;
/// Bytes of a line that are shown, and how many of them lie before the first that differs.
const WIDTH: usize = 100;
const LEAD: usize = 40;

/// The runs side by side, what they agree on, and where they part.
pub fn report(outcomes: &Outcomes, differences: &[Difference]) -> String {
    let mut text = table(outcomes);
    for stream in Stream::ALL {
        let apart =
            |difference: &&Difference| matches!(difference, Difference::Output { stream: of, .. } if *of == stream);
        match differences.iter().find(apart) {
            Some(difference) => text += &parting(difference),
            None => text += &agreed(stream, stream.of(&outcomes.interpreted)),
        }
    }
    text += if differences.is_empty() { "\nall runs agree\n" } else { "\nthe runs part\n" };
    text
}

fn table(outcomes: &Outcomes) -> String {
    let row = |name: &str, cell: &dyn Fn(&crate::engine::Outcome) -> String| {
        let cells = outcomes.all().map(|(_, outcome)| format!("{:>14}", cell(outcome)));
        format!("{name:<14}{}\n", cells.collect::<String>())
    };
    let mut text = format!("{:<14}", "");
    outcomes.all().for_each(|(mode, _)| text += &format!("{mode:>14}"));
    text.push('\n');
    text += &row("exit code", &|outcome| outcome.code.to_string());
    for stream in Stream::ALL {
        text += &row(&format!("{stream} bytes"), &|outcome| stream.of(outcome).len().to_string());
        text += &row(&format!("{stream} lines"), &|outcome| lines(stream.of(outcome)).count().to_string());
    }
    text
}

fn agreed(stream: Stream, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{stream}, the same in all runs:\n");
    let mut rest = lines(bytes);
    for line in rest.by_ref().take(SHOWN) {
        let _ = writeln!(text, "  {}", shown(line, 0));
    }
    match rest.count() {
        0 => text,
        more => text + &format!("  … {more} more lines\n"),
    }
}

fn parting(difference: &Difference) -> String {
    let Difference::Output { stream, line, column, before, from } = difference else { return String::new() };
    let mut text = format!("\n{stream} parts in line {line}, byte {column} of it:\n");
    for (index, common) in before.iter().enumerate() {
        let _ = writeln!(text, "  {:<12} {:>6} | {}", "all", line - before.len() + index, shown(common, 0));
    }
    for (mode, after) in from {
        text += &of_run(*mode, *line, *column, after);
    }
    text
}

fn of_run(mode: Mode, line: usize, column: usize, lines: &[Vec<u8>]) -> String {
    if lines.is_empty() {
        return format!("  {mode:<12} {line:>6} : end of output\n");
    }
    let row = |(index, bytes): (usize, &Vec<u8>)| {
        let column = if index == 0 { column } else { 0 };
        format!("  {mode:<12} {:>6} | {}\n", line + index, shown(bytes, column))
    };
    lines.iter().enumerate().map(row).collect()
}

/// A line as it can be shown on a terminal: the part around `column`, without its end; a missing end is told.
fn shown(line: &[u8], column: usize) -> String {
    let (line, end) = match line.strip_suffix(b"\n") {
        Some(line) => (line, ""),
        None => (line, " (no line end)"),
    };
    let start = if line.len() > WIDTH { column.saturating_sub(LEAD).min(line.len()) } else { 0 };
    let part = &line[start..line.len().min(start + WIDTH)];
    let (head, tail) = (if start > 0 { "…" } else { "" }, if start + part.len() < line.len() { "…" } else { "" });
    let printable = |text: &str| {
        text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect()
    };
    let text: String = std::str::from_utf8(part).map_or_else(|_| part.escape_ascii().to_string(), printable);
    format!("{head}{text}{tail}{end}")
}

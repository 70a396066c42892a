//! What takes the room.

use super::number::{count, percent};
use super::plot;
use crate::inspect::{Part, Report};
use maud::{Markup, html};
use std::cmp::Reverse;

/// How many parts have a colour of their own; the others are grey.
const COLOURS: usize = 7;

pub(super) fn section(report: &Report) -> Markup {
    let colours = colours(&report.parts);
    let segments: Vec<plot::Segment<'_>> = report
        .parts
        .iter()
        .zip(&colours)
        .filter(|(part, _)| !part.divided)
        .map(|(part, colour)| plot::Segment { name: &part.name, amount: part.bytes, colour: *colour })
        .collect();
    html! {
        section {
            h2 { "What takes the room" }
            (plot::stack(&segments, report.size))
            table {
                thead { tr { th { "section" } th.n { "bytes" } th.n { "of the module" } th.n { "items" } } }
                tbody {
                    @for (part, colour) in report.parts.iter().zip(&colours) { (row(part, *colour, report.size)) }
                }
                tfoot { tr { td { "module" } td.n { (count(report.size)) } td.n { "100.00 %" } td {} } }
            }
        }
    }
}

fn row(part: &Part, colour: Option<usize>, whole: u64) -> Markup {
    html! {
        tr {
            td.inner[part.section.is_some()] {
                @if !part.divided { (plot::swatch(colour)) }
                (part.name)
            }
            td.n { (count(part.bytes)) }
            td.n { (percent(part.bytes, whole)) }
            td.n { @if let Some(items) = part.items { (count(items)) } }
        }
    }
}

/// The colours of the largest parts.
fn colours(parts: &[Part]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..parts.len()).filter(|&index| !parts[index].divided).collect();
    order.sort_by_key(|&index| Reverse(parts[index].bytes));
    let mut colours = vec![None; parts.len()];
    order.into_iter().take(COLOURS).enumerate().for_each(|(colour, index)| colours[index] = Some(colour));
    colours
}

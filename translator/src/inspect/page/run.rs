//! The counts of a run.

use super::number::{count, percent};
use super::plot::{self, Segment};
use crate::inspect::RunStats;
use crate::inspect::regions::share;
use maud::{Markup, html};

/// What the names of exits mean (`runtime::translated::abi::ExitReason`).
#[rustfmt::skip]
const MEANINGS: [(&str, &str); 6] = [
    ("next",     "where control goes on was not in the jump cache, or not chained"),
    ("tlb miss", "a memory access missed the TLB"),
    ("unlifted", "an instruction has no translation"),
    ("rare",     "a rare case of an instruction, such as a fault"),
    ("stale",    "the region was not bound where it was entered"),
    ("budget",   "the budget of instructions might not have lasted"),
];

pub(super) fn section(stats: &RunStats) -> Markup {
    let all = stats.instructions();
    let segments = [
        Segment { name: "translated", amount: stats.translated, colour: Some(0) },
        Segment { name: "interpreted", amount: stats.interpreted, colour: Some(1) },
    ];
    html! {
        section {
            h2 { "A run" }
            (plot::stack(&segments, all))
            p.legend {
                @for segment in &segments {
                    (plot::swatch(segment.colour))
                    (segment.name) " " strong { (count(segment.amount)) } " (" (percent(segment.amount, all)) ") "
                }
            }
            div.beside {
                (exits(stats))
                @if !stats.unlifted.is_empty() { (mnemonics("no translation of", &stats.unlifted)) }
                @if !stats.rare.is_empty() { (mnemonics("rare case of", &stats.rare)) }
                dl { @for (name, value) in &stats.others { dt { (name) } dd { (value) } } }
            }
        }
    }
}

fn exits(stats: &RunStats) -> Markup {
    let most = stats.exits.iter().map(|(_, count)| *count).max().unwrap_or_default();
    html! {
        table.sortable {
            thead { tr { th { "translated code was left" } th { "since" } th.n { "times" } th.n { "instructions between two" } th {} } }
            tbody {
                @for (name, times) in &stats.exits {
                    tr {
                        td { (name) }
                        td.faint { (meaning(name)) }
                        td.n { (count(*times)) }
                        td.n { @if let Some(between) = stats.instructions().checked_div(*times) { (count(between)) } }
                        td { (plot::bar(share(*times, most))) }
                    }
                }
            }
        }
    }
}

fn mnemonics(title: &str, counts: &[(String, u64)]) -> Markup {
    html! {
        table.sortable {
            thead { tr { th { (title) } th.n { "times" } } }
            tbody { @for (mnemonic, times) in counts { tr { td { (mnemonic) } td.n { (count(*times)) } } } }
        }
    }
}

fn meaning(name: &str) -> &'static str {
    MEANINGS.iter().find(|(known, _)| *known == name).map_or("", |(_, meaning)| meaning)
}

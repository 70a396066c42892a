//! The hottest regions.

use super::number::{count, share, some};
use super::plot;
use crate::convert::Unlifted;
use crate::inspect::{RegionRow, Regions};
use maud::{Markup, html};

/// Regions in the plot.
const PLOTTED: usize = 30;
/// Most regions in the table: browsers sort so many rows at once.
const LISTED: usize = 4000;
/// Colours of their bars.
const KERNEL: usize = 0;
const PROGRAM: usize = 1;

/// Name of a column, whether it has numbers, and what is not plain from the name.
#[rustfmt::skip]
const COLUMNS: [(&str, bool, &str); 17] = [
    ("#",          true,  ""),
    ("function",   false, ""),
    ("binary",     false, "the kernel, or a file of the image"),
    ("entries",    true,  "places where the region is entered"),
    ("insns",      true,  "guest instructions translated"),
    ("x86",        true,  "bytes of x86 code"),
    ("Wasm",       true,  "bytes of Wasm"),
    ("ratio",      true,  "bytes of Wasm for a byte of x86 code"),
    ("ran",        true,  "instructions, as often as they ran"),
    ("share",      true,  "of all instructions that ran"),
    ("cumulative", true,  "share of this region and all hotter ones"),
    ("ran",        true,  "instructions that the interpreter carries out, as often as they ran"),
    ("mnemonics",  false, "of the instructions without translation"),
    ("miss",       true,  "places where a memory access may miss the TLB"),
    ("rare",       true,  "places where a rare case of an instruction, such as a fault, leaves"),
    ("budget",     true,  "places where the budget of instructions is tested"),
    ("unlifted",   true,  "places where an instruction has no translation"),
];

pub(super) fn section(regions: &Regions) -> Markup {
    html! {
        section {
            h2 { "The hottest regions" }
            p {
                "A region is a function of the guest, or a part of one (" code { "#1" } ", " code { "#2" } ", …), translated to one "
                "function. Instructions that are inlined into another region count where they were taken from."
            }
            div.two {
                figure {
                    figcaption {
                        "Of all instructions that ran in training, those of the " (PLOTTED) " hottest: "
                        (plot::swatch(Some(KERNEL))) "kernel " (plot::swatch(Some(PROGRAM))) "program"
                    }
                    (hottest(regions))
                }
                figure { figcaption { "Of all instructions, those of the n hottest together" } (plot::curve(&cumulative(regions))) }
            }
            (table(regions))
        }
    }
}

fn hottest(regions: &Regions) -> Markup {
    let bars: Vec<plot::Bar<'_>> = regions.rows.iter().take(PLOTTED).map(|row| bar(row, regions)).collect();
    plot::bars(&bars)
}

fn bar<'a>(row: &'a RegionRow, regions: &Regions) -> plot::Bar<'a> {
    let binary = regions.binary(row);
    let more = format!("{}:{}, {} instructions", binary.name, row.function, count(row.ran));
    plot::Bar { name: &row.function, share: row.share, more, colour: if binary.kernel { KERNEL } else { PROGRAM } }
}

fn cumulative(regions: &Regions) -> Vec<f64> {
    regions.rows.iter().map(|row| row.cumulative).collect()
}

fn table(regions: &Regions) -> Markup {
    let rest = regions.rows.len().saturating_sub(LISTED);
    html! {
        div.filter {
            input type="search" placeholder="filter by function, binary or mnemonic" aria-label="filter" data-filters="regions";
            output {}
        }
        div.wide.tall {
            table.sortable #regions {
                thead {
                    tr.groups {
                        th colspan="3" {} th colspan="5" { "size" } th colspan="3" { "training" }
                        th colspan="2" { "left to the interpreter" } th colspan="4" { "side exits" }
                    }
                    tr { @for column in &COLUMNS { (head(column)) } }
                }
                tbody { @for (rank, row) in (1..).zip(&regions.rows).take(LISTED) { (region(rank, row, regions)) } }
            }
        }
        @if rest > 0 {
            p.note { "The " (count(rest as u64)) " coldest regions are left out; " code { "prelift inspect --json" } " has them all." }
        }
    }
}

fn head((name, numeric, meaning): &(&str, bool, &str)) -> Markup {
    html! { th.n[*numeric] title=[(!meaning.is_empty()).then_some(meaning)] { (name) } }
}

fn region(rank: u64, row: &RegionRow, regions: &Regions) -> Markup {
    let exits = row.side_exits;
    html! {
        tr {
            td.n { (rank) }
            td.name title=(row.function) { (row.function) @if row.entries == 0 { em { " not translated" } } }
            td.name { (regions.binary(row).name) }
            td.n { (some(row.entries.into())) }
            td.n { (some(row.instructions.into())) }
            td.n { (some(row.guest_bytes.into())) }
            td.n { (some(row.wasm_bytes.into())) }
            td.n { @if let Some(growth) = row.growth() { (format!("{growth:.2}")) } }
            td.n { (count(row.ran)) }
            td.n { (share(row.share)) }
            td.n { (share(row.cumulative)) }
            td.n { (some(row.left)) }
            td.name title=[places(&row.unlifted)] { (mnemonics(&row.unlifted)) }
            @for exits in [exits.miss, exits.rare, exits.budget, exits.unlifted] { td.n { (some(exits.into())) } }
        }
    }
}

fn mnemonics(unlifted: &[Unlifted]) -> String {
    unlifted.iter().map(|left| &*left.mnemonic).collect::<Vec<_>>().join(" ")
}

/// Where the mnemonics are, in words.
fn places(unlifted: &[Unlifted]) -> Option<String> {
    let words = |left: &Unlifted| format!("{} at {} places, ran {} times", left.mnemonic, left.places, count(left.ran));
    (!unlifted.is_empty()).then(|| unlifted.iter().map(words).collect::<Vec<_>>().join("\n"))
}

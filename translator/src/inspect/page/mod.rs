//! The report as one HTML page that needs nothing else: style, script and plots are in it.
//!
//! Tables are written whole, so that the page can be read without its script, which sorts and filters them.

mod binaries;
mod left;
mod number;
mod parts;
mod plot;
mod regions;
mod run;

use super::description::{self, Fact};
use super::report::NO_REGIONS;
use super::{Regions, Report, RunStats};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use number::{count, percent, size};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page for the module of this file name, and a run of it.
pub fn page(name: &str, report: &Report, stats: Option<&RunStats>) -> String {
    let content = html! {
        header { h1 { (name) } p { "What is inside this WebAssembly module, as " code { "prelift inspect" } " sees it." } }
        (tiles(report, stats))
        div.pair { (parts::section(report)) (conversion(report)) }
        @match &report.regions {
            Some(regions) if regions.rows.is_empty() => { p.note { "The module has no region: it interprets everything." } }
            Some(regions) => { (binaries::section(regions)) (regions::section(regions)) (left::section(regions)) }
            None => { p.note { (NO_REGIONS) "." } }
        }
        @if let Some(stats) = stats { (run::section(stats)) }
    };
    document(name, &content).into_string()
}

fn document(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " — prelift inspect" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (content) } script { (PreEscaped(SCRIPT)) } }
        }
    }
}

/// The figures that matter most.
fn tiles(report: &Report, stats: Option<&RunStats>) -> Markup {
    let of_regions = |regions: &Regions| {
        let (x86, wasm) = regions
            .binaries
            .iter()
            .fold((0, 0), |(x86, wasm), binary| (x86 + binary.guest_bytes, wasm + binary.wasm_bytes));
        html! {
            (tile("translated regions", &count(regions.rows.len() as u64), "functions, or parts of them"))
            (tile("translated code", &size(wasm), &format!("of {} of x86 code", size(x86))))
            (tile("of training in translated code", &percent(regions.translated(), regions.ran),
                &format!("of {} instructions", count(regions.ran))))
        }
    };
    html! {
        div.tiles {
            (tile("module", &size(report.size), &format!("{} bytes", count(report.size))))
            @if let Some(regions) = &report.regions { (of_regions(regions)) }
            @if let Some(stats) = stats {
                (tile("of the run in translated code", &percent(stats.translated, stats.instructions()),
                    &format!("of {} instructions", count(stats.instructions()))))
            }
        }
    }
}

fn tile(name: &str, figure: &str, more: &str) -> Markup {
    html! { div.tile { span { (name) } strong { (figure) } span { (more) } } }
}

/// What the `prelift` section says.
fn conversion(report: &Report) -> Markup {
    html! {
        section {
            h2 { "The conversion" }
            @match &report.converted {
                Some(converted) => (facts(&description::conversion(converted))),
                None => { p { "The module has no " code { "prelift" } " section that this version can read." } }
            }
        }
    }
}

/// Facts as a list of definitions.
fn facts(facts: &[Fact]) -> Markup {
    html! { dl { @for (name, value) in facts { dt { (name) } dd { (value) } } } }
}

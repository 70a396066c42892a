//! Coverage by binary.

use super::number::{count, share, some};
use super::plot;
use crate::inspect::{BinaryRow, Regions};
use maud::{Markup, html};

pub(super) fn section(regions: &Regions) -> Markup {
    html! {
        section {
            h2 { "Coverage by binary" }
            p {
                "Instructions as often as they ran in training, and how many of them were in translated code; the others are the "
                "interpreter's. " code { "memory" } " is code in no file of the image: the guest's init, or what a program generated."
            }
            div.wide {
                table.sortable {
                    thead {
                        tr {
                            th { "binary" } th.n { "regions" } th.n { "x86 bytes" } th.n { "Wasm bytes" } th.n { "Wasm / x86" }
                            th.n { "ran" } th.n { "of all" } th.n { "in translated code" } th.n { "share" } th {}
                        }
                    }
                    tbody { @for binary in &regions.binaries { (row(binary, regions.ran)) } }
                }
            }
        }
    }
}

fn row(binary: &BinaryRow, ran: u64) -> Markup {
    let all = crate::inspect::regions::share(binary.ran, ran);
    html! {
        tr {
            td { (binary.name) }
            td.n { (some(binary.regions)) }
            td.n { (some(binary.guest_bytes)) }
            td.n { (some(binary.wasm_bytes)) }
            td.n { @if let Some(growth) = binary.growth() { (format!("{growth:.2}")) } }
            td.n { (count(binary.ran)) }
            td.n { (share(all)) }
            td.n { (count(binary.translated)) }
            td.n { (share(binary.share())) }
            td { (plot::bar(binary.share())) }
        }
    }
}

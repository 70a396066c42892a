//! What translated code leaves to the interpreter.

use super::number::{count, some};
use crate::inspect::Regions;
use maud::{Markup, html};

pub(super) fn section(regions: &Regions) -> Markup {
    let mnemonics = regions.unlifted();
    html! {
        section {
            h2 { "Left to the interpreter" }
            @if mnemonics.is_empty() { p { "Nothing: every instruction of the regions is translated." } } @else {
                p { "Instructions without translation in the regions: a region is left there, and entered again behind them." }
                div.columns {
                    table.sortable {
                        thead { tr { th { "mnemonic" } th.n { "places" } th.n { "ran in training" } } }
                        tbody {
                            @for left in &mnemonics {
                                tr { td { (left.mnemonic) } td.n { (count(left.places.into())) } td.n { (some(left.ran)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

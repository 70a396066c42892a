//! What is inside a module, for `prelift inspect`.
//!
//! ```text
//! module ─┬─ link::Summary (sections, data) ─┬─ parts ──► Part ─────┐             ┌─► text   on a terminal
//!         ├─ `prelift` (convert::Summary) ───┘                      ├─► Report ───┼─► JSON   (serde)
//!         └─ functions, `prelift.regions` ─── regions ──► Regions ──┘             └─► page   HTML, with plot and the counts of a run
//! ```
//!
//! All three forms show the same report. A module without the section `prelift.regions` (linked by an older prelift, or
//! by another tool) has a report without regions.

pub mod description;
mod functions;
mod page;
mod parts;
mod regions;
mod report;
mod run_stats;
#[cfg(test)]
mod tests;
mod text;

pub use page::page;
pub use parts::Part;
pub use regions::{BinaryRow, RegionRow, Regions};
pub use report::Report;
pub use run_stats::RunStats;
pub use text::text;

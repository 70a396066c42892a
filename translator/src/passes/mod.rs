//! Passes over the IR, one file each. Each leaves a region that verifies.

pub mod budget;
mod copy;
mod cut;
pub mod dce;
pub mod fold;
pub mod fold_vector;
pub mod group;
pub mod hoist;
pub mod jumps;
pub mod ladder;
pub mod liveness;
pub mod placement;
pub mod quotient;
pub mod reducible;

use crate::ir::Region;
use crate::lift::{Checks, LoopChecks, Options, Placement};
use liveness::Liveness;

/// Brings a lifted region into the form that lowering takes.
///
/// # Errors
/// A pass that broke the region (debug builds look after each, release builds after the last).
pub fn run(region: &mut Region, options: &Options) -> anyhow::Result<Liveness> {
    checked(region, "lifting", |_| {})?;
    if options.checks == Checks::Grouped {
        checked(region, "grouping of checks", group::run)?;
    }
    checked(region, "tests of the budget", budget::place_checks)?;
    if options.loop_checks == LoopChecks::Hoisted {
        checked(region, "hoisting of checks", hoist::run)?;
    }
    if options.placement == Placement::Cheapest {
        checked(region, "loads and stores of variables", placement::run)?;
    }
    checked(region, "reducible control flow", |region| reducible::run(region, options.peeling))?;
    checked(region, "the budget", budget::place_flushes)?;
    let mut liveness = None;
    checked(region, "liveness", |region| liveness = Some(liveness::run(region, options.write_back)))?;
    crate::ir::verify(region)?;
    liveness.ok_or_else(|| anyhow::anyhow!("liveness did not run"))
}

fn checked(region: &mut Region, name: &str, pass: impl FnOnce(&mut Region)) -> anyhow::Result<()> {
    use anyhow::Context;
    pass(region);
    if cfg!(debug_assertions) {
        crate::ir::verify(region).with_context(|| format!("after {name}:\n{region}"))?;
    }
    Ok(())
}

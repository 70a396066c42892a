//! The report on a terminal.

use super::description;
use super::report::NO_REGIONS;
use super::{Part, Regions, Report};
use anyhow::Result;
use std::fmt::Write;

/// Regions that are named.
const HOTTEST: usize = 12;

/// The report as text.
///
/// # Errors
/// None that memory does not have.
pub fn text(report: &Report) -> Result<String> {
    let mut text = format!("{:<54} {:>12} {:>8}\n", "section", "bytes", "items");
    for Part { name, section, bytes, items, .. } in &report.parts {
        let name = if section.is_some() { format!("  {name}") } else { name.clone() };
        let items = items.map(|items| items.to_string()).unwrap_or_default();
        writeln!(text, "{}", format!("{name:<54} {bytes:>12} {items:>8}").trim_end())?;
    }
    writeln!(text, "{:<54} {:>12}\n", "module", report.size)?;
    memory(&mut text, report)?;
    match (&report.converted, &report.summary.description) {
        (Some(converted), _) => {
            let facts = description::conversion(converted).into_iter();
            text += &format!("\n{}", description::lines(facts.chain(description::unlifted(&converted.code))));
        }
        // Another version wrote it in another form.
        (None, Some(recorded)) => writeln!(text, "\n{}", serde_json::to_string_pretty(recorded)?)?,
        (None, None) => text += "\nnot made by prelift (no prelift section)\n",
    }
    match (&report.regions, &report.summary.description) {
        (Some(regions), _) => coverage(&mut text, regions)?,
        (None, Some(_)) => writeln!(text, "\n{NO_REGIONS}")?,
        (None, None) => {}
    }
    Ok(text)
}

fn memory(text: &mut String, report: &Report) -> std::fmt::Result {
    let layout = &report.summary.layout;
    writeln!(text, "linear memory   {} KiB at the start", report.summary.memory >> 10)?;
    let (data, segments, span) = (layout.data >> 10, layout.segments, layout.span >> 10);
    let how = if layout.is_mapped() { "mapped at start" } else { "too sparse, copied at every start" };
    writeln!(text, "data            {data} KiB in {segments} segments, spread over {span} KiB: {how}")
}

/// Coverage by binary, and the hottest regions.
fn coverage(text: &mut String, regions: &Regions) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<32} {:>8} {:>10} {:>10} {:>14} {:>11}",
        "binary", "regions", "x86", "Wasm", "ran", "translated"
    )?;
    for binary in &regions.binaries {
        let super::BinaryRow { name, regions, guest_bytes, wasm_bytes, ran, .. } = binary;
        let share = 100.0 * binary.share();
        writeln!(text, "{name:<32} {regions:>8} {guest_bytes:>10} {wasm_bytes:>10} {ran:>14} {share:>9.2} %")?;
    }
    writeln!(text, "\n{:<54} {:>14} {:>9} {:>11}", "hottest regions", "ran", "share", "cumulative")?;
    for row in regions.rows.iter().take(HOTTEST) {
        let name = format!("{}:{}", regions.binary(row).name, row.function);
        let (share, cumulative) = (100.0 * row.share, 100.0 * row.cumulative);
        writeln!(text, "{name:<54} {:>14} {share:>7.2} % {cumulative:>9.2} %", row.ran)?;
    }
    Ok(())
}

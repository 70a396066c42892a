//! Which rows run.

use crate::options::{GroupName, Options};
use anyhow::{Result, bail, ensure};
use std::fmt::Write;
use test_images::bench::{Group, ROWS, Row};
use x86::Level;

/// The rows that were asked for.
pub(crate) fn rows(options: &Options) -> Result<Vec<&'static Row>> {
    for name in &options.only {
        if !ROWS.iter().any(|row| row.name == name) {
            bail!("--only {name}: no such row (--list shows all)");
        }
    }
    let groups: Vec<Group> = options.group.iter().copied().map(GroupName::group).collect();
    let wanted = |row: &&Row| {
        (options.only.is_empty() || options.only.iter().any(|name| name == row.name))
            && (groups.is_empty() || groups.contains(&row.group))
    };
    let (rows, refused): (Vec<&Row>, Vec<&Row>) =
        ROWS.iter().filter(wanted).partition(|row| !row.avx2 || options.cpu == Level::V3);
    for row in refused {
        eprintln!("{} is left out: {} has no AVX2", row.name, options.cpu.name());
    }
    ensure!(!rows.is_empty(), "no row is left");
    Ok(rows)
}

/// What a group is called.
pub(crate) fn title(group: Group) -> &'static str {
    match group {
        Group::Micro => "micro",
        Group::Kernel => "kernel",
        Group::Real => "real",
    }
}

/// All rows, one a line.
pub(crate) fn list() -> String {
    ROWS.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{:<7} {:<16} {}", title(row.group), row.name, row.about);
        text
    })
}

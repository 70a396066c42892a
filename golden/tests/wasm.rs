//! The row files as generated Wasm, and how much of them translated code itself carries out.

use golden::row::Row;
use golden::suite;
use golden::wasm::{Tally, Translated};

/// The files whose rows are general-purpose integer instructions.
const INTEGER: [&str; 11] = [
    "bit",
    "control",
    "data",
    "edge-arith",
    "edge-division",
    "edge-shifts",
    "found",
    "gp-arith",
    "muldiv",
    "shifts",
    "string",
];

/// Runs the rows of the files whose name without extension `selects`, which must all hold.
fn run(selects: impl Fn(&str) -> bool) -> Tally {
    let mut files = suite::files().unwrap();
    files.retain(|file| selects(&file.file_stem().unwrap().to_string_lossy()));
    let rows: Vec<Row> = files.iter().flat_map(|file| suite::read(file).unwrap()).collect();
    let mut executor = Translated::new().unwrap();
    let report = golden::compare(&mut executor, &rows, &suite::known_failures("wasm").unwrap());
    assert!(report.is_ok() && report.refused.is_empty(), "{report}");
    let tally = executor.take_tally();
    assert_eq!(tally.cases, rows.len());
    tally
}

/// Percentage of the cases that the interpreter had no part in.
fn whole(tally: &Tally) -> usize {
    println!("{tally}");
    100 * tally.whole / tally.cases
}

#[test]
fn integer_rows_hold_and_most_are_wholly_translated() {
    let tally = run(|file| INTEGER.contains(&file));
    assert!(tally.cases > 3000, "{tally}");
    // The rest crosses pages, faults, or is a string instruction or a rotation through carry.
    assert!(whole(&tally) >= 80, "{tally}");
}

#[test]
fn vector_rows_hold_and_most_are_wholly_translated() {
    let tally = run(|file| ["sse-integer", "sse-move"].contains(&file));
    assert!(whole(&tally) >= 87, "{tally}");
}

#[test]
fn all_other_rows_hold() {
    let tally = run(|file| !INTEGER.contains(&file) && !["sse-integer", "sse-move"].contains(&file));
    assert!(tally.cases > 1500, "{tally}");
    println!("{tally}");
}

//! The row files as generated Wasm, and how much of them translated code itself carries out.

use golden::compare::compare;
use golden::row::Row;
use golden::suite;
use golden::wasm::{Tally, Translated};

fn run(executor: &mut Translated, rows: &[Row]) -> Tally {
    let report = compare(executor, rows, &suite::known_failures("wasm").unwrap());
    assert!(report.is_ok() && report.refused.is_empty(), "{report}");
    executor.take_tally()
}

#[test]
fn rows_hold_in_generated_wasm() {
    let mut executor = Translated::new().unwrap();
    for file in suite::files().unwrap() {
        let rows = suite::read(&file).unwrap();
        let report = compare(&mut executor, &rows, &suite::known_failures("wasm").unwrap());
        println!("{}: {report}{}", file.display(), executor.take_tally());
    }
}

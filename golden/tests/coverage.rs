//! `coverage.txt` is what the code gives, and nothing is absent. `BLESS=1` writes it anew.

use golden::coverage::{Coverage, entries, table};
use iced_x86::Code;
use std::path::Path;

#[test]
fn the_table_is_what_the_code_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("coverage.txt");
    let entries = entries();
    let now = table(&entries);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let changed: Vec<&str> = now.lines().filter(|line| !committed.lines().any(|old| old == *line)).collect();
    assert!(now == committed, "not in coverage.txt: {changed:#?}");
    let unknown: Vec<_> = entries.iter().filter(|entry| entry.forms.is_empty()).map(|entry| entry.code).collect();
    assert!(unknown.is_empty(), "no encoding was found of {unknown:?}");
    let absent: Vec<Code> =
        entries.iter().filter(|entry| entry.forms.contains(&Coverage::Absent)).map(|entry| entry.code).collect();
    assert!(absent.is_empty(), "{absent:?} raise #UD");
    assert!(entries.iter().any(|entry| entry.forms.contains(&Coverage::Lifted)));
}

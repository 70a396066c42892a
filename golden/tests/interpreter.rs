//! The row files in the runtime's interpreter, and random cases against the host's processor.

use golden::interpreter::Interpreter;
use golden::suite;

#[test]
fn rows_hold_in_the_interpreter() {
    let rows = suite::read_all().unwrap();
    let report = golden::compare(&mut Interpreter::new(), &rows, &suite::known_failures("interpreter").unwrap());
    assert!(report.is_ok() && report.refused.is_empty(), "{report}");
}

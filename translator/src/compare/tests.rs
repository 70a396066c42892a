//! Differences of outcomes, without a guest.

use super::*;

fn outcome(code: i32, stdout: &[u8], stderr: &[u8]) -> Outcome {
    Outcome { code, stdout: stdout.to_vec(), stderr: stderr.to_vec() }
}

fn two(interpreted: &[u8], translated: &[u8]) -> Outcomes {
    Outcomes { interpreted: outcome(0, interpreted, b""), translated: outcome(0, translated, b""), native: None }
}

/// Line, column and number of common lines shown of the only difference.
fn place(outcomes: &Outcomes) -> (usize, usize, usize) {
    match differences(outcomes).as_slice() {
        [Difference::Output { line, column, before, .. }] => (*line, *column, before.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_outcomes_have_no_differences() {
    let same = outcome(3, b"a\nb", b"e\n");
    let outcomes = Outcomes { interpreted: same.clone(), translated: same.clone(), native: Some(same) };
    assert_eq!(differences(&outcomes), []);
    let text = report(&outcomes, &[]);
    assert!(text.contains("all runs agree") && text.contains("  b (no line end)\n"), "{text}");
}

#[test]
fn the_first_line_that_differs_is_found() {
    assert_eq!(place(&two(b"a\nb\nc\nd\n", b"a\nb\nc\nD\n")), (4, 0, 2));
    assert_eq!(place(&two(b"one", b"one\n")), (1, 3, 0));
    assert_eq!(place(&two(b"one\n", b"one\ntwo\n")), (2, 0, 1));
    assert_eq!(place(&two(b"", b"x")), (1, 0, 0));
    assert_eq!(place(&two(b"\xff\n\xfe\xfd", b"\xff\n\xfe\xfc")), (2, 1, 1));
}

#[test]
fn the_run_that_is_cut_short_is_told() {
    let outcomes = two(b"one\n", b"one\ntwo\nthree\nfour\nfive\n");
    let found = differences(&outcomes);
    let Difference::Output { from, .. } = &found[0] else { panic!("{found:?}") };
    assert_eq!(from[0], (Mode::Interpreted, vec![]));
    assert_eq!(from[1], (Mode::Translated, vec![b"two\n".to_vec(), b"three\n".to_vec(), b"four\n".to_vec()]));
    let text = report(&outcomes, &found);
    assert!(text.contains("interpreted       2 : end of output\n") && text.contains("the runs part"), "{text}");
}

#[test]
fn a_native_run_that_parts_earlier_decides_the_line() {
    let mut outcomes = two(b"a\nb\nc\n", b"a\nb\nC\n");
    outcomes.native = Some(outcome(1, b"a\nB\nc\n", b"warning\n"));
    let found = differences(&outcomes);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0], Difference::ExitCode(vec![(Mode::Interpreted, 0), (Mode::Translated, 0), (Mode::Native, 1)]));
    assert!(matches!(&found[1], Difference::Output { stream: Stream::Stdout, line: 2, .. }));
    assert!(matches!(&found[2], Difference::Output { stream: Stream::Stderr, line: 1, .. }));
}

#[test]
fn long_and_unprintable_lines_are_shown_around_the_difference() {
    let (mut one, mut other) = (vec![b'x'; 500], vec![b'x'; 500]);
    (one[400], other[400]) = (b'1', 0x1b);
    let outcomes = two(&one, &other);
    let text = report(&outcomes, &differences(&outcomes));
    assert!(text.contains("x1x") && text.contains("\\u{1b}") && text.lines().all(|line| line.len() < 200), "{text}");
}

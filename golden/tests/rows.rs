//! The row files on the host's processor, and what the format refuses.

use golden::compare::KnownFailures;
use golden::row::Row;

/// `BLESS=1` rewrites the outputs instead.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn rows_hold_on_the_host_processor() {
    use golden::{oracle::Oracle, suite};
    let mut oracle = Oracle::new().unwrap();
    if std::env::var_os("BLESS").is_some() {
        suite::files().unwrap().iter().for_each(|file| suite::bless(file, &mut oracle).unwrap());
    }
    let rows = suite::read_all().unwrap();
    assert!(rows.len() > 1000, "only {} rows: rows/ is incomplete", rows.len());
    let report = golden::compare(&mut oracle, &rows, &suite::known_failures("host").unwrap());
    assert!(report.is_ok() && report.refused.is_empty(), "{report}");
}

#[test]
fn printing_a_row_gives_the_line_back() {
    for file in golden::suite::files().unwrap() {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let row = Row::parse(line).unwrap();
            assert_eq!(Row::print(&row.case, row.expected.as_ref()), line, "{}", file.display());
        }
    }
}

#[test]
fn malformed_rows_are_refused_with_what_was_expected() {
    #[rustfmt::skip]
    let cases = [
        ("48 01 d8 (add rax,rcx) | rax=1", "the text says `add rax,rcx`, the bytes say `add rax,rbx`"),
        ("48 01 d8",                       "expected `bytes (text) | inputs => outputs`"),
        ("4 01 d8 |",                      "expected hexadecimal bytes"),
        (" |",                             "expected hexadecimal bytes"),
        ("0f 05 |",                        "calls the operating system"),
        ("90 | rax=g",                     "expected a hexadecimal number"),
        ("90 | rsx=1",                     "no register of this name"),
        ("90 | xmm16=1",                   "register number below 16"),
        ("90 | ymm1=é",                    "invalid digit"),
        ("90 | st0=111111111111111111111", "at most 80 bits"),
        ("90 | flags=Q",                   "no flag has the letter `Q`"),
        ("90 | [10002000]=00",             "in the window or the read-only page"),
        ("90 | [ffffffffffffffff]=0000",   "in the window or the read-only page"),
        ("90 | fsbase=800000000000",       "an address of user space"),
        ("90 | => #PF(10,q)",              "access `q` is none of r, w, x"),
        ("90 | => #XX",                    "expected one of #DE"),
    ];
    for (line, expected) in cases {
        let error = format!("{:#}", Row::parse(line).expect_err(line));
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn known_failures_need_a_reason_and_must_still_fail() {
    struct Echo;
    impl golden::Executor for Echo {
        fn name(&self) -> &str {
            "echo"
        }
        fn run(&mut self, case: &golden::Case) -> golden::Outcome {
            golden::Outcome { end: golden::End::Done, rip: case.code().len() as i64, state: case.state.clone() }
        }
    }
    let rows = ["48 ff c0 (inc rax) | => rax=1", "90 (nop) | => rip=1"].map(|row| Row::parse(row).unwrap());
    let list = "echo: 48 ff c0 | ## not written yet\necho: 90 | ## stale\nother: 90 | ## not of this executor\n";
    let report = golden::compare(&mut Echo, &rows, &KnownFailures::parse(list, "echo").unwrap());
    assert_eq!((report.passed, report.known, report.failed), (1, 1, 0));
    assert_eq!(report.fixed, ["90 (nop) |"]);
    assert!(!report.is_ok());
    assert!(KnownFailures::parse("echo: 90 | ## \n", "echo").is_err());
}

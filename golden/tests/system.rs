//! System mode: the bare kernels of `golden/system`, in the interpreter and in QEMU.
//!
//! `INSTA_UPDATE=always cargo test -p golden --test system` blesses the interpreter's text.

use golden::system::{For, assemble, case_of, departures, emulate, interpret, kernels, require};
use kernel_snapshot::testing;

/// The lines whose cases are compared.
fn compared<'a>(text: &'a str, kernel: &str) -> Vec<&'a str> {
    let departs = departures(kernel).unwrap();
    text.lines().filter(|line| !departs.contains(case_of(line))).collect()
}

#[test]
fn bare_kernels_say_what_the_manual_and_qemu_say() {
    if let Err(reason) = require("binutils", "as") {
        return testing::skipped(&format!("{reason:#}"));
    }
    let qemu = require("qemu-system-x86", "qemu-system-x86_64");
    if let Err(reason) = &qemu {
        testing::skipped(&format!("nothing is compared with QEMU: {reason:#}"));
    }
    let mut wrong = Vec::new();
    for kernel in kernels().unwrap() {
        let text = interpret(&assemble(&kernel, For::Runtime).unwrap()).unwrap_or_else(|error| format!("{error:#}"));
        for case in departures(&kernel).unwrap() {
            assert!(text.lines().any(|line| case_of(line) == case), "departures.txt: {kernel} has no case {case:?}");
        }
        if qemu.is_ok() {
            let emulated = emulate(&assemble(&kernel, For::Qemu).unwrap()).unwrap();
            let (ours, theirs) = (compared(&text, &kernel), compared(&emulated, &kernel));
            let parted = (0..ours.len().max(theirs.len())).find(|&i| ours.get(i) != theirs.get(i));
            wrong.extend(parted.map(|i| format!("{kernel}: {:?}, QEMU: {:?}", ours.get(i), theirs.get(i))));
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("system-{kernel}"), text);
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

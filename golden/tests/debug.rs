//! Debugging in the guest: `test-images/src/debug.c` steps and watches code that was translated. What it counts is what an x86-64
//! processor counts.

use golden::images::{Converted, Mode, Run};
use test_images::debug::CASES;

#[test]
fn steps_and_breakpoints_see_every_instruction() {
    let image = Converted::new(&test_images::debug().unwrap(), "/bin/debug train").unwrap();
    let mut wrong = Vec::new();
    for (case, expected) in CASES {
        let run = Run { command: vec![case.into()], ..Run::default() };
        for mode in Mode::ALL {
            let outcome = image.run(mode, &run).unwrap();
            let text =
                String::from_utf8_lossy(&outcome.stdout).into_owned() + &String::from_utf8_lossy(&outcome.stderr);
            if outcome.code != 0 || text != expected {
                wrong.push(format!("{mode:?}: exit {}, {text:?}, expected {expected:?}", outcome.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

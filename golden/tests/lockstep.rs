//! Lockstep: translated code and the interpreter are in the same state after the same number of instructions.
//!
//! A run that parts prints the last state that agreed and the first that did not; `--hash-every N,FROM` with a smaller N
//! then finds the instruction.

use golden::images::{Converted, Mode, Outcome, Run, busybox};
use translator::convert::Stage;

/// Instructions from one state to the next.
const STEP: &str = "500000";
/// Fewer states would say that the session did not run.
const LEAST: usize = 20;

fn states(outcome: &Outcome) -> Vec<String> {
    let text = String::from_utf8_lossy(&outcome.stderr);
    text.lines().filter(|line| line.starts_with("state ")).map(str::to_owned).collect()
}

#[test]
fn a_shell_session_is_the_same_at_every_instruction_count() {
    let image = busybox().unwrap();
    let script = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; ls -l / | sort | sed s/root/user/; cat; \
        seq 1 500 | awk '{ s += $1 * 0.5 } END { print s }'; head -c 20000 /dev/zero | gzip | sha256sum; \
        sh -c 'kill -9 $$'; (sleep 1; echo slept) & wait; id; date; echo end $?";
    let mut run = Run::shell(script);
    run.stdin = b"standard input\n".to_vec();
    agree(image, run);
}

#[test]
fn a_boot_is_the_same_at_every_instruction_count() {
    let script = "ls /; echo end $?";
    let image = Converted::at(Stage::PowerUp, &test_images::busybox().unwrap(), script).unwrap();
    agree(&image, Run::shell(script));
}

/// Runs both ways and compares the states. The run ends with a line `end 0`.
fn agree(image: &Converted, mut run: Run) {
    run.options = vec!["--hash-every".into(), STEP.into()];
    let [translated, interpreted] = Mode::ALL.map(|mode| image.run(mode, &run).unwrap());
    let text = String::from_utf8_lossy(&interpreted.stdout);
    assert_eq!((interpreted.code, &interpreted.stdout), (translated.code, &translated.stdout));
    assert!(text.ends_with("end 0\n"), "{text}{}", String::from_utf8_lossy(&interpreted.stderr));
    let (translated, interpreted) = (states(&translated), states(&interpreted));
    assert!(interpreted.len() >= LEAST, "only {} states", interpreted.len());
    let parted = (0..interpreted.len().max(translated.len())).find(|&i| translated.get(i) != interpreted.get(i));
    if let Some(at) = parted {
        let before = at.checked_sub(1).map(|last| &interpreted[last]);
        panic!("same: {before:?}\ntranslated: {:?}\ninterpreted: {:?}", translated.get(at), interpreted.get(at));
    }
}

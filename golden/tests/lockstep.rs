//! Lockstep: translated code and the interpreter are in the same state after the same number of instructions.
//!
//! A run that parts prints the last state that agreed and the first that did not; `--hash-every N,FROM` with a smaller N
//! then finds the instruction.

use golden::images::{self, Converted, Directory, Mode, Outcome, Run, busybox};
use std::path::Path;
use std::process::{Command, Stdio};
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

#[test]
fn a_snapshot_goes_from_native_to_wasm_and_back() {
    let image = busybox().unwrap();
    let script = "i=0; while [ $i -lt 900 ]; do i=$((i+1)); echo $i | sed s/1/one/; done; head -c 8 /dev/urandom | od -x; \
        date; sleep 3; date; echo end $?";
    let mut run = Run::shell(script);
    run.options = vec!["--hash-every".into(), STEP.into()];
    let whole = image.run(Mode::Translated, &run).unwrap();
    let middle = states(&whole).len() / 2;
    let retired = count(&states(&whole)[middle]);

    // The machine came from a native boot; now it runs as Wasm, translated, and is saved on the way.
    let directory = tempfile::tempdir().unwrap();
    let mut first = run.clone();
    first.dirs = vec![Directory { host: directory.path().into(), guest: "/out".into(), read_only: false }];
    first.options.push(format!("--snapshot-at={retired},/out/snapshot"));
    let saved = image.run(Mode::Translated, &first).unwrap();
    assert_eq!((&saved.stdout, states(&saved)), (&whole.stdout, states(&whole)));

    // From there it goes on natively, and ends as the run that was never interrupted.
    std::fs::write(directory.path().join("image"), images::root(&test_images::busybox().unwrap()).unwrap()).unwrap();
    let resumed = resume(directory.path(), &run);
    let error = String::from_utf8_lossy(&resumed.stderr);
    let (whole_states, resumed_states) = (states(&whole), states(&resumed));
    let differ = whole_states[middle + 1..].iter().zip(&resumed_states).find(|(whole, resumed)| whole != resumed);
    assert_eq!(differ, None, "{error}");
    assert_eq!(resumed_states.len(), whole_states.len() - middle - 1, "{error}");
    assert!(!resumed.stdout.is_empty() && resumed.stdout.len() < whole.stdout.len());
    assert!(whole.stdout.ends_with(&resumed.stdout), "{}", String::from_utf8_lossy(&resumed.stdout));
    assert_eq!(resumed.code, whole.code);
}

/// The instruction count of a state.
fn count(state: &str) -> u64 {
    state.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Goes on natively with `snapshot` and `image` of a directory.
fn resume(directory: &Path, run: &Run) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_native-runtime"));
    for name in ["snapshot", "image"] {
        command.arg(format!("--{name}")).arg(directory.join(name));
    }
    let output = command.args(&run.options).stdin(Stdio::null()).output().unwrap();
    Outcome { code: output.status.code().unwrap(), stdout: output.stdout, stderr: output.stderr }
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

//! Machines that were saved while their program ran: modules that begin in the middle of one, and checkpoints of a run.

use crate::hosts::{stock, stock_run};
use crate::module::{busybox, directory, entrypoint, generated, listening};
use crate::process::{Piped, prelift_run_of};
use crate::pty::{PROMPT, Terminal};
use rustix::process::Signal;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

fn with_input(command: &mut Command, input: &str) -> (Option<i32>, String, String) {
    let program = Piped::spawn(command.stdin(Stdio::piped()));
    program.stdin.as_ref().unwrap().write_all(input.as_bytes()).unwrap();
    let (status, stdout, stderr) = program.finish();
    (status.code(), stdout, stderr)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_module_begins_where_its_program_waits() {
    let module = entrypoint();
    let mut random = Vec::new();
    let own = prelift_run_of(module, &[], &[]);
    for mut command in [own, stock(&[], module), prelift_run_of(module, &["--interpret"], &[])] {
        let (code, stdout, stderr) = with_input(&mut command, "hello\n");
        assert_eq!((code, stderr.as_str()), (Some(3), "on stderr\n"), "{command:?}: {stdout}");
        let lines: Vec<&str> = stdout.lines().collect();
        let [ready, got, date, uptime, bytes] = lines[..] else { panic!("{command:?}: {stdout}") };
        assert_eq!((ready, got), ("ready", "got hello"));
        assert!(now().abs_diff(date.parse().unwrap()) <= 10, "{command:?}: {stdout}");
        // No more than the start-up of a guest and what this run took.
        assert!(uptime.split('.').next().unwrap().parse::<u64>().unwrap() < 60, "{command:?}: {stdout}");
        random.push(bytes.to_owned());
    }
    random.sort();
    random.dedup();
    assert_eq!(random.len(), 3, "random numbers repeat: {random:?}");
}

#[test]
fn a_module_begins_where_something_listens() {
    let module = listening();
    for mut command in [prelift_run_of(module, &[], &[]), stock(&[], module)] {
        let (code, stdout, stderr) = with_input(&mut command, "a request\n");
        assert_eq!((code, &*stdout, &*stderr), (Some(0), "starting\na request\n", ""), "{command:?}");
    }
}

#[test]
fn code_that_the_program_made_before_is_translated() {
    let mut command = prelift_run_of(generated(), &["--stats=json"], &[]);
    let (code, stdout, stderr) = with_input(&mut command, "go on\n");
    assert!(code == Some(0) && stdout.starts_with("made\ngenerated right "), "exit {code:?}: {stdout}{stderr}");
    let stats: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert!(stats["instructions"].as_u64().unwrap() > 3_000_000, "{stderr}");
    assert!(stats["translated_share"].as_f64().unwrap() > 0.9, "{stderr}");
}

#[test]
fn what_only_a_start_can_do_is_refused() {
    for (options, args, expected) in [
        (&[][..], &["sh"][..], "arguments: the program has started already"),
        (&["--user", "nobody"], &[], "--user: the program has started already"),
        (&["--env", "A=b"], &[], "variables: the program has started already"),
        (&["--tty"], &[], "the program that goes on has pipes"),
        (
            &["--dir", "/tmp::/data"],
            &[],
            "has these directories of the host: none; expected the same ones, in this order; found /data",
        ),
    ] {
        let (code, stdout, stderr) = with_input(&mut prelift_run_of(entrypoint(), options, args), "");
        assert_eq!((code, stdout.as_str()), (Some(125), ""), "{options:?} {args:?}");
        assert!(stderr.contains(expected), "{options:?} {args:?}: {stderr}");
    }
}

#[test]
fn a_signal_saves_a_run_that_another_goes_on_with() {
    let place = tempfile::tempdir_in(directory()).unwrap();
    let file = place.path().join("saved");
    let (path, shared) = (file.to_str().unwrap(), place.path().join("shared"));
    std::fs::create_dir(&shared).unwrap();
    let preopen = format!("{}::/shared", shared.display());
    let script = "exec 3>/shared/log; echo begun >&3; echo ready; read line; echo $line >&3; cat /shared/log; exit 9";
    let options = ["--dir", &preopen, "--checkpoint", path];
    let mut program = Piped::spawn(prelift_run_of(busybox(), &options, &["sh", "-c", script]).stdin(Stdio::piped()));
    program.stdout.expect("ready\n");
    program.process.signal(Signal::USR2);
    let told = program.stderr.expect("\n");
    assert!(told.starts_with("prelift: saved to "), "{told}");
    assert_eq!(program.process.end().code(), Some(0));
    let resume = ["--dir", &preopen, "--resume", path];
    let (code, stdout, stderr) = with_input(&mut prelift_run_of(busybox(), &resume, &[]), "more\n");
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(9), "begun\nmore\n", ""));
    // The stock command has the file in a directory that is not the container's.
    let own = format!("{}::/own", place.path().display());
    let mut stock = stock_run(&["--dir", &preopen, "--dir", &own], &["--resume", "/own/saved"]);
    let (code, stdout, _) = with_input(&mut stock, "again\n");
    assert_eq!((code, stdout.as_str()), (Some(9), "begun\nagain\n"));
    let other = with_input(&mut prelift_run_of(entrypoint(), &["--resume", path], &[]), "");
    assert!(other.0 == Some(125) && other.2.contains("expected"), "{other:?}");
}

#[test]
fn memory_that_a_run_added_is_saved_with_it() {
    let place = tempfile::tempdir_in(directory()).unwrap();
    let file = place.path().join("saved");
    let path = file.to_str().unwrap();
    // Zeros fill the RAM that the machine booted with, so that what follows is in the RAM that was added.
    let script = "dd if=/dev/zero of=/m/zeros bs=1M count=160 2>/dev/null; \
                  for part in 1 2 3 4; do echo $part$part$part; cat /bin/busybox; done >/m/one; md5sum </m/one >/m/sum; \
                  echo ready; read line; md5sum </m/one | cmp - /m/sum && echo same; \
                  dd if=/dev/zero of=/m/more bs=1M count=160 2>/dev/null && echo room; cat /sys/fs/cgroup/memory.max";
    let options = ["--memory", "600m", "--tmpfs", "/m:size=1g", "--checkpoint", path];
    let mut program = Piped::spawn(prelift_run_of(busybox(), &options, &["sh", "-c", script]).stdin(Stdio::piped()));
    program.stdout.expect("ready\n");
    program.process.signal(Signal::USR2);
    assert!(program.stderr.expect("\n").starts_with("prelift: saved to "));
    assert_eq!(program.process.end().code(), Some(0));
    let own = format!("{}::/own", place.path().display());
    let mut stock = stock_run(&["--dir", &own], &["--resume", "/own/saved"]);
    for command in [&mut prelift_run_of(busybox(), &["--resume", path], &[]), &mut stock] {
        let (code, stdout, stderr) = with_input(command, "more\n");
        assert_eq!((code, &*stderr), (Some(0), ""), "{command:?}: {stdout}");
        assert_eq!(stdout, "same\nroom\n629145600\n", "{command:?}");
    }
    let (code, _, stderr) = with_input(&mut prelift_run_of(busybox(), &["--resume", path, "--memory", "1g"], &[]), "");
    assert!(code == Some(125) && stderr.contains("--memory: the program has started already"), "{stderr}");
}

#[test]
fn a_key_saves_a_terminal_that_another_run_goes_on_with() {
    let place = tempfile::tempdir_in(directory()).unwrap();
    let path = place.path().join("saved");
    let path = path.to_str().unwrap();
    let mut terminal = Terminal::on(prelift_run_of(busybox(), &["--checkpoint", path], &["sh"]), (30, 90));
    terminal.output.expect(PROMPT);
    assert_eq!(terminal.line("x=kept; echo set"), "x=kept; echo set\r\nset\r\n");
    terminal.keys("\u{1d}");
    terminal.output.expect("saved to ");
    assert_eq!(terminal.process.end().code(), Some(0));
    let mut terminal = Terminal::on(prelift_run_of(busybox(), &["--resume", path], &[]), (40, 100));
    // The shell draws its line anew as the size changes.
    terminal.keys("echo $x; stty size\r");
    terminal.output.expect("\nkept\r\n40 100\r\n");
}

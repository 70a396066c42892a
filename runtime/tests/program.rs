//! The runtime as a native program, with a real guest: arguments, streams and exit codes.

use anyhow::Result;
use kernel_snapshot::cache::Cache;
use kernel_snapshot::ready::{self, ReadyRequest};
use kernel_snapshot::{guest, testing};
use runtime::memory::ImageSource;
use runtime::snapshot::Snapshot;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const CONFIG: &str = r#"{"Entrypoint":["/bin/busybox"],"Cmd":["echo","default"],"Env":["PATH=/bin","FOO=image"]}"#;

/// A directory with `snapshot`, `image` and `config`, made once.
fn machine() -> &'static Path {
    static MACHINE: OnceLock<PathBuf> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
        fs::create_dir_all(&directory).unwrap();
        let image = testing::busybox_image(&directory).unwrap();
        make_snapshot(&directory, &fs::read(testing::vmlinux().unwrap()).unwrap(), &ImageSource::of_bytes(image))
            .unwrap();
        fs::write(directory.join("config"), CONFIG).unwrap();
        directory
    })
}

fn make_snapshot(directory: &Path, vmlinux: &[u8], image: &ImageSource) -> Result<()> {
    let init = guest::init_binary(&Cache::of_user()?, &|line| eprintln!("{line}"))?;
    let request = ReadyRequest {
        vmlinux,
        init: &init,
        ram_size: 128 << 20,
        level: x86::Level::default(),
        image,
        drive: false,
        extra: "",
    };
    let mut session = ready::boot(&request, &|line| eprintln!("{line}"))?;
    let snapshot = Snapshot::take(&mut session, request.boot_digest().0);
    Ok(snapshot.write(&mut File::create(directory.join("snapshot"))?)?)
}

fn program(machine: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift-runtime"));
    for (option, file) in [("--snapshot", "snapshot"), ("--image", "image"), ("--image-config", "config")] {
        command.arg(option).arg(machine.join(file));
    }
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs with `input` through a pipe.
fn run(machine: &Path, words: &[&str], input: &[u8]) -> Output {
    let mut child = program(machine, words).stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that ends early leaves the pipe.
    let feeder = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn arguments_environment_streams_and_exit_code_are_the_programs() {
    let machine = machine();
    let script = "echo $FOO $BAR; read line; echo got $line >&2; uname -n; pwd; exit 3";
    let options = ["--env", "BAR=option", "--hostname=box", "--workdir", "/tmp"];
    let words = [&options[..], &["sh", "-c", script]].concat();
    let expected = (Some(3), "image option\nbox\n/tmp\n".to_owned(), "got a line\n".to_owned());
    assert_eq!(texts(&run(machine, &words, b"a line\nmore")), expected);
    assert_eq!(texts(&run(machine, &[], b"")), (Some(0), "default\n".to_owned(), String::new()));
    let words = ["--entrypoint=/bin/busybox", "--", "echo", "--stats"];
    assert_eq!(texts(&run(machine, &words, b"")).1, "--stats\n");
}

#[test]
fn input_of_every_kind_arrives_and_ends() {
    let machine = machine();
    let long: Vec<u8> = (0..300_000u32).map(|i| (i * 7 % 251) as u8).collect();
    assert!(run(machine, &["cat"], &long).stdout == long);
    let file = machine.join("long");
    fs::write(&file, &long).unwrap();
    for switch in ["--interpret", "--deterministic"] {
        let output = program(machine, &[switch, "cat"]).stdin(File::open(&file).unwrap()).output().unwrap();
        assert!(output.stdout == long, "{switch}: {} bytes", output.stdout.len());
    }
    assert_eq!(texts(&program(machine, &["cat"]).output().unwrap()), (Some(0), String::new(), String::new()));
}

#[test]
fn codes_that_hosts_do_not_pass_on_are_named() {
    let machine = machine();
    let words = ["--exact-exit", "sh", "-c", "exit 137"];
    assert_eq!(texts(&run(machine, &words, b"")), (Some(137), String::new(), String::new()));
    let (code, _, error) = texts(&run(machine, &words[1..], b""));
    assert_eq!((code, error.as_str()), (Some(125), "prelift: exit code 137\n"));
}

#[test]
fn a_reader_that_leaves_ends_the_program() {
    let machine = machine();
    let mut child = program(machine, &["--exact-exit", "yes"]).spawn().unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // Process 1 of a container is not killed by SIGPIPE: its write fails.
    assert_eq!((&first, child.wait().unwrap().code()), (b"y\n", Some(1)));
}

#[test]
fn deterministic_runs_are_the_same() {
    let machine = machine();
    let script = "head -c 16 /dev/urandom | od -x; sleep 5; date; cat | wc -c; uname -n";
    let ran = [(); 2].map(|()| {
        let output = run(machine, &["--deterministic", "--stats=json", "sh", "-c", script], &[b'x'; 100_000]);
        let (code, out, stats) = texts(&output);
        let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
        assert!(out.contains("100000\nprelift\n"), "{out}");
        (code, out, stats["instructions"].as_u64().unwrap())
    });
    assert!(ran[0].2 > 1_000_000);
    assert_eq!(ran[0], ran[1]);
    let random = ["sh", "-c", "head -c 16 /dev/urandom | od -x"];
    assert_ne!(run(machine, &random, b"").stdout, run(machine, &random, b"").stdout);
}

#[test]
fn a_run_that_was_saved_goes_on() {
    let machine = machine();
    let file = machine.join("saved");
    let path = file.to_str().unwrap();
    let script = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo $i; sleep 0.05; done
        read line; echo got $line; date +%s; head -c 16 /dev/urandom | od -x; exit 7";
    let words = ["--checkpoint", path, "--checkpoint-after=0.7", "sh", "-c", script];
    let mut child = program(machine, &words).stdin(Stdio::piped()).spawn().unwrap();
    // Input that is at its end is so in the machine that goes on, too.
    let open = child.stdin.take();
    let (code, begun, told) = texts(&child.wait_with_output().unwrap());
    drop(open);
    assert_eq!((code, told), (Some(0), format!("prelift: saved to {path}\n")));
    let goes_on = |words: &[&str]| texts(&run(machine, &[&["--resume", path], words].concat(), b"a line\n"));
    let ends = [(); 2].map(|()| {
        let (code, rest, told) = goes_on(&[]);
        assert_eq!((code, told), (Some(7), String::new()));
        let all = begun.clone() + &rest;
        let lines: Vec<&str> = all.lines().collect();
        let counted: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
        assert_eq!(lines[..40], counted, "{all}");
        assert_eq!(lines[40], "got a line");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(lines[41].parse().unwrap()) <= 5, "{all}");
        lines[42].to_owned()
    });
    assert_ne!(ends[0], ends[1], "the same random numbers in two runs");
    // Saved again, it goes on from there.
    let again = goes_on(&["--checkpoint", path, "--checkpoint-after", "0.1", "--leave-running"]);
    assert_eq!((again.0, again.2), (Some(7), format!("prelift: saved to {path}\n")));
    assert_eq!(goes_on(&[]).0, Some(7));
    for (words, expected) in [
        (&["sh"][..], "arguments: the program has started already"),
        (&["--env=A=b"], "variables: the program has started already"),
        (&["--tty"], "the program that goes on has pipes"),
        (&["--deterministic", "--checkpoint=x"], "--checkpoint and --deterministic exclude each other"),
        (&["--leave-running"], "expected --checkpoint FILE"),
    ] {
        let (code, out, error) = goes_on(words);
        assert_eq!((code, out.as_str()), (Some(125), ""), "{words:?}");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
}

#[test]
fn failures_name_what_is_wrong() {
    let run = |words: &[&str]| {
        texts(&Command::new(env!("CARGO_BIN_EXE_prelift-runtime")).args(words).stdin(Stdio::null()).output().unwrap())
    };
    for (words, expected) in [
        (&["ls"][..], "there is no snapshot to run"),
        (&["--stats=xml"], "--stats: expected json, got \"xml\""),
        (&["--snapshot", "/nonexistent"], "/nonexistent: No such file"),
        (&["--resume", "/nonexistent"], "/nonexistent: No such file"),
        (&["--snapshot", env!("CARGO_BIN_EXE_prelift-runtime")], "this is no snapshot"),
    ] {
        let (code, out, error) = run(words);
        assert_eq!((code, out.as_str()), (Some(125), ""), "{words:?}");
        assert!(error.starts_with("prelift: ") && error.contains(expected), "{words:?}: {error}");
    }
    assert!(run(&["--help"]).1.contains("--entrypoint PROGRAM"));
}

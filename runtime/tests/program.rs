//! The runtime as a native program, with a real guest: arguments, streams and exit codes.
//!
//! `PRELIFT_TEST_VMLINUX` names the kernel; without it, or without mkfs.erofs and a static busybox, the tests are skipped
//! and say why.

use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::guest;
use kernel_snapshot::ready::{self, ReadyRequest};
use runtime::snapshot::Snapshot;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];
const CONFIG: &str = r#"{"Entrypoint":["/bin/busybox"],"Cmd":["echo","default"],"Env":["PATH=/bin","FOO=image"]}"#;

/// A directory with `snapshot`, `image` and `config`, made once; `None` where something is missing.
fn machine() -> Option<&'static Path> {
    static MACHINE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let machine = MACHINE.get_or_init(|| {
        let Some(vmlinux) = std::env::var_os("PRELIFT_TEST_VMLINUX") else {
            eprintln!("skipped: PRELIFT_TEST_VMLINUX does not name a kernel");
            return None;
        };
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
        fs::create_dir_all(&directory).unwrap();
        let image = image(&directory).inspect_err(|error| eprintln!("skipped: {error:#}")).ok()?;
        make_snapshot(&directory, &fs::read(vmlinux).unwrap(), &image).unwrap();
        fs::write(directory.join("config"), CONFIG).unwrap();
        Some(directory)
    });
    machine.as_deref()
}

fn image(directory: &Path) -> Result<Vec<u8>> {
    let program = BUSYBOX.iter().map(Path::new).find(|path| path.is_file()).context("no busybox")?;
    let root = directory.join("root");
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(name))?;
    }
    fs::copy(program, root.join("bin/busybox"))?;
    let file = directory.join("image");
    let output = Command::new("mkfs.erofs").args(["-Enoinline_data", "-T0"]).args([&file, &root]).output();
    let output = output.context("start mkfs.erofs")?;
    ensure!(output.status.success(), "mkfs.erofs: {}", String::from_utf8_lossy(&output.stderr));
    let mut image = fs::read(&file)?;
    image.resize(image.len().next_multiple_of(2 << 20), 0);
    fs::write(&file, &image)?;
    Ok(image)
}

fn make_snapshot(directory: &Path, vmlinux: &[u8], image: &[u8]) -> Result<()> {
    let init = guest::init_binary(&Cache::of_user()?, &|line| eprintln!("{line}"))?;
    let request =
        ReadyRequest { vmlinux, init: &init, ram_size: 128 << 20, level: x86::Level::default(), image, extra: "" };
    let mut session = ready::boot(&request, &|line| eprintln!("{line}"))?;
    let snapshot = Snapshot::take(&mut session, request.boot_digest().0);
    Ok(snapshot.write(&mut File::create(directory.join("snapshot"))?)?)
}

fn program(machine: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift-runtime"));
    for name in ["snapshot", "image", "config"] {
        command.arg(format!("--{name}")).arg(machine.join(name));
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
    let Some(machine) = machine() else { return };
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
    let Some(machine) = machine() else { return };
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
    let Some(machine) = machine() else { return };
    let words = ["--exact-exit", "sh", "-c", "exit 137"];
    assert_eq!(texts(&run(machine, &words, b"")), (Some(137), String::new(), String::new()));
    let (code, _, error) = texts(&run(machine, &words[1..], b""));
    assert_eq!((code, error.as_str()), (Some(125), "prelift: exit code 137\n"));
}

#[test]
fn a_reader_that_leaves_ends_the_program() {
    let Some(machine) = machine() else { return };
    let mut child = program(machine, &["--exact-exit", "yes"]).spawn().unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // Process 1 of a container is not killed by SIGPIPE: its write fails.
    assert_eq!((&first, child.wait().unwrap().code()), (b"y\n", Some(1)));
}

#[test]
fn deterministic_runs_are_the_same() {
    let Some(machine) = machine() else { return };
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
fn failures_name_what_is_wrong() {
    let run = |words: &[&str]| {
        texts(&Command::new(env!("CARGO_BIN_EXE_prelift-runtime")).args(words).stdin(Stdio::null()).output().unwrap())
    };
    for (words, expected) in [
        (&["ls"][..], "there is no snapshot to run"),
        (&["--stats=xml"], "--stats: expected json, got \"xml\""),
        (&["--snapshot", "/nonexistent"], "/nonexistent: No such file"),
        (&["--snapshot", env!("CARGO_BIN_EXE_prelift-runtime")], "this is no snapshot"),
    ] {
        let (code, out, error) = run(words);
        assert_eq!((code, out.as_str()), (Some(125), ""), "{words:?}");
        assert!(error.starts_with("prelift: ") && error.contains(expected), "{words:?}: {error}");
    }
    assert!(run(&["--help"]).1.contains("--entrypoint PROGRAM"));
}

//! The same module under `prelift run`, the stock `wasmtime` command and node: standard input of every kind, arguments,
//! environment, outputs and exit code.

use crate::module::{busybox, directory, publish};
use crate::process::{Piped, prelift_run};
use kernel_snapshot::cache::Cache;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use translator::setup::stock_wasmtime;

const SCRIPT: &str = "cat; echo $FOO; id; echo oops >&2; exit 3";
const TEXT: &str = "first\nsecond";

/// A program for node: `FILE ARGS…`; the variable FOO is passed on, and nothing else.
const NODE_PROGRAM: &str = "\
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
const [file, ...args] = process.argv.slice(2);
const env = 'FOO' in process.env ? { FOO: process.env.FOO } : {};
const wasi = new WASI({ version: 'preview1', args: [file, ...args], env, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
";

/// Where a program's input comes from, and what it is.
type Input<'a> = (&'a str, &'a str, fn(&mut Command) -> &mut Command);

const INPUTS: [Input<'_>; 5] = [
    ("a pipe", TEXT, |command| command.stdin(Stdio::piped())),
    ("a pipe at its end", "", |command| command.stdin(Stdio::piped())),
    ("a file", TEXT, |command| command.stdin(file())),
    ("/dev/null", "", |command| command.stdin(Stdio::null())),
    ("nothing", "", close),
];

/// A file that holds [`TEXT`], at its beginning.
fn file() -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(TEXT.as_bytes()).unwrap();
    file.rewind().unwrap();
    file
}

/// Starts the command with a closed standard input.
fn close(command: &mut Command) -> &mut Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    *command = shell;
    command
}

/// Runs [`SCRIPT`] with every input; `command` starts a container's command in the host.
fn check(host: &str, command: impl Fn(&[&str]) -> Command) {
    for (name, text, connect) in INPUTS {
        let mut command = command(&["sh", "-c", SCRIPT]);
        connect(&mut command);
        let mut program = Piped::spawn(&mut command);
        if let Some(stdin) = &mut program.stdin {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        let (status, stdout, stderr) = program.finish();
        let expected = format!("{text}bar\nuid=0(root) gid=0(root) groups=0(root)\n");
        assert_eq!((stdout, stderr.as_str()), (expected, "oops\n"), "{host}: {name} as standard input");
        assert_eq!(status.code(), Some(3), "{host}: {name} as standard input");
    }
}

#[test]
fn prelift_run_gives_every_input_and_the_exit_code() {
    check("prelift run", |words| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
        command.args(["--quiet", "run", "--env", "FOO=bar"]).arg(busybox()).args(words);
        command
    });
    let (status, _, stderr) = Piped::spawn(prelift_run(&["sh", "-c", "exit 200"]).stdin(Stdio::null())).finish();
    assert_eq!((status.code(), stderr.as_str()), (Some(200), ""));
}

#[test]
fn the_stock_command_gives_every_input_and_the_exit_code() {
    let (_entry, wasmtime) = stock_wasmtime(&Cache::of_user().unwrap(), &|_| ()).unwrap();
    // The same as `wasmtime run` of the module itself, but compiled only once.
    let code = directory().join("busybox.cwasm");
    let compiled = Command::new(&wasmtime).arg("compile").arg(busybox()).arg("-o").arg(&code).status().unwrap();
    assert!(compiled.success());
    let run = |words: &[&str]| {
        let mut command = Command::new(&wasmtime);
        command.args(["run", "--allow-precompiled", "--env", "FOO=bar"]).arg(&code).args(words);
        command
    };
    check("wasmtime", run);
    let (status, _, stderr) = Piped::spawn(run(&["sh", "-c", "exit 200"]).stdin(Stdio::null())).finish();
    assert_eq!((status.code(), stderr.as_str()), (Some(125), "prelift: exit code 200\n"));
}

#[test]
fn node_gives_every_input_and_the_exit_code() {
    if let Err(reason) = Command::new("node").arg("--version").output() {
        eprintln!("skipped: node cannot be run: {reason}");
        return;
    }
    let program = directory().join("run.mjs");
    publish(&program, NODE_PROGRAM.as_bytes());
    check("node", |words| node(&program, words));
    let (status, _, stderr) = Piped::spawn(node(&program, &["--stats", "id"]).stdin(Stdio::null())).finish();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let translated = stderr.lines().find_map(|line| line.strip_prefix("translated ")?.trim().parse::<u64>().ok());
    assert!(translated.is_some_and(|count| count > 0), "expected instructions in translated code, got\n{stderr}");
}

fn node(program: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(program).arg(busybox()).args(words).env("FOO", "bar");
    command
}

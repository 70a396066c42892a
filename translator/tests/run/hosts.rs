//! The same module under `prelift run`, the stock `wasmtime` command and node: standard input of every kind, arguments,
//! environment, outputs and exit code.

use crate::module::{busybox, directory, publish};
use crate::process::{Piped, prelift_run};
use crate::pty::{PROMPT, Terminal};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::testing;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, OnceLock};
use translator::setup::stock_wasmtime;

const SCRIPT: &str = "cat; echo $FOO; id; echo oops >&2; exit 3";
/// More than any buffer on the way holds, and no newline at its end.
static TEXT: LazyLock<String> =
    LazyLock::new(|| (0..150_000).map(|i| format!("{i:06}\n")).chain(["end".into()]).collect());

/// A program for node: `FILE ARGS…`; the variables FOO and PREOPENS (JSON: names and paths) are passed on, and nothing
/// else.
const NODE_PROGRAM: &str = "\
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';
const [file, ...args] = process.argv.slice(2);
const env = 'FOO' in process.env ? { FOO: process.env.FOO } : {};
const preopens = JSON.parse(process.env.PREOPENS ?? '{}');
const wasi = new WASI({ version: 'preview1', args: [file, ...args], env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
";

/// Where a program's input comes from, whether it is [`TEXT`] or at its end, and how it is connected.
type Input = (&'static str, bool, fn(&mut Command) -> &mut Command);

const INPUTS: [Input; 5] = [
    ("a pipe", true, |command| command.stdin(Stdio::piped())),
    ("a pipe at its end", false, |command| command.stdin(Stdio::piped())),
    ("a file", true, |command| command.stdin(file())),
    ("/dev/null", false, |command| command.stdin(Stdio::null())),
    ("nothing", false, close),
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
    for (name, has_text, connect) in INPUTS {
        let text = if has_text { TEXT.as_str() } else { "" };
        let mut command = command(&["sh", "-c", SCRIPT]);
        connect(&mut command);
        let mut program = Piped::spawn(&mut command);
        if let Some(stdin) = &mut program.stdin {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        let (status, stdout, stderr) = program.finish();
        let what = format!("{host}: {name} as standard input");
        assert_same(&what, &stdout, &format!("{text}bar\nuid=0(root) gid=0(root) groups=0(root)\n"));
        assert_eq!((status.code(), stderr.as_str()), (Some(3), "oops\n"), "{what}");
    }
}

/// Compares outputs that are too long to be shown.
fn assert_same(what: &str, got: &str, expected: &str) {
    let same = got.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
    let rest = |text: &str| text.chars().skip(same).take(200).collect::<String>();
    let (got_rest, expected_rest) = (rest(got), rest(expected));
    assert!(got == expected, "{what}: after {same} bytes expected {expected_rest:?}, got {got_rest:?}");
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
    let run = |words: &[&str]| stock_run(&["--env", "FOO=bar"], words);
    check("wasmtime", run);
    let (status, _, stderr) = Piped::spawn(run(&["sh", "-c", "exit 200"]).stdin(Stdio::null())).finish();
    assert_eq!((status.code(), stderr.as_str()), (Some(125), "prelift: exit code 200\n"));
}

#[test]
fn the_stock_command_has_a_shell_on_a_terminal_that_is_raw() {
    let mut shell = Terminal::raw(stock_run(&[], &["--terminal", "31x97", "sh"]));
    shell.output.expect(PROMPT);
    assert_eq!(shell.line("stty size"), "stty size\r\n31 97\r\n");
    shell.start("sleep 1000");
    shell.keys("\x03");
    shell.output.expect(PROMPT);
    shell.line("sh -c 'exit 5'");
    shell.keys("\x04");
    assert_eq!(shell.end().code(), Some(5));
}

/// `wasmtime run` of busybox, with these options.
pub(crate) fn stock_run(options: &[&str], words: &[&str]) -> Command {
    let mut command = stock(&[&["--allow-precompiled"], options].concat(), compiled());
    command.args(words);
    command
}

/// The stock command for a module as it is.
pub(crate) fn stock(options: &[&str], module: &Path) -> Command {
    let (_entry, wasmtime) = stock_wasmtime(&Cache::of_user().unwrap(), &|_| ()).unwrap();
    let mut command = Command::new(&wasmtime);
    command.arg("run").args(options).arg(module);
    command
}

/// The module as the stock command compiles it, once: `wasmtime run` of the module itself does the same every time.
fn compiled() -> &'static Path {
    static CODE: OnceLock<PathBuf> = OnceLock::new();
    CODE.get_or_init(|| {
        let (_entry, wasmtime) = stock_wasmtime(&Cache::of_user().unwrap(), &|_| ()).unwrap();
        let code = directory().join("busybox.cwasm");
        let file = tempfile::NamedTempFile::new_in(directory()).unwrap();
        let status = Command::new(wasmtime).arg("compile").arg(busybox()).arg("-o").arg(file.path()).status().unwrap();
        assert!(status.success(), "wasmtime compile: {status}");
        file.persist(&code).unwrap();
        code
    })
}

#[test]
fn node_gives_every_input_and_the_exit_code() {
    if !has_node() {
        return;
    }
    check("node", node);
    let (status, _, stderr) = Piped::spawn(node(&["--stats", "id"]).stdin(Stdio::null())).finish();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let translated = stderr.lines().find_map(|line| line.strip_prefix("translated ")?.trim().parse::<u64>().ok());
    assert!(translated.is_some_and(|count| count > 0), "expected instructions in translated code, got\n{stderr}");
}

/// Whether node can be run; says so where it cannot.
pub(crate) fn has_node() -> bool {
    let version = Command::new("node").arg("--version").output();
    if let Err(reason) = &version {
        testing::skipped(&format!("node cannot be run: {reason}"));
    }
    version.is_ok()
}

/// node with busybox, which has these directories of the host by their names.
pub(crate) fn node_with_directories(directories: &[(&str, &Path)], words: &[&str]) -> Command {
    node_of_with(busybox(), directories, words)
}

/// The same with another module.
pub(crate) fn node_of_with(module: &Path, directories: &[(&str, &Path)], words: &[&str]) -> Command {
    let entries: Vec<String> = directories.iter().map(|(name, path)| format!("{name:?}: {path:?}")).collect();
    let mut command = node_of(module, words);
    command.env("PREOPENS", format!("{{{}}}", entries.join(", ")));
    command
}

fn node(words: &[&str]) -> Command {
    node_of(busybox(), words)
}

fn node_of(module: &Path, words: &[&str]) -> Command {
    let program = directory().join("run.mjs");
    publish(&program, NODE_PROGRAM.as_bytes());
    let mut command = Command::new("node");
    // Else node 20 may throw the program's own code away while the module runs.
    command.args(["--no-warnings", "--no-flush-bytecode"]).arg(program).arg(module).args(words).env("FOO", "bar");
    command
}

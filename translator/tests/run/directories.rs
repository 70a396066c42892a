//! Directories of the host: what a script does in one is what it does on the host, under every runtime.

use crate::hosts::{has_node, node_with_directories, stock_run};
use crate::module::busybox;
use crate::process::Piped;
use std::path::Path;
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("../../../kernel-snapshot/tests/directories.sh");

fn output(command: &mut Command) -> String {
    let (_, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    assert_eq!(stderr, "", "{command:?}");
    stdout
}

/// What the host's own shell prints in `directory`.
fn native(directory: &Path) -> String {
    output(Command::new("busybox").args(["sh", "-c", SCRIPT, "sh"]).arg(directory).env("LC_ALL", "C"))
}

/// Runs the script in a directory of the host by `command`, which gets what the container is to have and its command.
fn check(host: &str, command: impl Fn(&Path, &[&str]) -> Command) {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = native(here.path());
    assert!(expected.ends_with("end\n"), "{expected}");
    let got = output(&mut command(there.path(), &["sh", "-c", SCRIPT, "sh", "/data"]));
    assert_eq!(got, expected, "{host}");
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 0, "{host}: the directory is empty again");
    let write = "echo container > /data/new; cat /data/old; stat -c %s /data/old";
    std::fs::write(there.path().join("old"), "host\n").unwrap();
    assert_eq!(output(&mut command(there.path(), &["sh", "-c", write])), "host\n5\n", "{host}");
    assert_eq!(std::fs::read(there.path().join("new")).unwrap(), b"container\n", "{host}");
}

fn prelift_run(directories: &[String], words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
    command.args(["--quiet", "run"]);
    command.args(directories.iter().flat_map(|directory| ["--dir", directory]));
    command.arg(busybox()).args(words);
    command
}

#[test]
fn prelift_run_has_the_hosts_directories() {
    check("prelift run", |directory, words| prelift_run(&[format!("{}::/data", directory.display())], words));
}

#[test]
fn the_stock_command_has_the_hosts_directories() {
    check("wasmtime", |directory, words| stock_run(&["--dir", &format!("{}::/data", directory.display())], words));
}

#[test]
fn node_has_the_hosts_directories() {
    if has_node() {
        check("node", |directory, words| node_with_directories(&[("/data", directory)], words));
    }
}

#[test]
fn the_containers_user_owns_the_hosts_directories() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("old"), "").unwrap();
    let script = "stat -c '%u:%g %n' /data /data/*; touch /data/new && stat -c '%u:%g' /data/new";
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
    command.args(["--quiet", "run", "--user", "3:4", "--dir"]).arg(format!("{}::/data", host.path().display()));
    command.arg(busybox()).args(["sh", "-c", script]);
    assert_eq!(output(&mut command), "3:4 /data\n3:4 /data/old\n3:4\n");
}

#[test]
fn several_directories_one_of_them_read_only() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(two.path().join("file"), "text\n").unwrap();
    let directories =
        [format!("{}::/in/one", one.path().display()), format!("{}::/in/one/two:ro", two.path().display())];
    let script = "cd /in/one/two; cat file; echo x 2>&1 > file; rm file 2>&1; touch ../file; ls ..; mount | grep -c 9p";
    let got = output(&mut prelift_run(&directories, &["sh", "-c", script]));
    let expected = "text\nsh: can't create file: Read-only file system\n\
                    rm: can't remove 'file': Read-only file system\nfile\ntwo\n2\n";
    assert_eq!(got, expected);
    let (status, _, stderr) = Piped::spawn(&mut prelift_run(&["/tmp::/".to_owned()], &["true"])).finish();
    assert_eq!(status.code(), Some(125));
    assert!(stderr.contains("would cover the container's root"), "{stderr}");
}

//! The command itself: an image from standard input, exit codes of what does not get to run, and output that nobody reads.

use crate::hosts::stock;
use crate::module::{busybox, directory};
use crate::process::{Piped, prelift_run_of};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use test_images::Format;

fn prelift(words: &[&str], input: Stdio) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
    let (status, stdout, stderr) = Piped::spawn(command.args(words).stdin(input)).finish();
    (status.code(), stdout, stderr)
}

/// Converts the archive in a file, as it comes through standard input, trained with a command.
fn convert_standard_input(image: &Path, train: &str, module: &Path) -> (Option<i32>, String, String) {
    let vmlinux = kernel_snapshot::testing::vmlinux().unwrap();
    let words = ["--quiet", "convert", "--coverage", "hot", "--vmlinux", vmlinux.to_str().unwrap(), "--train", train];
    prelift(&[&words[..], &["-", module.to_str().unwrap()]].concat(), File::open(image).unwrap().into())
}

#[test]
fn an_image_may_come_through_standard_input() {
    // The runtime is in the cache then: to build it takes longer than a process may be silent here.
    busybox();
    let place = tempfile::tempdir_in(directory()).unwrap();
    let (image, module) = (place.path().join("image.tar"), place.path().join("m.wasm"));
    test_images::busybox().unwrap().write(Format::DockerSave, &image).unwrap();
    // What is to be known of the training is said though nothing else is.
    let (code, _, stderr) = convert_standard_input(&image, "sh -c 'echo a word; exit 3'", &module);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stderr, "prelift: the training run ended with exit code 3; it last said: a word\n");
    let (status, stdout, _) =
        Piped::spawn(prelift_run_of(&module, &[], &["echo", "hello"]).stdin(Stdio::null())).finish();
    assert_eq!((status.code(), &*stdout), (Some(0), "hello\n"));
    std::fs::write(&image, "no archive").unwrap();
    let (code, _, stderr) = convert_standard_input(&image, "true", &module);
    assert!(code == Some(1) && stderr.starts_with("prelift: error: image -\n"), "{code:?} {stderr}");
}

#[test]
fn what_does_not_get_to_run_is_125_and_other_verbs_have_their_own_codes() {
    let module = busybox().to_str().unwrap();
    for (words, expected) in [
        (&["run", "/nonexistent.wasm"][..], 125),
        (&["--quiet", "run", "--dir", "/nonexistent::/x", module, "true"], 125),
        (&["run", "--bogus", module, "true"], 125),
        (&["run", "--ulimit", "foo=1", module, "true"], 125),
        (&["run", "--help"], 0),
        (&["inspect", "/nonexistent.wasm"], 1),
        (&["inspect", "--bogus", module], 2),
    ] {
        let (code, _, stderr) = prelift(words, Stdio::null());
        assert_eq!(code, Some(expected), "{words:?}: {stderr}");
    }
}

/// As `… | head -1` does it: the program gets SIGPIPE, and nobody is told of an error.
#[test]
fn output_that_nobody_reads_ends_the_program() {
    let script = ["sh", "-c", "yes; echo $? >&2"];
    let mut stock = stock(&[], busybox());
    stock.args(script);
    for mut command in [prelift_run_of(busybox(), &[], &script), stock] {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0; 2]).unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(0), "141\n"), "{command:?}");
    }
}

//! A module whose root file system is in a file of its own: where that is found, and what else may be in its place.

use crate::hosts::{has_node, node_of_with, stock};
use crate::module::{Access, busybox, data, directory, outside};
use crate::process::{Piped, prelift_run_of};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use test_images::layer::random_bytes;

/// Reads all of the image, and looks for directories of the host.
const SCRIPT: &str =
    "md5sum < /data; md5sum < /bin/busybox; ls -d /x /own /shared 2>/dev/null; cat /shared/note 2>/dev/null; true";

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    (status.code(), stdout, stderr)
}

fn md5(path: &Path) -> String {
    let output = Command::new("md5sum").stdin(File::open(path).unwrap()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A directory with copies of module and image.
fn copies(access: Access) -> (TempDir, PathBuf, PathBuf) {
    let place = tempfile::tempdir_in(directory()).unwrap();
    let original = image_of(outside(access));
    let (module, image) = (place.path().join("m.wasm"), place.path().join(original.file_name().unwrap()));
    fs::copy(outside(access), &module).unwrap();
    fs::copy(original, &image).unwrap();
    (place, module, image)
}

fn image_of(module: &Path) -> PathBuf {
    module.with_extension("erofs")
}

#[test]
fn the_image_is_found_by_its_name_and_where_it_is_said_to_be() {
    Access::ALL.into_iter().for_each(is_found);
}

fn is_found(access: Access) {
    let (place, module, image) = copies(access);
    let other = tempfile::tempdir_in(directory()).unwrap();
    fs::write(other.path().join("note"), "a note\n").unwrap();
    fs::write(other.path().join("data"), data()).unwrap();
    // As in the image, whose busybox is in its module too.
    let (_, own, _) = run(&mut prelift_run_of(busybox(), &[], &["sh", "-c", "md5sum < /bin/busybox"]));
    let files = md5(&other.path().join("data")) + &own;
    let shared = format!("{files}/shared\na note\n");
    let moved = other.path().join("moved");
    let here = format!("{}::/x", place.path().display());
    let note = format!("{}::/shared", other.path().display());
    let check = |mut command: Command, expected: &str| {
        assert_eq!(run(&mut command), (Some(0), expected.to_owned(), String::new()), "{command:?}");
    };
    let words = ["sh", "-c", SCRIPT];
    check(prelift_run_of(&module, &[], &words), &files);
    check(prelift_run_of(&module, &["--dir", &note], &words), &shared);
    // The directory with the image is not the container's, the other one is.
    for mut command in [stock(&["--dir", &here], &module), stock(&["--dir", &note, "--dir", &here], &module)] {
        let expected = if command.get_args().any(|word| word == &*note) { &shared } else { &files };
        command.args(words);
        check(command, expected);
    }
    let mut relative = stock(&["--dir", "."], &module);
    relative.current_dir(place.path()).args(words);
    check(relative, &files);
    if has_node() {
        check(node_of_with(&module, &[("/x", place.path()), ("/shared", other.path())], &words), &shared);
    }
    fs::rename(image, &moved).unwrap();
    check(prelift_run_of(&module, &["--image", moved.to_str().unwrap()], &words), &files);
    let own = format!("{}::/own", other.path().display());
    let mut named = stock(&["--dir", &own], &module);
    named.args(["--image", "/own/moved"]).args(words);
    check(named, &files);
}

#[test]
fn what_is_no_image_of_the_module_is_refused() {
    Access::ALL.into_iter().for_each(is_refused);
}

fn is_refused(access: Access) {
    let (place, module, image) = copies(access);
    let whole = fs::read(&image).unwrap();
    let (size, label) = (whole.len(), whole.len() - 4096);
    let name = image.file_name().unwrap().to_str().unwrap();
    let here = format!("{}::/x", place.path().display());
    let refused = |expected: &str| {
        for mut command in [prelift_run_of(&module, &[], &["true"]), stock(&["--dir", &here], &module)] {
            let (code, stdout, stderr) = run(&mut command);
            assert_eq!((code, &*stdout), (Some(125), ""), "{command:?}: {stderr}");
            assert!(stderr.starts_with("prelift: ") && stderr.contains(expected), "{command:?}: {stderr}");
        }
    };
    let expected = format!("expected the module's root file system, a file of {size} bytes; found");
    fs::write(&image, &whole[..size - 1]).unwrap();
    refused(&format!("{name}: {expected} {} bytes", size - 1));
    fs::write(&image, [&*whole, b"!"].concat()).unwrap();
    refused(&format!("{name}: {expected} {} bytes", size + 1));
    let mut other = whole.clone();
    let digits = label + b"prelift image 1\nimage sha256:".len();
    other[digits..digits + 64].fill(b'0');
    fs::write(&image, other).unwrap();
    refused("is of another image: expected sha256:");
    fs::write(&image, vec![0; size]).unwrap();
    refused("expected an image that prelift wrote");
    fs::remove_file(&image).unwrap();
    let missing = run(&mut prelift_run_of(&module, &[], &["true"]));
    assert_eq!((missing.0, &*missing.1), (Some(125), ""));
    let expected = format!("prelift: error: {}: No such file or directory", image.display());
    assert!(
        missing.2.starts_with(&expected) && missing.2.contains(&format!("a file of {size} bytes")),
        "{}",
        missing.2
    );
    for mut command in [stock(&[], &module), stock(&["--dir", &here], &module)] {
        let (code, _, stderr) = run(&mut command);
        let expected = format!(
            "is in the file {name}, {size} bytes: expected it in a directory that the module is given, or --image"
        );
        assert!(code == Some(125) && stderr.contains(&expected), "{command:?}: {stderr}");
    }
    let inside = prelift_run_of(busybox(), &["--image", module.to_str().unwrap()], &["true"]);
    let (code, _, stderr) = run(&mut { inside });
    assert!(code == Some(125) && stderr.contains("--image: the module has its root file system inside"), "{stderr}");
}

#[test]
fn an_image_that_is_cut_under_way_ends_the_run() {
    Access::ALL.into_iter().for_each(is_cut);
}

fn is_cut(access: Access) {
    let (place, module, image) = copies(access);
    let here = format!("{}::/x", place.path().display());
    let script = "echo ready; read line; md5sum < /data; echo went on";
    for mut command in [prelift_run_of(&module, &[], &[]), stock(&["--dir", &here], &module)] {
        fs::copy(image_of(outside(access)), &image).unwrap();
        let mut program = Piped::spawn(command.args(["sh", "-c", script]).stdin(Stdio::piped()));
        program.stdout.expect("ready\n");
        File::options().write(true).open(&image).unwrap().set_len(3 << 20).unwrap();
        program.stdin.as_ref().unwrap().write_all(b"line\n").unwrap();
        let (status, stdout, stderr) = program.finish();
        assert_eq!((status.code(), &*stdout), (Some(125), ""), "{command:?}: {stderr}");
        let name = image.file_name().unwrap().to_str().unwrap();
        // The guest's drive reads as much as the guest asks for.
        let length = if access == Access::Mapped { "65536 bytes at offset" } else { "" };
        assert!(stderr.contains(&format!("{name}: the image cannot be read, {length}")), "{stderr}");
        assert!(stderr.contains("the file ends before"), "{stderr}");
    }
}

/// The most memory that a process has, in bytes, as it says until it has ended well.
fn peak_memory(command: &mut Command) -> u64 {
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")?.trim().parse().ok());
        peak = line.unwrap_or(0u64).max(peak);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{command:?}: {status}");
            return peak << 10;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "tier 2: minutes, and 4 GB of disk"]
fn a_gigabyte_is_converted_in_little_memory() {
    const FILES: u64 = 64;
    /// Twice and a half what it takes for a small image, too.
    const MOST: u64 = 400 << 20;
    let place = tempfile::tempdir_in(directory()).unwrap();
    let root = place.path().join("root");
    for layer in test_images::busybox().unwrap().layers {
        tar::Archive::new(&*layer).unpack(&root).unwrap();
    }
    for number in 0..FILES {
        fs::write(root.join(format!("file{number}")), random_bytes(number, 16 << 20)).unwrap();
    }
    let vmlinux = kernel_snapshot::testing::vmlinux().unwrap();
    let (inside, outside) = (place.path().join("inside.wasm"), place.path().join("outside.wasm"));
    let image = format!("--external-image={}", place.path().join("root.erofs").display());
    for (options, module) in [(&[][..], &inside), (&[&*image], &outside)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
        command.args(["--quiet", "convert", "--train", "/bin/true", "--vmlinux"]).arg(&vmlinux);
        let peak = peak_memory(command.args(options).arg(&root).arg(module));
        assert!(peak < MOST, "{options:?}: {} MiB, expected at most {}", peak >> 20, MOST >> 20);
        let last = format!("/file{}", FILES - 1);
        let (code, stdout, stderr) = run(&mut prelift_run_of(module, &[], &["/bin/busybox", "md5sum", &last]));
        assert_eq!((code, &*stderr), (Some(0), ""));
        let host = md5(&root.join(&last[1..]));
        assert_eq!(stdout.split(' ').next(), host.split(' ').next());
    }
    assert!(fs::metadata(&inside).unwrap().len() > 1 << 30 && fs::metadata(&outside).unwrap().len() < 256 << 20);
}

/// Larger than what wasm32 addresses: the guest has it as a drive, without being told to.
#[test]
#[ignore = "tier 2: minutes, and 10 GB of disk"]
fn an_image_beyond_four_gigabytes_is_a_drive() {
    const FILES: u64 = 9;
    let place = tempfile::tempdir_in(directory()).unwrap();
    let (root, module) = (place.path().join("root"), place.path().join("m.wasm"));
    for layer in test_images::busybox().unwrap().layers {
        tar::Archive::new(&*layer).unpack(&root).unwrap();
    }
    for number in 0..FILES {
        fs::write(root.join(format!("file{number}")), random_bytes(number, 512 << 20)).unwrap();
    }
    let vmlinux = kernel_snapshot::testing::vmlinux().unwrap();
    let convert = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prelift"));
        command.args(["--quiet", "convert", "--train", "/bin/true", "--vmlinux"]).arg(&vmlinux);
        // It is silent for minutes.
        let output = command.args(options).arg(&root).arg(&module).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, stderr) = convert(&[]);
    assert!(code == Some(1) && stderr.contains("--external-image"), "{stderr}");
    let (code, stderr) = convert(&[&format!("--external-image={}", place.path().join("m.erofs").display())]);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(fs::metadata(&module).unwrap().len() < 64 << 20);
    // The end of the last file, which nobody was trained to read.
    let script = format!("tail -c 65536 /file{} | md5sum", FILES - 1);
    let (code, stdout, stderr) = run(&mut prelift_run_of(&module, &[], &["/bin/busybox", "sh", "-c", &script]));
    assert_eq!((code, &*stderr), (Some(0), ""));
    let end = place.path().join("end");
    let bytes = random_bytes(FILES - 1, 512 << 20);
    fs::write(&end, &bytes[bytes.len() - 65536..]).unwrap();
    assert_eq!(stdout, md5(&end));
}

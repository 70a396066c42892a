//! What a container writes is there in the next run with the same state, whichever command runs it and however a run ended.

use crate::hosts::stock_run;
use crate::module::{busybox, entrypoint, world};
use crate::process::{Piped, prelift_run_of};
use kernel_snapshot::testing::skipped;
use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A shell's script in busybox's container, under `prelift run`,
fn prelift(state: &Path, script: &str) -> Command {
    prelift_run_of(busybox(), &["--state", state.to_str().unwrap()], &["sh", "-c", script])
}

/// and under the stock command.
fn stock(state: &Path, script: &str) -> Command {
    let preopen = format!("{}::/state", state.display());
    stock_run(&["--dir", &preopen], &["--state", "/state", "sh", "-c", script])
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    (status.code(), stdout, stderr)
}

/// What a run wrote that has to succeed.
fn output(command: &mut Command) -> String {
    let (code, stdout, stderr) = run(command);
    assert_eq!((code, &*stderr), (Some(0), ""), "{command:?}: {stdout}");
    stdout
}

/// Checks the file system of a layer whose last run came to its end.
fn check_file_system(state: &Path) {
    let mut check = Command::new("e2fsck");
    match check.arg("-fn").arg(format!("{}?offset=4096", state.join("layer").display())).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(reason) => skipped(&format!("a layer is not checked: e2fsck cannot be run: {reason}")),
    }
}

/// Makes, changes and removes files of the container's own and of the image.
const CHANGE: &str = "
    umask 022; cd /; mkdir -p made/inside; echo first > made/file; ln -s file made/link; ln made/file made/other
    chown 12:34 made/file; chmod 6751 made/file; mknod made/null c 1 3; chmod 1777 made
    echo more >> /etc/passwd; rm /etc/group; rm -r /tmp; mkdir -m 700 /tmp; chmod 711 /
    touch -d '2001-02-03 04:05:06' made/inside; echo unsynced > made/last";
/// Shows them.
const SHOW: &str = "
    cd /; stat -c '%n %F %a %u:%g %h %t,%T' made made/file made/link made/other made/null /tmp /
    cat made/file made/link made/last; tail -n 1 /etc/passwd; ls /etc/group /tmp 2>&1; stat -c %y made/inside | cut -c-19";
const SHOWN: &str = "\
made directory 1777 0:0 3 0,0
made/file regular file 6751 12:34 2 0,0
made/link symbolic link 777 0:0 1 0,0
made/other regular file 6751 12:34 2 0,0
made/null character special file 644 0:0 1 1,3
/tmp directory 700 0:0 2 0,0
/ directory 711 0:0 1 0,0
first
first
unsynced
more
ls: /etc/group: No such file or directory
/tmp:
2001-02-03 04:05:06
";

#[test]
fn what_one_run_writes_the_next_one_finds() {
    let commands: [fn(&Path, &str) -> Command; 2] = [prelift, stock];
    for (first, then) in [(0, 1), (1, 0)] {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(output(&mut commands[first](state.path(), CHANGE)), "");
        for second in [then, first] {
            assert_eq!(output(&mut commands[second](state.path(), SHOW)), SHOWN);
        }
        check_file_system(state.path());
        let undo = "rm -r /made; echo back > /etc/group; rm /etc/passwd; exit 9";
        assert_eq!(run(&mut commands[then](state.path(), undo)), (Some(9), String::new(), String::new()));
        let look = "ls -d /made /etc/passwd 2>&1; cat /etc/group; hostname > /tmp/name; mount | grep -c ' / '";
        let gone = "ls: /made: No such file or directory\nls: /etc/passwd: No such file or directory\nback\n1\n";
        assert_eq!(output(&mut commands[first](state.path(), look)), gone);
        check_file_system(state.path());
    }
    let without = prelift_run_of(busybox(), &[], &["sh", "-c", "test -e /made || test -e /etc/group"]);
    assert_eq!(run(&mut { without }).0, Some(0), "the image is as it was");
}

#[test]
fn files_are_larger_than_memory_and_the_host_keeps_what_is_used() {
    let state = tempfile::tempdir().unwrap();
    const LOOK: &str = "cat /large > /dev/null; stat -c %s /large; tail -c 100000 /large | md5sum; df -m / | tail -n 1";
    let write = format!("yes written | dd of=/large bs=1M count=200 iflag=fullblock 2>/dev/null; {LOOK}");
    let wrote = output(&mut prelift(state.path(), &write));
    assert!(wrote.starts_with("209715200\n"), "{wrote}");
    assert_eq!(output(&mut prelift(state.path(), LOOK)), wrote);
    let blocks = std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(state.path().join("layer")).unwrap());
    assert!((200 << 11..260 << 11).contains(&blocks), "{blocks} sectors for a file of 200 MiB");
}

/// Writes files and syncs each before its number is said, beside others that are made, moved and removed without a sync.
const WRITE: &str = "
    mkdir -p /synced /churn
    while :; do mkdir -p /churn/a/b; seq 500 > /churn/a/b/c; mv /churn/a /churn/z; rm -r /churn/z; done &
    i=$(ls /synced | wc -l)
    while :; do
        i=$((i + 1)); yes $i | head -c 30000 | dd of=/synced/new bs=30000 iflag=fullblock conv=fsync 2>/dev/null
        mv /synced/new /synced/$i; sync; echo $i
    done";
/// Checks that the first so many files are whole, and reads everything.
const CHECK: &str = "
    i=0; while [ $i -lt $COUNT ]; do
        i=$((i + 1)); yes $i | head -c 30000 | cmp -s - /synced/$i || echo file $i of $COUNT is not what was synced
    done
    rm -f /synced/new; find /synced /churn -type f -exec cat {} + > /dev/null || echo unreadable; rm -r /churn; ls /synced | wc -l";

/// The clock's last digits are as good as any.
fn random(below: u32) -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros() % below
}

#[test]
fn what_was_synced_survives_a_run_that_is_killed() {
    let state = tempfile::tempdir().unwrap();
    let mut said = 0;
    for _ in 0..6 {
        let mut program = Piped::spawn(prelift(state.path(), WRITE).stdin(Stdio::null()));
        program.stdout.expect("\n");
        std::thread::sleep(Duration::from_millis(random(400).into()));
        program.process.signal(Signal::KILL);
        program.process.end();
        let more = String::from_utf8(program.stdout.rest()).unwrap();
        // A line may be cut.
        let last = more.rsplit_once('\n').and_then(|(lines, _)| lines.rsplit('\n').next()?.parse().ok());
        said = last.unwrap_or(said + 1);
        let found = output(&mut prelift(state.path(), &CHECK.replace("$COUNT", &said.to_string())));
        let found: u32 = found.trim().parse().unwrap_or_else(|_| panic!("{found}"));
        assert!(found >= said, "{said} files were synced, {found} are there");
        said = found;
        check_file_system(state.path());
    }
}

#[test]
fn a_state_is_one_images_and_one_runs() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().to_str().unwrap();
    let mut first = Piped::spawn(prelift(state.path(), "echo up; read line; echo $line").stdin(Stdio::piped()));
    first.stdout.expect("up\n");
    let (code, stdout, stderr) = run(&mut prelift(state.path(), "echo ran"));
    let busy = format!("prelift: error: {path}: another run has this state: expected to be the only one\n");
    assert_eq!((code, stdout, stderr), (Some(125), String::new(), busy));
    assert_eq!(first.finish().0.code(), Some(0), "the first run goes on");
    assert_eq!(output(&mut prelift(state.path(), "echo ran")), "ran\n");
    let (code, stdout, stderr) = run(&mut prelift_run_of(world(), &["--state", path], &["true"]));
    assert_eq!((code, &*stdout), (Some(125), ""));
    assert!(stderr.contains("/layer: the layer belongs to another image: expected image sha256:"), "{stderr}");
    std::fs::write(state.path().join("layer"), "my own notes").unwrap();
    for mut command in [prelift(state.path(), "echo ran"), stock(state.path(), "echo ran")] {
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!((code, &*stdout), (Some(125), ""));
        assert!(
            stderr.contains("/layer: expected a container's layer, which begins with \"prelift layer 1"),
            "{stderr}"
        );
        assert!(stderr.contains("found \"my own notes\""), "{stderr}");
    }
    assert_eq!(std::fs::read_to_string(state.path().join("layer")).unwrap(), "my own notes");
}

#[test]
fn a_file_system_that_is_damaged_is_not_used() {
    let state = tempfile::tempdir().unwrap();
    output(&mut prelift(state.path(), "echo text > /file"));
    let layer = std::fs::File::options().write(true).open(state.path().join("layer")).unwrap();
    // In the superblock, which has a checksum.
    std::os::unix::fs::FileExt::write_all_at(&layer, &[0xff; 16], 4096 + 1024 + 0x60).unwrap();
    let (code, stdout, stderr) = run(&mut prelift(state.path(), "echo ran"));
    assert_eq!((code, &*stdout), (Some(125), ""));
    assert!(stderr.contains("the layer's file system cannot be mounted: expected an ext4"), "{stderr}");
}

#[test]
fn what_does_not_go_with_a_state_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (state, file) = (place.path().join("state"), place.path().join("file"));
    let (path, file) = (state.to_str().unwrap(), file.to_str().unwrap());
    for (module, options, what) in [
        (busybox(), &["--checkpoint", file][..], "--state and --checkpoint exclude each other"),
        (busybox(), &["--resume", busybox().to_str().unwrap()], "this is no snapshot"),
        (entrypoint(), &[], "--state: the program has started already"),
    ] {
        let (code, stdout, stderr) = run(&mut prelift_run_of(module, &[&["--state", path], options].concat(), &[]));
        assert!(code != Some(0) && stdout.is_empty(), "{options:?}");
        assert!(stderr.contains(what), "{options:?}: {stderr}");
        assert!(!state.join("layer").exists(), "{options:?}");
    }
    // The stock command shows a module no directory that it is not told of.
    let (code, _, stderr) = run(&mut stock_run(&[], &["--state", "/nowhere", "true"]));
    assert_eq!(code, Some(125));
    assert!(stderr.contains("/nowhere/layer"), "{stderr}");
}

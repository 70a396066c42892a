//! What a container sees of its world: blessed, and the same that Debian's runc makes on this machine from Docker's defaults.
//!
//! `INSTA_UPDATE=always` blesses. Docker's defaults are those of moby, `daemon/pkg/oci/defaults.go` and `caps/defaults.go`;
//! runc's own are in its `libcontainer/SPEC.md`. Where the host lets no container be made, the comparison is skipped and says
//! why.

use crate::module::world;
use crate::process::{Piped, prelift_run_of};
use kernel_snapshot::testing;
use serde_json::Value;
use std::process::Stdio;
use test_images::{Recipe, runc};

/// The lines of a section of what the probe prints.
pub(crate) fn section<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(&format!("[{name}"))).skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}

/// What the probe prints with these options of `prelift run`.
pub(crate) fn probed(options: &[&str], words: &[&str]) -> String {
    let mut command = prelift_run_of(world(), options, words);
    let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    assert_eq!((status.code(), &*stderr), (Some(0), if options.contains(&"--tty") { "" } else { "error\n" }));
    stdout.replace("\r\n", "\n")
}

/// The text without a limit that the kernel makes of the memory which it and init leave.
fn without_memory(text: &str) -> String {
    const LIMIT: &str = "Max pending signals ";
    let line = |line| if str::starts_with(line, LIMIT) { "Max pending signals: by memory\n" } else { line };
    text.split_inclusive('\n').map(line).collect()
}

#[test]
fn the_images_user_sees_the_blessed_world() {
    let text = probed(&[], &[]);
    assert_eq!(section(&text, "identity")[1], "umask 0022, directory /srv/work, host name image-host");
    assert_eq!(section(&text, "arguments"), ["<default argument>"]);
    insta::assert_snapshot!("user", without_memory(&text));
}

#[test]
fn root_with_a_terminal_sees_the_blessed_world() {
    let options = ["--user", "root", "--tty", "--hostname", "box", "--workdir", "/", "--env", "FROM=option"];
    let text = probed(&options, &["one", "two words"]);
    assert!(section(&text, "status").contains(&"CapBnd:\t00000000a80425fb"), "{text}");
    insta::assert_snapshot!("root", without_memory(&text));
}

/// Sections that depend on the container alone, not on the kernel or on what Docker adds to runc.
const RUNCS: [&str; 6] =
    ["identity", "arguments", "status", "namespaces", "open files of process 1", "what needs privilege"];

#[test]
fn the_world_is_runcs() {
    for user in [(0, 0, &[0, 30][..]), (1000, 1000, &[1000, 29])] {
        let image = test_images::world().unwrap();
        let Some(theirs) = runcs(&image, &runc::config(&image, user, &["one", "two words"])) else { return };
        let name = user.0.to_string();
        let ours = probed(&["--user", &name, "--hostname", runc::HOSTNAME], &["one", "two words"]);
        for name in RUNCS {
            assert_eq!(section(&ours, name), section(&theirs, name), "[{name}] of user {}", user.0);
        }
        for name in MADE {
            assert_made(&ours, &theirs, name);
        }
    }
}

/// What the probe prints under runc; nothing, and why, where the host lets no container be made.
pub(crate) fn runcs(image: &Recipe, config: &Value) -> Option<String> {
    let text = runc::run(image, config);
    text.map_err(|error| testing::skipped(&format!("no container can be made with runc here: {error:#}"))).ok()
}

/// Sections with what a container is made of.
pub(crate) const MADE: [&str; 5] = ["mounts", "devices", "masked", "read-only", "streams"];

/// Says what runc has in a section, and ours not.
pub(crate) fn assert_made(ours: &str, theirs: &str, name: &str) {
    let (ours, theirs) = (section(ours, name), section(theirs, name));
    let missing: Vec<_> = theirs.into_iter().filter(|line| !is_hosts(line) && !ours.contains(line)).collect();
    assert!(missing.is_empty(), "[{name}]: runc has {missing:#?}, and not one of {ours:#?}");
}

/// Lines that say something about the host's kernel or how it mounts control groups, those of what it does not have, and that of
/// `/sys`, whose network namespace runc makes and init does not.
fn is_hosts(line: &str) -> bool {
    let kernels =
        ["/ ", "/sys ", "/sys/fs/cgroup", "/proc/acpi", "/proc/interrupts:", "/proc/keys:", "/proc/timer_list:"];
    kernels.iter().any(|start| line.starts_with(start))
        || line.ends_with(": absent")
        || line.ends_with("nonexistent directory")
}

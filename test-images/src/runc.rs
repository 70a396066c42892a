//! An image run by Debian's runc on the host's kernel, as Docker would run it: what a container is to look like.
//!
//! Capabilities, mounts, masked and read-only paths are Docker's defaults (moby, `daemon/pkg/oci/defaults.go`). Of limits none is
//! set, since the host's own may be lower; there is no seccomp filter. Needs root.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::host::{package_file, run as output};
use crate::pack::Recipe;

/// Host name of the container.
pub const HOSTNAME: &str = "runc-host";

#[rustfmt::skip]
const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",  "CAP_FOWNER",  "CAP_MKNOD",            "CAP_NET_RAW",    "CAP_SETGID",
    "CAP_SETUID", "CAP_SETFCAP",      "CAP_SETPCAP", "CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE",
];

/// Place, kind, source, options.
#[rustfmt::skip]
const MOUNTS: [(&str, &str, &str, &str); 7] = [
    ("/proc",          "proc",   "proc",   "nosuid,noexec,nodev"),
    ("/dev",           "tmpfs",  "tmpfs",  "nosuid,strictatime,mode=755,size=65536k"),
    ("/dev/pts",       "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
    ("/sys",           "sysfs",  "sysfs",  "nosuid,noexec,nodev,ro"),
    ("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro"),
    ("/dev/mqueue",    "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/dev/shm",       "tmpfs",  "shm",    "nosuid,noexec,nodev,mode=1777,size=67108864"),
];

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Runs the image with a [`config`]: what its program writes to its standard output. Errors if runc cannot be had, may not make a
/// container here, or the program does not end with success.
pub fn run(recipe: &Recipe, config: &Value) -> Result<String> {
    let bundle = tempfile::tempdir().context("cannot make a temporary directory")?;
    // Who is root in the container may be nobody here.
    fs::set_permissions(bundle.path(), Permissions::from_mode(0o755)).context("cannot open the bundle to all")?;
    let runc = bundle.path().join("runc");
    fs::write(&runc, package_file("runc", &["/usr/sbin/runc", "/usr/bin/runc"])?).context("cannot write runc")?;
    fs::set_permissions(&runc, Permissions::from_mode(0o755)).context("cannot make runc executable")?;
    unpack(recipe, &bundle.path().join("rootfs"))?;
    fs::write(bundle.path().join("config.json"), config.to_string())
        .context("cannot write the container's configuration")?;
    let mut command = Command::new(&runc);
    command.arg("--root").arg(bundle.path().join("state")).arg("run").current_dir(&bundle);
    let text = output(command.arg(format!("prelift-{}", std::process::id())))?;
    String::from_utf8(text).context("the container's output")
}

fn unpack(recipe: &Recipe, root: &Path) -> Result<()> {
    fs::create_dir(root).context("cannot make a root directory")?;
    for layer in &recipe.layers {
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--preserve-permissions", "--directory"]).arg(root);
        let mut child = tar.stdin(Stdio::piped()).spawn().context("cannot run tar")?;
        std::io::Write::write_all(&mut child.stdin.take().context("a pipe")?, layer).context("cannot feed tar")?;
        ensure!(child.wait()?.success(), "tar cannot unpack the image");
    }
    Ok(())
}

/// The configuration (OCI runtime specification, config.md) that runs the image's entrypoint with these arguments as
/// `(uid, gid, all groups)`.
pub fn config(recipe: &Recipe, (uid, gid, groups): (u32, u32, &[u32]), arguments: &[&str]) -> Value {
    let text = |key: &str| recipe.config[key].as_array().cloned().unwrap_or_default();
    let args: Vec<Value> = text("Entrypoint").into_iter().chain(arguments.iter().map(|&word| json!(word))).collect();
    let mount = |(place, kind, source, options): &(&str, &str, &str, &str)| json!({ "destination": place, "type": kind, "source": source, "options": options.split(',').collect::<Vec<_>>() });
    let namespaces = ["mount", "uts", "pid", "ipc", "network", "cgroup"].map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.2",
        "hostname": HOSTNAME,
        "root": { "path": "rootfs" },
        "process": {
            "user": { "uid": uid, "gid": gid, "additionalGids": groups },
            "args": args,
            "env": text("Env"),
            "cwd": recipe.config["WorkingDir"],
            "capabilities": capabilities(uid),
        },
        "mounts": MOUNTS.iter().map(mount).collect::<Vec<_>>(),
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    })
}

/// Docker's sets: those of another user than root are bounds only.
fn capabilities(uid: u32) -> Value {
    let own: &[&str] = if uid == 0 { &CAPABILITIES } else { &[] };
    json!({ "bounding": CAPABILITIES, "effective": own, "permitted": own, "inheritable": [], "ambient": [] })
}

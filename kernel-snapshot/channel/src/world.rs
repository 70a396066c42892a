//! The container's own namespaces, file systems and devices.
//!
//! [`World::default`] is Docker's (moby, `daemon/pkg/oci/defaults.go`), with what its runc adds: that is the world which init
//! has made before it is told what to run.

use crate::mount::{Mount, NODEV, NOEXEC, NOSUID, RDONLY, STRICTATIME};
use crate::namespaces::Namespaces;
use serde::{Deserialize, Serialize};

/// What is mounted where, and which devices there are. `/dev` has its six nodes and links in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Its namespaces.
    pub namespaces: Namespaces,
    /// File systems, in the order in which they are mounted.
    pub mounts: Vec<Mount>,
    /// Files below `/proc/sys` and what is written to them.
    pub sysctl: Vec<(String, String)>,
    /// Paths behind which nothing is seen.
    pub masked: Vec<String>,
    /// Paths below which nothing is written.
    pub read_only: Vec<String>,
    /// Nodes beside the six.
    pub devices: Vec<Device>,
    /// Which devices may be used beside those of [`DEVICE_RULES`], which come after these: the last one counts.
    pub rules: Vec<DeviceRule>,
    /// Whether `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` are generated, and `/etc/mtab` is there.
    pub generated_files: bool,
}

/// A device's node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its kind.
    pub kind: DeviceKind,
    /// Where: an absolute path.
    pub path: String,
    /// Major and minor number.
    pub number: (u32, u32),
    /// Permissions.
    pub mode: u32,
    /// User and group, as the container has them.
    pub owner: (u32, u32),
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceKind {
    /// Block device.
    Block,
    /// Character device.
    Character,
}

/// Whether devices may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether they may.
    pub allow: bool,
    /// Which ones: of this kind, or any;
    pub kind: Option<DeviceKind>,
    /// with this major number,
    pub major: Option<u32>,
    /// and this minor number.
    pub minor: Option<u32>,
    /// For what: bits of [`MKNOD`], [`READ`] and [`WRITE`].
    pub access: u32,
}

/// Accesses to a device (`BPF_DEVCG_ACC_…`).
pub const MKNOD: u32 = 1;
/// See [`MKNOD`].
pub const READ: u32 = 2;
/// See [`MKNOD`].
pub const WRITE: u32 = 4;
/// All three.
pub const ANY_ACCESS: u32 = MKNOD | READ | WRITE;

const SECURE: u32 = NOSUID | NOEXEC | NODEV;

/// Kind, source, place, flags and options.
#[rustfmt::skip]
const MOUNTS: [(&str, &str, &str, u32, &str); 7] = [
    ("proc",    "proc",   "/proc",          SECURE,               ""),
    ("tmpfs",   "tmpfs",  "/dev",           NOSUID | STRICTATIME, "mode=755,size=65536k"),
    ("devpts",  "devpts", "/dev/pts",       NOSUID | NOEXEC,      "newinstance,ptmxmode=0666,mode=0620,gid=5"),
    ("sysfs",   "sysfs",  "/sys",           SECURE | RDONLY,      ""),
    ("cgroup2", "cgroup", "/sys/fs/cgroup", SECURE | RDONLY,      ""),
    ("mqueue",  "mqueue", "/dev/mqueue",    SECURE,               ""),
    ("tmpfs",   "shm",    "/dev/shm",       SECURE,               "mode=1777,size=65536k"),
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

/// What any container may do with devices, whatever its rules say (runc, `specconv.AllowedDevices`): make nodes, and use these.
#[rustfmt::skip]
pub const DEVICE_RULES: [DeviceRule; 10] = [
    DeviceRule { allow: true, kind: None, major: None, minor: None, access: MKNOD },
    usable(1, Some(3)),   // null
    usable(1, Some(5)),   // zero
    usable(1, Some(7)),   // full
    usable(1, Some(8)),   // random
    usable(1, Some(9)),   // urandom
    usable(5, Some(0)),   // tty
    usable(5, Some(1)),   // console
    usable(5, Some(2)),   // ptmx
    usable(136, None),    // the other sides of pseudo terminals
];

const fn usable(major: u32, minor: Option<u32>) -> DeviceRule {
    DeviceRule { allow: true, kind: Some(DeviceKind::Character), major: Some(major), minor, access: ANY_ACCESS }
}

impl Default for World {
    fn default() -> World {
        let strings = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
        let mount = |(kind, source, target, flags, data): (&str, &str, &str, u32, &str)| Mount {
            source: source.to_owned(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            flags,
            data: data.to_owned(),
        };
        World {
            namespaces: Namespaces::default(),
            mounts: MOUNTS.into_iter().map(mount).collect(),
            sysctl: Vec::new(),
            masked: strings(&MASKED),
            read_only: strings(&READ_ONLY),
            devices: Vec::new(),
            rules: Vec::new(),
            generated_files: true,
        }
    }
}

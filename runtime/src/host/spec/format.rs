//! The parts of a runtime's configuration (OCI runtime specification, config.md and config-linux.md) that a container is made
//! from. What is not here is not done, and refused by [`strict`](super::strict) unless it says nothing.

use crate::host::container::capabilities::Capability;
use crate::host::container::limits::Resource;
use crate::host::container::seccomp::Profile;
use crate::host::json::nullable;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    pub(super) process: Process,
    pub(super) root: Root,
    pub(super) hostname: String,
    pub(super) domainname: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) mounts: Vec<Mount>,
    #[serde(deserialize_with = "nullable")]
    pub(super) linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Process {
    pub(super) terminal: bool,
    #[serde(deserialize_with = "nullable")]
    pub(super) console_size: ConsoleSize,
    pub(super) user: User,
    #[serde(deserialize_with = "nullable")]
    pub(super) args: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) env: Vec<String>,
    pub(super) cwd: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) capabilities: Capabilities,
    #[serde(deserialize_with = "nullable")]
    pub(super) rlimits: Vec<Rlimit>,
    pub(super) no_new_privileges: bool,
    pub(super) oom_score_adj: Option<i32>,
    pub(super) scheduler: Option<Scheduler>,
    pub(super) io_priority: Option<IoPriority>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsoleSize {
    pub(super) height: u16,
    pub(super) width: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) umask: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    pub(super) additional_gids: Vec<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Capabilities {
    #[serde(deserialize_with = "nullable")]
    pub(super) bounding: Vec<Capability>,
    #[serde(deserialize_with = "nullable")]
    pub(super) effective: Vec<Capability>,
    #[serde(deserialize_with = "nullable")]
    pub(super) permitted: Vec<Capability>,
    #[serde(deserialize_with = "nullable")]
    pub(super) inheritable: Vec<Capability>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ambient: Vec<Capability>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scheduler {
    pub(super) policy: SchedulerPolicy,
    #[serde(default)]
    pub(super) nice: i32,
    #[serde(default)]
    pub(super) priority: u32,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) flags: Vec<SchedulerFlag>,
    #[serde(default)]
    pub(super) runtime: u64,
    #[serde(default)]
    pub(super) deadline: u64,
    #[serde(default)]
    pub(super) period: u64,
}

/// Numbers of `linux/sched.h`; there is no `SCHED_ISO` in Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum SchedulerPolicy {
    #[serde(rename = "SCHED_OTHER")]
    Other = 0,
    #[serde(rename = "SCHED_FIFO")]
    Fifo = 1,
    #[serde(rename = "SCHED_RR")]
    RoundRobin = 2,
    #[serde(rename = "SCHED_BATCH")]
    Batch = 3,
    #[serde(rename = "SCHED_IDLE")]
    Idle = 5,
    #[serde(rename = "SCHED_DEADLINE")]
    Deadline = 6,
}

/// Bits of `linux/sched.h`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum SchedulerFlag {
    #[serde(rename = "SCHED_FLAG_RESET_ON_FORK")]
    ResetOnFork = 1,
    #[serde(rename = "SCHED_FLAG_RECLAIM")]
    Reclaim = 2,
    #[serde(rename = "SCHED_FLAG_DL_OVERRUN")]
    DeadlineOverrun = 4,
    #[serde(rename = "SCHED_FLAG_KEEP_POLICY")]
    KeepPolicy = 8,
    #[serde(rename = "SCHED_FLAG_KEEP_PARAMS")]
    KeepParameters = 16,
}

#[derive(Debug, Deserialize)]
pub(super) struct IoPriority {
    pub(super) class: IoClass,
    #[serde(default)]
    pub(super) priority: i64,
}

/// Numbers of `linux/ioprio.h`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum IoClass {
    #[serde(rename = "IOPRIO_CLASS_RT")]
    RealTime = 1,
    #[serde(rename = "IOPRIO_CLASS_BE")]
    BestEffort = 2,
    #[serde(rename = "IOPRIO_CLASS_IDLE")]
    Idle = 3,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rlimit {
    #[serde(rename = "type")]
    pub(super) resource: Resource,
    pub(super) soft: u64,
    pub(super) hard: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Root {
    pub(super) readonly: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mount {
    pub(super) destination: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) source: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Linux {
    #[serde(deserialize_with = "nullable")]
    pub(super) namespaces: Vec<Namespace>,
    #[serde(deserialize_with = "nullable")]
    pub(super) uid_mappings: Vec<Mapping>,
    #[serde(deserialize_with = "nullable")]
    pub(super) gid_mappings: Vec<Mapping>,
    pub(super) time_offsets: Option<TimeOffsets>,
    #[serde(deserialize_with = "nullable")]
    pub(super) sysctl: BTreeMap<String, String>,
    pub(super) personality: Option<Personality>,
    #[serde(deserialize_with = "nullable")]
    pub(super) masked_paths: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) readonly_paths: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) devices: Vec<Device>,
    #[serde(deserialize_with = "nullable")]
    pub(super) resources: Resources,
    pub(super) rootfs_propagation: Propagation,
    pub(super) seccomp: Option<Profile>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Namespace {
    #[serde(rename = "type")]
    pub(super) kind: NamespaceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NamespaceKind {
    Pid,
    Network,
    Mount,
    Ipc,
    Uts,
    User,
    Cgroup,
    Time,
}

/// A range of ids.
#[derive(Debug, Deserialize)]
pub(super) struct Mapping {
    #[serde(rename = "containerID")]
    pub(super) container_id: u32,
    #[serde(rename = "hostID")]
    pub(super) host_id: u32,
    pub(super) size: u32,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TimeOffsets {
    pub(super) monotonic: Clock,
    pub(super) boottime: Clock,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Clock {
    pub(super) secs: i64,
    pub(super) nanosecs: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Personality {
    pub(super) domain: Domain,
}

/// Numbers of `linux/personality.h`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Domain {
    #[serde(rename = "LINUX")]
    Linux = 0,
    #[serde(rename = "LINUX32")]
    Linux32 = 8,
}

/// Nobody else sees the container's mounts, nor it theirs.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Propagation {
    #[default]
    #[serde(alias = "rprivate", alias = "slave", alias = "rslave", alias = "")]
    Private,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) file_mode: Option<u32>,
    #[serde(default)]
    pub(super) uid: u32,
    #[serde(default)]
    pub(super) gid: u32,
}

/// A kind of device; in rules all of them, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "b")]
    Block,
    #[serde(rename = "c", alias = "u")]
    Character,
    #[default]
    #[serde(rename = "a")]
    Any,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    #[serde(deserialize_with = "nullable")]
    pub(super) devices: Vec<DeviceRule>,
    #[serde(deserialize_with = "nullable")]
    pub(super) pids: Pids,
    #[serde(deserialize_with = "nullable")]
    pub(super) memory: Memory,
    #[serde(deserialize_with = "nullable")]
    pub(super) cpu: Cpu,
    #[serde(deserialize_with = "nullable")]
    pub(super) unified: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeviceRule {
    pub(super) allow: bool,
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(super) kind: Kind,
    pub(super) major: Option<i64>,
    pub(super) minor: Option<i64>,
    pub(super) access: Accesses,
}

/// Letters of `r`, `w` and `m`, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Accesses(pub(super) u32);

impl TryFrom<String> for Accesses {
    type Error = String;

    fn try_from(letters: String) -> Result<Accesses, String> {
        let bit = |letter| match letter {
            'm' => Ok(channel::MKNOD),
            'r' => Ok(channel::READ),
            'w' => Ok(channel::WRITE),
            _ => Err(format!("access {letters:?}: expected letters of r, w and m")),
        };
        letters.chars().try_fold(0, |bits, letter| Ok(bits | bit(letter)?)).map(Accesses)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pids {
    pub(super) limit: i64,
}

/// There is one processor and one node of memory, and so no sets of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cpu {
    pub(super) shares: u64,
    pub(super) quota: i64,
    pub(super) burst: u64,
    pub(super) period: u64,
    pub(super) idle: Option<i64>,
}

/// The limit, what is kept for the container, and the limit of memory and swap together: there is nothing to swap to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    pub(super) limit: i64,
    pub(super) reservation: i64,
    pub(super) swap: i64,
}

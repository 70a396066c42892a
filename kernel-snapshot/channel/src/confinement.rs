//! What the kernel keeps a program from: limits of resources, capabilities, privileges that exec may not add, system
//! calls.
//!
//! [`Confinement::default`] is Docker's: the limits of its daemon's unit (`dockerd` passes its own on), 14 capabilities. But it has
//! no filter of system calls: that keeps a container's hands off its host's kernel, and this kernel is the container's own.

use crate::seccomp::Seccomp;
use serde::{Deserialize, Serialize};

/// The limits of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Limits of resources; the kernel's own for those that are not named.
    pub limits: Vec<Limit>,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Whether exec gives no privileges that the program does not have (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
    /// Most processes and threads of the container; none where absent.
    pub pids: Option<u64>,
    /// Most bytes of memory of the container; none where absent.
    pub memory: Option<u64>,
    /// What else is written to the container's control group, in this order.
    pub controls: Vec<Control>,
    /// Which system calls may be made; all where absent.
    pub seccomp: Option<Seccomp>,
}

/// A limit of a resource (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `RLIMIT_…` number on x86-64.
    pub resource: u32,
    /// What the kernel enforces; [`UNLIMITED`] for none.
    pub soft: u64,
    /// What it may be raised to.
    pub hard: u64,
}

/// A file of a control group (Linux, Documentation/admin-guide/cgroup-v2.rst).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Its name: the controller's before the first dot.
    pub file: String,
    /// What is written.
    pub value: String,
}

/// No limit (`RLIM_INFINITY`).
pub const UNLIMITED: u64 = u64::MAX;

/// Capabilities as sets of bits (`linux/capability.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capabilities {
    /// Docker's way: root has them, and for any other user they are bounds.
    OfUser(u64),
    /// Each set for itself.
    Sets(CapabilitySets),
}

/// The five sets of capabilities(7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilitySets {
    /// What exec can give at most.
    pub bounding: u64,
    /// What the kernel looks at.
    pub effective: u64,
    /// What may become effective.
    pub permitted: u64,
    /// What files may let through exec.
    pub inheritable: u64,
    /// What stays over exec for users other than root.
    pub ambient: u64,
}

/// Those that Docker leaves to a container (moby, `daemon/pkg/oci/caps/defaults.go`): CHOWN, DAC_OVERRIDE, FOWNER, FSETID,
/// KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
pub const DOCKERS_CAPABILITIES: u64 = 0xa804_25fb;

const NPROC: u32 = 6;
const NOFILE: u32 = 7;
const CORE: u32 = 4;

impl Default for Confinement {
    fn default() -> Confinement {
        let same = |resource, limit| Limit { resource, soft: limit, hard: limit };
        Confinement {
            limits: vec![same(NOFILE, 1 << 20), same(NPROC, UNLIMITED), same(CORE, UNLIMITED)],
            capabilities: Capabilities::OfUser(DOCKERS_CAPABILITIES),
            no_new_privileges: false,
            pids: None,
            memory: None,
            controls: Vec::new(),
            seccomp: None,
        }
    }
}

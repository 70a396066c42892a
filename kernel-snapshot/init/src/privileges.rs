//! Limits, user and capabilities of the program: Docker's defaults.

use crate::user::Account;
use anyhow::{Context, Result};
use rustix::fs::{Gid, Uid};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// What Docker leaves to a container; all else is out of the bounding set.
const KEPT: CapabilitySet = CapabilitySet::AUDIT_WRITE
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SYS_CHROOT);

const OPEN_FILES: u64 = 1 << 20;

/// Sets the resource limits that differ from the kernel's own.
pub(crate) fn set_limits() -> Result<()> {
    for (resource, limit) in [(Resource::Nofile, Some(OPEN_FILES)), (Resource::Nproc, None), (Resource::Core, None)] {
        setrlimit(resource, Rlimit { current: limit, maximum: limit })
            .with_context(|| format!("set the limit {resource:?}"))?;
    }
    Ok(())
}

/// Takes on the user's ids and keeps only Docker's capabilities: all 14 as root, none (but bounded by them) as any
/// other user. None is inheritable, as in Docker since 20.10.14.
pub(crate) fn become_user(account: &Account) -> Result<()> {
    let all = capabilities(None).context("read the capabilities")?.permitted;
    for dropped in bits(all.difference(KEPT)) {
        remove_capability_from_bounding_set(dropped).with_context(|| format!("bound the capabilities: {dropped:?}"))?;
    }
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    set_thread_groups(&groups).context("set the groups")?;
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    set_thread_res_gid(gid, gid, gid).context("set the group id")?;
    set_thread_res_uid(uid, uid, uid).context("set the user id")?;
    let kept = if account.uid == 0 { all & KEPT } else { CapabilitySet::empty() };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).context("set the capabilities")
}

/// Each capability of a set, those without a name included.
fn bits(set: CapabilitySet) -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)).filter(move |&one| set.contains(one))
}

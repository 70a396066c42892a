//! Limits, user and capabilities of the program, in runc's order.

use crate::user::Account;
use crate::{seccomp, syscalls};
use anyhow::{Context, Result};
use channel::{Capabilities, CapabilitySets, Confinement};
use rustix::fs::{Gid, Uid};
use rustix::thread::{
    CapabilitySet, capabilities, configure_capability_in_ambient_set, remove_capability_from_bounding_set,
    set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// Makes this process the user's, with these limits; what it may do then is all that it ever may.
pub(crate) fn confine(account: &Account, to: &Confinement) -> Result<()> {
    for limit in &to.limits {
        syscalls::limit(limit).with_context(|| format!("set the limit of resource {}", limit.resource))?;
    }
    if to.no_new_privileges {
        set_no_new_privs(true).context("let exec give no privileges")?;
    } else if let Some(profile) = &to.seccomp {
        // It is a privilege, which goes with the capabilities.
        seccomp::install(profile)?;
    }
    become_user(account, &sets(account.uid, to.capabilities))
}

/// The sets of a user. Docker's have nothing inheritable since 20.10.14, and nothing ambient.
fn sets(uid: u32, capabilities: Capabilities) -> CapabilitySets {
    match capabilities {
        Capabilities::OfUser(kept) => {
            let own = if uid == 0 { kept } else { 0 };
            CapabilitySets { bounding: kept, effective: own, permitted: own, ..CapabilitySets::default() }
        }
        Capabilities::Sets(sets) => sets,
    }
}

fn become_user(account: &Account, to: &CapabilitySets) -> Result<()> {
    let all = capabilities(None).context("read the capabilities")?.permitted;
    let set = |bits| CapabilitySet::from_bits_retain(bits) & all;
    for dropped in bits(all.difference(set(to.bounding))) {
        remove_capability_from_bounding_set(dropped).with_context(|| format!("bound the capabilities: {dropped:?}"))?;
    }
    // Else what another user than root is permitted would go with root's id. Exec resets it.
    set_keep_capabilities(true).context("keep the capabilities")?;
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    set_thread_groups(&groups).context("set the groups")?;
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    set_thread_res_gid(gid, gid, gid).context("set the group id")?;
    set_thread_res_uid(uid, uid, uid).context("set the user id")?;
    let sets = rustix::thread::CapabilitySets {
        effective: set(to.effective),
        permitted: set(to.permitted),
        inheritable: set(to.inheritable),
    };
    set_capabilities(None, sets).context("set the capabilities")?;
    // As with runc, whose own configurations have them, others are none: they could not be so (capabilities(7)).
    bits(set(to.ambient & to.inheritable & to.permitted)).try_for_each(|one| {
        configure_capability_in_ambient_set(one, true).with_context(|| format!("make a capability ambient: {one:?}"))
    })
}

/// Each capability of a set, those without a name included.
fn bits(set: CapabilitySet) -> impl Iterator<Item = CapabilitySet> {
    (0..u64::BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit)).filter(move |&one| set.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_capabilities_are_roots_and_bounds_of_others() {
        let root = CapabilitySets { bounding: 5, effective: 5, permitted: 5, ..CapabilitySets::default() };
        assert_eq!(sets(0, Capabilities::OfUser(5)), root);
        assert_eq!(sets(1, Capabilities::OfUser(5)), CapabilitySets { bounding: 5, ..CapabilitySets::default() });
        assert_eq!(sets(1, Capabilities::Sets(root)), root);
    }
}

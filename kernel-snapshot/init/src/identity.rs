//! The container's user namespace (user_namespaces(7)): who its ids are in the machine.

use crate::user::Account;
use anyhow::{Context, Result, bail};
use channel::{IdMappings, IdRange, Namespaces};
use rustix::fs::{Gid, Uid};
use rustix::process::Pid;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::fs;

/// Writes the mappings of the namespace that a process was forked into. As the machine's root does it, the namespace's may set groups.
pub(crate) fn map(process: Pid, ids: &IdMappings) -> Result<()> {
    for (name, ranges) in [("uid_map", &ids.users), ("gid_map", &ids.groups)] {
        let path = format!("/proc/{}/{name}", process.as_raw_nonzero());
        fs::write(&path, lines(ranges)).with_context(|| format!("write {path}"))?;
    }
    Ok(())
}

fn lines(ranges: &[IdRange]) -> String {
    ranges.iter().map(|IdRange { inside, outside, size }| format!("{inside} {outside} {size}\n")).collect()
}

/// Makes this process root of its user namespace, once that has its mappings.
pub(crate) fn become_root() -> Result<()> {
    set_thread_groups(&[]).context("set the groups of the user namespace's root")?;
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).context("set the group id of the user namespace's root")?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).context("set the user id of the user namespace's root")
}

/// Refuses an account that the container's user namespace cannot have.
pub(crate) fn check(account: &Account, namespaces: &Namespaces) -> Result<()> {
    let mapped = |group| namespaces.outside((account.uid, group)).is_some();
    if let Some(group) = [account.gid].iter().chain(&account.groups).find(|group| !mapped(**group)) {
        bail!("user {} and group {group}: expected ids that the container's user namespace maps", account.uid);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_lines() {
        let range = |inside, outside, size| IdRange { inside, outside, size };
        assert_eq!(lines(&[range(0, 100_000, 1000), range(1000, 0, 1)]), "0 100000 1000\n1000 0 1\n");
    }

    #[test]
    fn accounts_need_ids_that_are_mapped() {
        let ids = vec![IdRange { inside: 0, outside: 5, size: 10 }];
        let user = Some(IdMappings { users: ids.clone(), groups: ids });
        let account = |uid, gid, groups: &[u32]| Account { uid, gid, groups: groups.to_vec(), home: "/".into() };
        let namespaces = Namespaces { user, ..Namespaces::default() };
        check(&account(9, 0, &[8, 9]), &namespaces).unwrap();
        check(&account(10, 11, &[12]), &Namespaces::default()).unwrap();
        for account in [account(10, 0, &[]), account(0, 10, &[]), account(0, 0, &[1, 10])] {
            assert!(check(&account, &namespaces).is_err(), "{account:?}");
        }
    }
}

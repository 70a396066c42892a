//! `linux.namespaces` of the file, with the mappings of users and the clocks' offsets.
//!
//! What the kernel would refuse without a reason (user_namespaces(7), "Defining user and group ID mappings"; time_namespaces(7)) is
//! refused by its path, and so is what runc refuses (`libcontainer/configs/validate`).

use super::format::{Clock, Linux, Mapping, NamespaceKind, Process, Spec};
use channel::{IdMappings, IdRange, Namespaces, TimeOffset, TimeOffsets, outside};

/// Most ranges of a mapping (user_namespaces(7)).
const MOST_RANGES: usize = 340;

/// The container's namespaces.
///
/// Those of network, IPC, host name and control groups are as asked for where there is one of users, since it owns them then. Else
/// others that are not asked for would be shared with a host, and there is nobody else in this one.
pub(super) fn namespaces(spec: &Spec) -> Result<Namespaces, String> {
    let linux = &spec.linux;
    let has = |kind| linux.namespaces.iter().any(|namespace| namespace.kind == kind);
    check_kinds(linux)?;
    let user = has(NamespaceKind::User).then(|| mappings(linux)).transpose()?;
    let time = has(NamespaceKind::Time).then(|| offsets(linux)).transpose()?;
    let unused = [
        ("uidMappings", "user", user.is_none() && !linux.uid_mappings.is_empty()),
        ("gidMappings", "user", user.is_none() && !linux.gid_mappings.is_empty()),
        ("timeOffsets", "time", time.is_none() && linux.time_offsets.is_some()),
    ];
    if let Some((key, kind, _)) = unused.iter().find(|(.., unused)| *unused) {
        return Err(format!("linux.{key}: expected {kind} among linux.namespaces beside it"));
    }
    let Some(user) = user else { return Ok(Namespaces { time, ..Namespaces::default() }) };
    check_ids(&user, &spec.process)?;
    let own = Namespaces {
        user: Some(user),
        time,
        network: has(NamespaceKind::Network),
        ipc: has(NamespaceKind::Ipc),
        uts: has(NamespaceKind::Uts),
        cgroup: has(NamespaceKind::Cgroup),
    };
    for (key, name) in [("hostname", &spec.hostname), ("domainname", &spec.domainname)] {
        if !own.uts && !name.is_empty() {
            return Err(format!("{key}: expected uts among linux.namespaces beside it"));
        }
    }
    Ok(own)
}

fn check_kinds(linux: &Linux) -> Result<(), String> {
    let kinds: Vec<NamespaceKind> = linux.namespaces.iter().map(|namespace| namespace.kind).collect();
    if let Some(index) = (0..kinds.len()).find(|&index| kinds[..index].contains(&kinds[index])) {
        return Err(format!("linux.namespaces[{index}].type: expected each once"));
    }
    for (kind, name) in [(NamespaceKind::Mount, "mount"), (NamespaceKind::Pid, "pid")] {
        if !kinds.contains(&kind) {
            return Err(format!("linux.namespaces: expected {name} among them: each container has its own"));
        }
    }
    Ok(())
}

fn mappings(linux: &Linux) -> Result<IdMappings, String> {
    let users = ranges("linux.uidMappings", &linux.uid_mappings)?;
    Ok(IdMappings { users, groups: ranges("linux.gidMappings", &linux.gid_mappings)? })
}

fn ranges(place: &str, mappings: &[Mapping]) -> Result<Vec<IdRange>, String> {
    if !(1..=MOST_RANGES).contains(&mappings.len()) {
        let count = mappings.len();
        return Err(format!("{place}: expected 1 to {MOST_RANGES} ranges for the user namespace, got {count}"));
    }
    for (index, mapping) in mappings.iter().enumerate() {
        if mapping.size == 0 {
            return Err(format!("{place}[{index}].size: expected at least 1"));
        }
        for (key, first) in [("containerID", (|of| of.container_id) as First), ("hostID", |of| of.host_id)] {
            let place = format!("{place}[{index}].{key}");
            // The last id there is, 2^32 - 1, is none.
            if first(mapping).checked_add(mapping.size).is_none() {
                return Err(format!(
                    "{place}: expected ids below {}, got {} from {}",
                    u32::MAX,
                    mapping.size,
                    first(mapping)
                ));
            }
            if let Some(other) = mappings[..index].iter().position(|other| overlap(first, mapping, other)) {
                return Err(format!("{place}: expected ids that are not in [{other}] too"));
            }
        }
    }
    let range = |of: &Mapping| IdRange { inside: of.container_id, outside: of.host_id, size: of.size };
    let ranges: Vec<IdRange> = mappings.iter().map(range).collect();
    // The container's first process is the namespace's root until it takes on its user.
    outside(&ranges, 0).map(|_| ranges).ok_or_else(|| format!("{place}: expected a range with the container's id 0"))
}

/// One end of a range's ids.
type First = fn(&Mapping) -> u32;

fn overlap(first: First, one: &Mapping, other: &Mapping) -> bool {
    let end = |of| u64::from(first(of)) + u64::from(of.size);
    u64::from(first(one)) < end(other) && u64::from(first(other)) < end(one)
}

/// Whether the ids of the process are mapped.
fn check_ids(mappings: &IdMappings, process: &Process) -> Result<(), String> {
    let user = &process.user;
    let groups = user.additional_gids.iter().enumerate();
    let groups = groups.map(|(index, gid)| (format!("additionalGids[{index}]"), "gidMappings", &mappings.groups, *gid));
    let ids = [
        ("uid".to_owned(), "uidMappings", &mappings.users, user.uid),
        ("gid".to_owned(), "gidMappings", &mappings.groups, user.gid),
    ];
    for (key, place, ranges, id) in ids.into_iter().chain(groups) {
        if outside(ranges, id).is_none() {
            return Err(format!("process.user.{key}: expected an id that linux.{place} has, got {id}"));
        }
    }
    Ok(())
}

fn offsets(linux: &Linux) -> Result<TimeOffsets, String> {
    let clocks = linux.time_offsets.clone().unwrap_or_default();
    let offset = |name: &str, clock: &Clock| match clock.nanosecs {
        0..1_000_000_000 => Ok(TimeOffset { seconds: clock.secs, nanoseconds: clock.nanosecs }),
        other => Err(format!("linux.timeOffsets.{name}.nanosecs: expected less than 1000000000, got {other}")),
    };
    Ok(TimeOffsets {
        monotonic: offset("monotonic", &clocks.monotonic)?,
        boottime: offset("boottime", &clocks.boottime)?,
    })
}

//! Namespaces of the container (namespaces(7)) beside those of mounts and processes, which each has.

use serde::{Deserialize, Serialize};

/// Which ones are the container's own. Those that are not are the machine's, which has no other container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// Users: the container's ids are others in the machine (user_namespaces(7)), and its other namespaces are owned by this one.
    pub user: Option<IdMappings>,
    /// Clocks that differ from the machine's (time_namespaces(7)).
    pub time: Option<TimeOffsets>,
    /// Network: nothing but a loopback interface.
    pub network: bool,
    /// System V IPC and POSIX message queues.
    pub ipc: bool,
    /// Host name.
    pub uts: bool,
    /// The root of the control groups.
    pub cgroup: bool,
}

impl Default for Namespaces {
    /// Docker's, but for the network, which is the machine's.
    fn default() -> Namespaces {
        Namespaces { user: None, time: None, network: false, ipc: true, uts: true, cgroup: true }
    }
}

impl Namespaces {
    /// The machine's ids of a user and a group of the container, where both are mapped.
    pub fn outside(&self, ids: (u32, u32)) -> Option<(u32, u32)> {
        self.user.as_ref().map_or(Some(ids), |mappings| mappings.outside(ids))
    }
}

/// What the ids of a user namespace are in the machine. Ids without a mapping are seen as the overflow ids, 65534.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMappings {
    /// Ranges of user ids.
    pub users: Vec<IdRange>,
    /// Ranges of group ids.
    pub groups: Vec<IdRange>,
}

impl IdMappings {
    /// The machine's ids of a user and a group of the namespace, where both are mapped.
    pub fn outside(&self, (user, group): (u32, u32)) -> Option<(u32, u32)> {
        Some((outside(&self.users, user)?, outside(&self.groups, group)?))
    }
}

/// Ids that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first one, in the namespace
    pub inside: u32,
    /// and in the machine.
    pub outside: u32,
    /// How many there are.
    pub size: u32,
}

/// The machine's id of one of a namespace's.
pub fn outside(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = id.checked_sub(range.inside).filter(|&offset| offset < range.size)?;
        range.outside.checked_add(offset)
    })
}

/// By how much the namespace's clocks are ahead of the machine's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOffsets {
    /// `CLOCK_MONOTONIC`.
    pub monotonic: TimeOffset,
    /// `CLOCK_BOOTTIME`, and what is reckoned from it, as uptime.
    pub boottime: TimeOffset,
}

/// A span of time: the sum of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeOffset {
    /// Whole seconds; below zero, the clock is behind.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_their_range() {
        let range = |inside, outside, size| IdRange { inside, outside, size };
        let mappings = IdMappings {
            users: vec![range(0, 1000, 10), range(10, 5, 1), range(u32::MAX - 2, 7, 2)],
            groups: vec![range(0, 0, 100)],
        };
        for (id, expected) in
            [(0, Some(1000)), (9, Some(1009)), (10, Some(5)), (11, None), (u32::MAX - 1, Some(8)), (u32::MAX, None)]
        {
            assert_eq!(outside(&mappings.users, id), expected, "{id}");
        }
        assert_eq!((mappings.outside((3, 99)), mappings.outside((3, 100))), (Some((1003, 99)), None));
    }
}

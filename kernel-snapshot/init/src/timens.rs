//! The container's time namespace (time_namespaces(7)): clocks that are ahead of the machine's, or behind.

use crate::syscalls;
use anyhow::{Context, Result};
use channel::{TimeOffset, TimeOffsets};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::os::fd::AsFd;

/// Moves this process into a time namespace of its own.
pub(crate) fn enter(offsets: &TimeOffsets) -> Result<()> {
    syscalls::unshare(libc::CLONE_NEWTIME).context("make a time namespace")?;
    let text = lines(offsets);
    // What is refused is a clock that would be below zero, or far beyond any time.
    fs::write("/proc/self/timens_offsets", &text)
        .with_context(|| format!("set the clocks of the time namespace: {}", text.trim_end().replace('\n', ", ")))?;
    // Made for the children to come only; nobody is in it yet.
    let own = File::open("/proc/self/ns/time_for_children").context("open the time namespace")?;
    move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Time)).context("enter the time namespace")
}

fn lines(TimeOffsets { monotonic, boottime }: &TimeOffsets) -> String {
    let line = |name, TimeOffset { seconds, nanoseconds }: &TimeOffset| format!("{name} {seconds} {nanoseconds}\n");
    line("monotonic", monotonic) + &line("boottime", boottime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_lines() {
        let offsets = TimeOffsets {
            monotonic: TimeOffset { seconds: -3, nanoseconds: 5 },
            boottime: TimeOffset { seconds: 1 << 40, nanoseconds: 0 },
        };
        assert_eq!(lines(&offsets), "monotonic -3 5\nboottime 1099511627776 0\n");
    }
}

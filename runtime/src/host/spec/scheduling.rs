//! `process.scheduler` and `process.ioPriority` of the file.

use super::format::{IoPriority, Process, Scheduler, SchedulerPolicy};
use channel::Scheduling;
use std::ops::RangeInclusive;

const NICE: RangeInclusive<i32> = -20..=19;
const IO_LEVELS: RangeInclusive<i64> = 0..=7;

/// When the program has the processor and the disk.
pub(super) fn scheduling(process: &Process) -> Result<Scheduling, String> {
    Ok(Scheduling {
        scheduler: process.scheduler.as_ref().map(scheduler).transpose()?,
        io_priority: process.io_priority.as_ref().map(io_priority).transpose()?,
    })
}

/// The same is refused as by runc (`libcontainer/configs/validate`); the rest is the kernel's to say.
fn scheduler(of: &Scheduler) -> Result<channel::Scheduler, String> {
    use SchedulerPolicy::{Deadline, Fifo, RoundRobin};
    let refused = |key: &str, expected: &str| Err(format!("process.scheduler.{key}: expected {expected}"));
    if !NICE.contains(&of.nice) {
        return refused("nice", &format!("-20 to 19, got {}", of.nice));
    }
    if of.priority != 0 && !matches!(of.policy, Fifo | RoundRobin) {
        return refused("priority", "the policy SCHED_FIFO or SCHED_RR beside it");
    }
    for (key, value) in [("runtime", of.runtime), ("deadline", of.deadline), ("period", of.period)] {
        if value != 0 && of.policy != Deadline {
            return refused(key, "the policy SCHED_DEADLINE beside it");
        }
    }
    Ok(channel::Scheduler {
        policy: of.policy as u32,
        flags: of.flags.iter().fold(0, |flags, &flag| flags | flag as u64),
        nice: of.nice,
        priority: of.priority,
        runtime: of.runtime,
        deadline: of.deadline,
        period: of.period,
    })
}

fn io_priority(of: &IoPriority) -> Result<(u8, u8), String> {
    match u8::try_from(of.priority) {
        Ok(level) if IO_LEVELS.contains(&of.priority) => Ok((of.class as u8, level)),
        _ => Err(format!("process.ioPriority.priority: expected 0 to 7, got {}", of.priority)),
    }
}

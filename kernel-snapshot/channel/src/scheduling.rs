//! When a program has the processor and the disk.

use serde::{Deserialize, Serialize};

/// What differs from a process that nobody said anything of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduling {
    /// The processor's scheduler.
    pub scheduler: Option<Scheduler>,
    /// Class and level of ioprio_set(2).
    pub io_priority: Option<(u8, u8)>,
}

/// What sched_setattr(2) is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduler {
    /// `SCHED_…` number.
    pub policy: u32,
    /// `SCHED_FLAG_…` bits.
    pub flags: u64,
    /// -20 to 19, where the policy is no real-time one.
    pub nice: i32,
    /// 1 to 99 where it is a fixed one in real time.
    pub priority: u32,
    /// Nanoseconds, for the policy of deadlines: processor time in each period,
    pub runtime: u64,
    /// by when it has been had,
    pub deadline: u64,
    /// and how long a period is.
    pub period: u64,
}

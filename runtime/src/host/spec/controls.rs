//! `linux.resources` of the file that are files of a control group: version 2, as runc writes them.

use super::format::{Cpu, Resources};
use channel::Control;

/// Controllers that the guest's kernel has, and the files of any group.
const CONTROLLERS: [&str; 4] = ["cpu", "memory", "pids", "cgroup"];

/// A period of processor time, microseconds, where none is said.
const PERIOD: u64 = 100_000;

/// What is written beside the limits of processes and memory, in the order in which it is.
pub(super) fn controls(resources: &Resources) -> Result<Vec<Control>, String> {
    let mut controls = processor(&resources.cpu)?;
    if resources.memory.reservation > 0 {
        controls.push(control("memory.low", resources.memory.reservation));
    }
    for (file, value) in &resources.unified {
        let known = file.split_once('.').is_some_and(|(name, rest)| CONTROLLERS.contains(&name) && !rest.is_empty());
        if !known || file.contains('/') {
            let all = CONTROLLERS.join(", ");
            return Err(format!("linux.resources.unified[{file:?}]: expected a control group's file of one of {all}"));
        }
        controls.push(control(file, value));
    }
    Ok(controls)
}

fn processor(cpu: &Cpu) -> Result<Vec<Control>, String> {
    let mut controls = Vec::new();
    if let Some(idle) = cpu.idle {
        controls.push(control("cpu.idle", idle));
    }
    if cpu.shares != 0 && cpu.idle != Some(1) {
        controls.push(control("cpu.weight", weight(cpu.shares)?));
    }
    if cpu.quota != 0 || cpu.period != 0 {
        let quota = if cpu.quota > 0 { cpu.quota.to_string() } else { "max".to_owned() };
        let period = if cpu.period == 0 { PERIOD } else { cpu.period };
        controls.push(control("cpu.max", format!("{quota} {period}")));
    }
    if cpu.burst != 0 {
        controls.push(control("cpu.max.burst", cpu.burst));
    }
    Ok(controls)
}

/// A weight of 1 to 10,000 for shares of 2 to 262,144 (runc, `cgroups.ConvertCPUSharesToCgroupV2Value`).
fn weight(shares: u64) -> Result<u64, String> {
    match shares {
        2..=262_144 => Ok(1 + (shares - 2) * 9999 / 262_142),
        _ => Err(format!("linux.resources.cpu.shares: expected 2 to 262144, got {shares}")),
    }
}

fn control(file: &str, value: impl ToString) -> Control {
    Control { file: file.to_owned(), value: value.to_string() }
}

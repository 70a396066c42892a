//! The figures of a run: where instructions ran, why translated code was left, and how long it took.
//!
//! Names are stable. As text, one a line, `name value`; as JSON, one object on one line with the same names. Instructions
//! and counts are those since the snapshot was resumed; times are in seconds of the host's clock.

use super::options::StatsFormat;
use crate::translated::abi::ExitReason;
use crate::vm::{Counts, Mnemonics, Vm};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// Names of the side exits' figures, by `ExitReason`.
#[rustfmt::skip]
const EXITS: [(ExitReason, &str); ExitReason::ALL.len()] = [
    (ExitReason::Next,     "exits_next"),
    (ExitReason::Miss,     "exits_tlb_miss"),
    (ExitReason::Unlifted, "exits_unlifted"),
    (ExitReason::Rare,     "exits_rare"),
    (ExitReason::Stale,    "exits_stale"),
    (ExitReason::Budget,   "exits_budget"),
];

/// Where the counters stood when the run began.
pub struct Begin {
    retired: u64,
    counts: Counts,
}

/// How long things took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The whole run, from the module's start.
    pub wall: Duration,
    /// Of which nothing ran.
    pub idle: Duration,
    /// From the module's start until the machine was loaded.
    pub resumed: Duration,
    /// From the module's start until the program's first output.
    pub first_output: Option<Duration>,
}

/// The figures, by name, in order.
pub struct Stats(Vec<(&'static str, Value)>);

impl Begin {
    /// The counters now.
    pub fn of(vm: &Vm) -> Begin {
        Begin { retired: vm.retired(), counts: vm.counts.clone() }
    }

    /// What the machine did since.
    pub fn stats(&self, vm: &Vm, times: Times) -> Stats {
        let instructions = vm.retired().saturating_sub(self.retired);
        let interpreted = vm.counts.interpreted.saturating_sub(self.counts.interpreted);
        let translated = instructions.saturating_sub(interpreted);
        let busy = times.wall.saturating_sub(times.resumed).saturating_sub(times.idle).as_secs_f64();
        let mut figures = vec![
            ("instructions", json!(instructions)),
            ("translated", json!(translated)),
            ("interpreted", json!(interpreted)),
            ("translated_share", rounded(ratio(translated as f64, instructions as f64), 4)),
        ];
        figures.extend(EXITS.map(|(reason, name)| {
            let index = reason as usize;
            (name, json!(vm.counts.exits[index].saturating_sub(self.counts.exits[index])))
        }));
        figures.extend([("unlifted", most_met(&vm.counts.unlifted)), ("rare", most_met(&vm.counts.rare))]);
        figures.extend([
            ("events", json!(vm.counts.events.saturating_sub(self.counts.events))),
            ("regions_bound", json!(vm.counts.bound.saturating_sub(self.counts.bound))),
            ("unimplemented", json!(vm.unimplemented().map(|(_, count)| count).sum::<u64>())),
            ("wall_seconds", rounded(times.wall.as_secs_f64(), 3)),
            ("idle_seconds", rounded(times.idle.as_secs_f64(), 3)),
            ("resume_seconds", rounded(times.resumed.as_secs_f64(), 4)),
            ("first_output_seconds", times.first_output.map_or(Value::Null, |time| rounded(time.as_secs_f64(), 3))),
            ("mips", rounded(ratio(instructions as f64 / 1e6, busy), 1)),
        ]);
        Stats(figures)
    }
}

/// The instructions that translated code was left for most often: mnemonics, with counts since the machine was loaded.
fn most_met(mnemonics: &Mnemonics) -> Value {
    const SHOWN: usize = 12;
    let mut all: Vec<(u64, String)> = mnemonics.met().map(|(name, count)| (count, format!("{name:?}"))).collect();
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Value::Object(all.into_iter().take(SHOWN).map(|(count, name)| (name, json!(count))).collect())
}

/// 0 where nothing is to be divided by.
fn ratio(of: f64, by: f64) -> f64 {
    if by > 0.0 { of / by } else { 0.0 }
}

fn rounded(value: f64, digits: i32) -> Value {
    let scale = 10f64.powi(digits);
    json!((value * scale).round() / scale)
}

impl Stats {
    /// The figures as lines.
    pub fn render(&self, format: StatsFormat) -> String {
        match format {
            StatsFormat::Json => {
                let members = self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                format!("{}\n", Value::Object(members.collect()))
            }
            StatsFormat::Text => self.0.iter().fold(String::new(), |mut text, (name, value)| {
                let _ = match value {
                    Value::Null => writeln!(text, "{name:<20} -"),
                    value => writeln!(text, "{name:<20} {value}"),
                };
                text
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Backends;
    use crate::memory::Memory;

    #[test]
    fn figures_are_differences() {
        let mut vm = Vm::new(Memory::new(4096, 0).unwrap(), 0, Backends::default());
        (vm.cpu.retired, vm.counts.interpreted, vm.counts.exits) = (1000, 900, [1, 2, 3, 4, 5, 6]);
        let begin = Begin::of(&vm);
        (vm.cpu.retired, vm.counts.interpreted, vm.counts.exits) = (5_001_000, 1_000_900, [1, 12, 3, 4, 5, 6]);
        let seconds = Duration::from_secs;
        let times = Times { wall: seconds(4), idle: seconds(1), resumed: seconds(1), first_output: None };
        let stats = begin.stats(&vm, times);
        let json: Value = serde_json::from_str(&stats.render(StatsFormat::Json)).unwrap();
        for (name, value) in [
            ("instructions", json!(5_000_000)),
            ("translated", json!(4_000_000)),
            ("translated_share", json!(0.8)),
            ("exits_next", json!(0)),
            ("exits_tlb_miss", json!(10)),
            ("first_output_seconds", Value::Null),
            ("mips", json!(2.5)),
        ] {
            assert_eq!(json[name], value, "{name}");
        }
        let text = stats.render(StatsFormat::Text);
        assert_eq!(text.lines().next(), Some("instructions         5000000"));
        assert!(text.contains("first_output_seconds -\n"), "{text}");
    }
}

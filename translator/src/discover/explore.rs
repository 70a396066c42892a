//! Finds the instructions of one function: those that ran, and on request those that they lead to.
//!
//! What ran is decoded block by block as the profile names it. Then control is followed from the roots: the function's
//! start, places where others jump to, targets of indirect jumps, and last blocks that ran and that nothing leads to
//! (fixups of faults, returns from interrupts). With [`Coverage::All`] the bytes between are read on, too: handlers of exceptions
//! and cases of jumps whose tables nobody found. An interrupted or faulting block begins a second time in its middle, so
//! the starts of blocks that ran are no reason to cut a straight line.

use super::flow::{Flow, flow};
use super::functions::Function;
use super::text::Text;
use super::{Coverage, Leaves, Options};
use std::collections::{BTreeMap, BTreeSet};
use x86::Mnemonic;

/// Longest instruction, in bytes.
const MAX_INSN: usize = 15;

/// Blocks of the profile and what leads into one function.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) function: Function,
    /// Addresses that keep their distance to the function's.
    pub(super) stretch: std::ops::Range<u64>,
    /// Blocks that ran: address, bytes, and how often. Ascending.
    pub(super) ran: Vec<Ran>,
    /// Starts of blocks that an indirect transfer went to, ascending.
    pub(super) targets: Vec<u64>,
    /// Where fixed jumps and calls of other functions go, ascending; then where computed ones may.
    pub(super) external: Vec<u64>,
}

/// A block that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) address: u64,
    pub(super) length: u64,
    pub(super) count: u64,
}

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) length: u8,
    pub(super) flow: Flow,
    /// How often it ran.
    pub(super) count: u64,
}

/// The instructions of a function.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// By address.
    pub(super) steps: BTreeMap<u64, Step>,
    /// Where blocks begin.
    pub(super) leaders: BTreeSet<u64>,
    /// Where control enters from elsewhere.
    pub(super) entered: BTreeSet<u64>,
    /// Fixed targets outside the function.
    pub(super) leads_to: BTreeSet<u64>,
    /// Instructions that ran, each as often as it did.
    pub(super) ran: u64,
}

struct Explorer<'a> {
    work: &'a Work,
    text: &'a Text,
    leaves: &'a Leaves<'a>,
    options: &'a Options,
    counts: BTreeMap<u64, u64>,
    trace: Trace,
    open: Vec<u64>,
}

/// Finds the instructions of a function.
pub(super) fn explore(work: &Work, text: &Text, leaves: &Leaves<'_>, options: &Options) -> Trace {
    let counts = counts(work, text);
    let ran = counts.values().fold(0, |sum: u64, &count| sum.saturating_add(count));
    let trace = Trace { ran, ..Trace::default() };
    let mut explorer = Explorer { work, text, leaves, options, counts, trace, open: Vec::new() };
    explorer.enter(work.function.range.start);
    for &address in work.external.iter().chain(&work.targets) {
        explorer.enter(address);
    }
    for ran in &work.ran {
        if !explorer.trace.steps.contains_key(&ran.address) {
            explorer.enter(ran.address);
        }
    }
    if options.coverage == Coverage::All {
        explorer.read_on();
    }
    explorer.trace
}

/// How often each instruction ran.
fn counts(work: &Work, text: &Text) -> BTreeMap<u64, u64> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for ran in &work.ran {
        let mut done = 0;
        while done < ran.length {
            let at = ran.address + done;
            let Ok(insn) = x86::decode(text.window(at, MAX_INSN)) else { break };
            let count = counts.entry(at).or_default();
            *count = count.saturating_add(ran.count);
            done += u64::from(insn.length);
        }
    }
    counts
}

impl Explorer<'_> {
    fn count(&self, address: u64) -> u64 {
        self.counts.get(&address).copied().unwrap_or(0)
    }

    /// Whether code at `address` is wanted.
    fn wanted(&self, address: u64) -> bool {
        self.work.function.range.contains(&address)
            && match self.options.coverage {
                Coverage::Reachable | Coverage::All => true,
                Coverage::Hot => self.count(address) >= self.options.threshold.max(1),
            }
    }

    /// Follows control from where it enters.
    fn enter(&mut self, address: u64) {
        self.open.push(address);
        while let Some(leader) = self.open.pop() {
            self.walk(leader);
        }
        if self.trace.steps.contains_key(&address) {
            self.trace.entered.insert(address);
        }
    }

    /// Follows one straight line.
    fn walk(&mut self, leader: u64) {
        self.trace.leaders.insert(leader);
        let mut at = leader;
        while self.wanted(at) {
            if self.trace.steps.contains_key(&at) {
                // Two lines meet.
                self.trace.leaders.insert(at);
                return;
            }
            let Ok(insn) = x86::decode(self.text.window(at, MAX_INSN)) else { return };
            let flow = flow(&insn, at, (self.leaves)(&insn));
            self.trace.steps.insert(at, Step { length: insn.length, flow, count: self.count(at) });
            let next = at + u64::from(insn.length);
            if let Some(target) = flow.target() {
                self.lead(target);
            }
            if flow != Flow::Next {
                if flow.falls_through() {
                    self.open.push(next);
                }
                return;
            }
            at = next;
        }
        self.leave(at);
    }

    /// Enters what nothing leads to.
    fn read_on(&mut self) {
        let mut at = self.work.function.range.start;
        while at < self.work.function.range.end {
            if let Some(step) = self.trace.steps.get(&at) {
                at += u64::from(step.length);
                continue;
            }
            let Ok(insn) = x86::decode(self.text.window(at, MAX_INSN)) else { return };
            if matches!(insn.mnemonic, Mnemonic::Nop | Mnemonic::Int3) {
                at += u64::from(insn.length);
            } else {
                self.enter(at);
            }
        }
    }

    fn lead(&mut self, target: u64) {
        if self.work.function.range.contains(&target) {
            self.open.push(target);
        } else {
            self.leave(target);
        }
    }

    fn leave(&mut self, target: u64) {
        if self.work.stretch.contains(&target) && !self.work.function.range.contains(&target) {
            self.trace.leads_to.insert(target);
        }
    }
}

//! What side exits write back.
//!
//! One piece of code serves all side exits of a region. It stores the variables that may differ from the processor's state, those
//! first that differ at few exits, and an exit enters it where all that may differ there is still to come:
//!
//! ```text
//! rung 2: store r12
//! rung 1: store rbx, rbp
//! rung 0: store rax, flags; budget, RIP, reason; return
//! ```
//!
//! What an exit stores must be in its local there. So an exit soon after a call, or after the region's start, has hardly anything
//! loaded for its sake.

use crate::ir::{ExitId, Reg, RegSet};
use std::cmp::Reverse;

/// The rungs, and where exits enter.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    /// What is stored from a rung on: each holds the one before.
    rungs: Vec<RegSet>,
    /// By exit.
    entered_at: Vec<usize>,
}

impl Ladder {
    /// The ladder for what may differ at each exit. The lazy flags go together.
    pub fn new(differing: &[RegSet]) -> Ladder {
        let count = |unit: RegSet| differing.iter().filter(|set| !set.intersection(unit).is_empty()).count();
        let apart = Reg::all().map(|reg| RegSet::EMPTY.with(reg)).filter(|unit| unit.minus(RegSet::FLAGS) == *unit);
        let mut units: Vec<RegSet> = apart.chain([RegSet::FLAGS]).filter(|unit| count(*unit) > 0).collect();
        units.sort_by_cached_key(|unit| Reverse(count(*unit)));
        let reach =
            |set: &RegSet| units.iter().rposition(|unit| !set.intersection(*unit).is_empty()).map_or(0, |at| at + 1);
        let reaches: Vec<usize> = differing.iter().map(reach).collect();
        let mut used = reaches.clone();
        used.sort_unstable();
        used.dedup();
        let up_to = |count: &usize| units[..*count].iter().fold(RegSet::EMPTY, |all, unit| all.union(*unit));
        let rungs = used.iter().map(up_to).collect();
        let entered_at = reaches.iter().map(|reach| used.partition_point(|other| other < reach)).collect();
        Ladder { rungs, entered_at }
    }

    /// How many rungs there are.
    pub fn len(&self) -> usize {
        self.rungs.len()
    }

    /// Whether there is no exit.
    pub fn is_empty(&self) -> bool {
        self.rungs.is_empty()
    }

    /// The rung at which an exit enters.
    pub fn rung(&self, exit: ExitId) -> usize {
        self.entered_at.get(exit.index()).copied().unwrap_or_default()
    }

    /// What is stored from a rung on.
    pub fn stored_from(&self, rung: usize) -> RegSet {
        self.rungs.get(rung).copied().unwrap_or_default()
    }

    /// What is stored at a rung itself.
    pub fn stored_at(&self, rung: usize) -> RegSet {
        let below = rung.checked_sub(1).map_or(RegSet::EMPTY, |below| self.stored_from(below));
        self.stored_from(rung).minus(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x86::Gpr;

    fn set(registers: &[u8]) -> RegSet {
        registers.iter().fold(RegSet::EMPTY, |all, number| all.with(Reg::gpr(Gpr(*number))))
    }

    #[test]
    fn an_exit_stores_what_differs_and_little_else() {
        let differing = [set(&[]), set(&[1]), set(&[1, 2]), set(&[1, 2, 3]), set(&[3]), set(&[1]).with(Reg::FLAG_DST)];
        let ladder = Ladder::new(&differing);
        for (number, differs) in differing.iter().enumerate() {
            let stored = ladder.stored_from(ladder.rung(ExitId(number as u32)));
            assert_eq!(differs.minus(stored), RegSet::EMPTY, "exit {number}");
        }
        assert_eq!(ladder.stored_from(ladder.rung(ExitId(0))), RegSet::EMPTY);
        assert_eq!(ladder.stored_from(ladder.rung(ExitId(1))), set(&[1]));
        assert_eq!(ladder.stored_from(ladder.rung(ExitId(2))), set(&[1, 2]));
        let all = (0..ladder.len()).fold(RegSet::EMPTY, |all, rung| all.union(ladder.stored_at(rung)));
        assert_eq!(all, set(&[1, 2, 3]).union(RegSet::FLAGS));
    }
}

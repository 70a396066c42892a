//! Shrinking: the simplest case for which something still holds.
//!
//! It tries simplifications one at a time (a register to its default, a memory byte to zero, …), keeps those after which the property still
//! holds, and repeats until none helps. The code stays.

use crate::case::Case;
use crate::state::State;

/// The simplest case found for which `fails` still holds; `case` itself if none is simpler.
pub fn shrink(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    loop {
        let mut progress = false;
        for change in simplifications(&best.state) {
            let mut candidate = best.clone();
            change(&mut candidate.state);
            if candidate != best && fails(&candidate) {
                best = candidate;
                progress = true;
            }
        }
        if !progress {
            return best;
        }
    }
}

/// One change of a state.
type Change = Box<dyn Fn(&mut State)>;

fn simplifications(state: &State) -> Vec<Change> {
    let mut changes: Vec<Change> = vec![
        Box::new(|s| s.x87 = State::default().x87),
        Box::new(|s| s.ymm = State::default().ymm),
        Box::new(|s| s.memory = State::default().memory),
        Box::new(|s| s.mxcsr = State::default().mxcsr),
        Box::new(|s| s.x87.control = State::default().x87.control),
        Box::new(|s| s.x87.status &= 0x3800),
        Box::new(|s| (s.fs_base, s.gs_base) = (0, 0)),
    ];
    for n in 0..16 {
        changes.push(Box::new(move |s| s.gpr[n] = State::default().gpr[n]));
        changes.push(Box::new(move |s| s.gpr[n] &= 0xffff_ffff));
        changes.push(Box::new(move |s| s.ymm[n] = [0; 4]));
        (0..4).for_each(|lane| changes.push(Box::new(move |s| s.ymm[n][lane] = 0)));
    }
    for n in 0..8 {
        changes.push(Box::new(move |s| {
            s.x87.tags &= !(1 << n);
            s.x87.registers[n] = 0;
        }));
        changes.push(Box::new(move |s| s.x87.registers[n] = 0));
    }
    for bit in (0..64).filter(|bit| state.flags >> bit & 1 != 0) {
        changes.push(Box::new(move |s| s.flags &= !(1 << bit)));
    }
    for (address, _) in state.memory.iter() {
        changes.push(Box::new(move |s| s.memory.set_byte(address, 0)));
    }
    changes
}

//! Overtime: a slice may last a little longer where a region asks for it.
//!
//! A region leaves where the budget might not last until it looks again ([`ExitReason::Budget`]), and all that is left of the
//! slice would be the interpreter's: a few instructions of most programs, thousands of a hash's unrolled rounds. Where time
//! is the host's anyway, the region gets a little more and goes on, and the slice ends when it asks again. A timer is
//! then late by at most [`MOST`] instructions, and mostly by as many as there are in a loop's body.
//!
//! [`ExitReason::Budget`]: crate::translated::abi::ExitReason::Budget

use super::Vm;

/// What is given first; if that was not enough, four times as much.
const FIRST: i64 = 256;
/// What is given at most: no region looks at its budget less often.
const MOST: i64 = 1 << 14;

/// The overtime of a slice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Overtime {
    allowed: bool,
    /// What was given last.
    given: i64,
    /// The budget right after that.
    budget: i64,
}

impl Vm {
    /// Lets slices last a little longer than they should. Not where the state after so many instructions matters: interrupts are then
    /// taken at other instructions than the interpreter alone would take them at.
    pub fn allow_overtime(&mut self) {
        self.overtime.allowed = true;
    }

    pub(super) fn forget_overtime(&mut self) {
        self.overtime.given = 0;
    }

    /// A region asks for more budget than there is: it gets some, or ends the slice if it has had enough. `false` if neither may be.
    pub(crate) fn take_overtime(&mut self) -> bool {
        let Overtime { allowed, given, budget } = self.overtime;
        if !allowed || given >= MOST && self.cpu.budget == budget {
            return false;
        }
        let more = if given > 0 && self.cpu.budget != budget {
            -self.cpu.budget
        } else {
            self.overtime.given = (4 * given).max(FIRST);
            self.overtime.given
        };
        self.cpu.slice += more;
        self.cpu.budget += more;
        self.overtime.budget = self.cpu.budget;
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::devices::Backends;
    use crate::memory::Memory;
    use crate::vm::Vm;

    fn machine() -> Vm {
        let mut vm = Vm::new(Memory::new(0x4000, 0).unwrap(), 0, Backends::default());
        (vm.cpu.retired, vm.cpu.slice, vm.cpu.budget) = (1000, 500, 100);
        vm
    }

    #[test]
    fn a_region_gets_more_until_it_goes_on_and_then_the_slice_ends() {
        let mut vm = machine();
        vm.allow_overtime();
        for expected in [100 + 256, 100 + 256 + 1024, 100 + 256 + 1024 + 4096] {
            assert!(vm.take_overtime());
            assert_eq!((vm.cpu.budget, vm.retired()), (expected, 1400));
        }
        vm.cpu.budget -= 5000;
        assert!(vm.take_overtime());
        assert_eq!((vm.cpu.budget, vm.retired()), (0, 6400));
    }

    #[test]
    fn what_asks_for_too_much_is_the_interpreters() {
        let mut vm = machine();
        assert!(!vm.take_overtime());
        vm.allow_overtime();
        assert_eq!((0..6).map(|_| vm.take_overtime()).collect::<Vec<_>>(), [true, true, true, true, false, false]);
        assert_eq!(vm.retired(), 1400);
    }
}

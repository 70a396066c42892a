//! The host's processor as if its kernel were not mapped.

use super::Oracle;
use crate::case::{Case, End, Fault, Outcome};
use crate::compare::Executor;
use anyhow::Result;

/// The first address that Linux never gives to a program: the last page of the lower half is none of its (`TASK_SIZE_MAX`).
const END: u64 = 0x7fff_ffff_f000;

/// The host's processor, but #PF outside a program's addresses says *not present*: what the operating system has mapped there is not a
/// case's affair, and Linux says *present* of all of them, so that nobody learns it.
pub struct UserSpace(Oracle);

impl UserSpace {
    /// As [`Oracle::new`].
    ///
    /// # Errors
    /// As [`Oracle::new`].
    pub fn new() -> Result<UserSpace> {
        Oracle::new().map(UserSpace)
    }
}

impl Executor for UserSpace {
    fn name(&self) -> &str {
        "host"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        self.run_batch(std::slice::from_ref(case)).remove(0)
    }

    fn run_batch(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let mut outcomes = self.0.run_batch(cases);
        for outcome in &mut outcomes {
            if let End::Fault(Fault::Page { address, present, .. }) = &mut outcome.end {
                *present &= *address < END;
            }
        }
        outcomes
    }
}

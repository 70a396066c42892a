//! The host's own processor as an executor (x86-64 Linux).
//!
//! A worker process, forked without `exec`, maps the layout of [`crate::layout`] and lives in its signal handler: every case ends in a
//! signal (the `int3` that fills the code pages, a fault, or the timer), the handler takes the whole state out of the signal frame, puts the
//! next case's state into it, and returns *into* that case. So RSP, the flags, MXCSR and the x87 unit are all part of the tested
//! state, and no case costs a process. Cases travel in batches through shared memory ([`slot`]), requests and replies through two pipes.
//!
//! A case that kills the worker (it wrote over something that the worker needs) is refused with that reason, and a new worker is
//! started. A case that has run for one to two ticks of 10 ms of its own processor time, and for 300 when it is run again, is a
//! [`End::Timeout`].
//!
//! Limits: the x87 last-instruction pointers and AVX-512 state are not part of a case; FS and GS bases need FSGSBASE (Linux 5.9).

#![allow(unsafe_code)]

mod frame;
mod slot;
mod user_space;
mod worker;

pub use user_space::UserSpace;

use crate::case::{Case, End, Outcome};
use crate::compare::Executor;
use anyhow::{Context, Result, ensure};
use slot::{SLOTS, Shared, Slot};
use std::sync::Mutex;

/// Held while a worker is forked, so that no other worker inherits the ends of its pipes that must close with it.
static FORK: Mutex<()> = Mutex::new(());

/// Ticks of the timer that a case may outlive which was late before: it runs for three seconds then.
const PATIENCE: u32 = 300;

/// The host processor.
pub struct Oracle {
    shared: Mapping,
    worker: Option<Worker>,
}

impl Oracle {
    /// Starts a worker. Fails where the kernel does not let user code set the base of FS, or the addresses of the layout are taken.
    pub fn new() -> Result<Oracle> {
        // SAFETY: reads one value of the auxiliary vector.
        let fsgsbase = unsafe { libc::getauxval(libc::AT_HWCAP2) } & 2 != 0;
        ensure!(fsgsbase, "the kernel does not allow FSGSBASE in user mode (Linux 5.9 or later does)");
        let shared = Mapping::new()?;
        let worker = Worker::spawn(shared.pointer)?;
        Ok(Oracle { shared, worker: Some(worker) })
    }

    fn slots(&mut self) -> &mut [Slot; SLOTS] {
        // SAFETY: the mapping is a `Shared`, alive as long as `self`; the worker touches slots only between a request and its reply, during
        // which `exchange` holds `self`.
        unsafe { &mut (*self.shared.pointer).slots }
    }

    /// Runs at most [`SLOTS`] cases, each of which may outlive so many ticks of the timer, and appends their outcomes; on a crash, fewer, the last one refused.
    fn batch(&mut self, cases: &[Case], patience: u32, out: &mut Vec<Outcome>) -> Result<()> {
        for (slot, case) in self.slots().iter_mut().zip(cases) {
            slot.load(case);
        }
        let pointer = self.shared.pointer;
        // SAFETY: as for the slots.
        unsafe { (&raw mut (*pointer).patience).write_volatile(patience) };
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Worker::spawn(pointer)?),
        };
        let done = match worker.exchange(cases.len()) {
            Ok(()) => cases.len(),
            Err(_) => {
                self.worker = None;
                // SAFETY: the worker is gone (dropped on the line above, which waits for it).
                unsafe { (&raw const (*pointer).done).read_volatile() as usize }
            }
        };
        let finished = cases.iter().zip(self.slots().iter());
        out.extend(finished.take(done).map(|(case, slot)| slot.outcome(case)));
        if let Some(case) = cases.get(done) {
            let end = End::Refused("it killed the process that ran it".into());
            out.push(Outcome { end, rip: 0, state: case.state.clone() });
        }
        Ok(())
    }
}

impl Executor for Oracle {
    fn name(&self) -> &str {
        "host"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        self.run_batch(std::slice::from_ref(case)).remove(0)
    }

    fn run_batch(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let mut out = Vec::with_capacity(cases.len());
        while out.len() < cases.len() {
            let rest = &cases[out.len()..];
            if let Err(error) = self.batch(&rest[..rest.len().min(SLOTS)], 1, &mut out) {
                let end = End::Refused(format!("no worker process: {error:#}"));
                out.extend(rest.iter().map(|c| Outcome { end: end.clone(), rip: 0, state: c.state.clone() }));
            }
        }
        self.run_late_ones_again(cases, &mut out);
        out
    }
}

impl Oracle {
    /// What was late is run again, with patience: a tick may be the host's own time, who takes long over locks across cache lines for
    /// instance, or is busy with others.
    fn run_late_ones_again(&mut self, cases: &[Case], out: &mut [Outcome]) {
        for (case, outcome) in cases.iter().zip(out).filter(|(_, outcome)| outcome.end == End::Timeout) {
            let mut again = Vec::new();
            if self.batch(std::slice::from_ref(case), PATIENCE, &mut again).is_ok() {
                *outcome = again.pop().unwrap_or_else(|| outcome.clone());
            }
        }
    }
}

/// Memory shared with the worker.
struct Mapping {
    pointer: *mut Shared,
}

// SAFETY: the pointer is to a shared mapping, valid in every thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new() -> Result<Mapping> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping; zero bytes are a valid `Shared`.
        let pointer = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<Shared>(), protection, flags, -1, 0) };
        ensure!(pointer != libc::MAP_FAILED, "shared memory: {}", std::io::Error::last_os_error());
        Ok(Mapping { pointer: pointer.cast() })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and nothing refers to it any more.
        unsafe { libc::munmap(self.pointer.cast(), size_of::<Shared>()) };
    }
}

/// The process and this side's ends of its pipes.
struct Worker {
    pid: libc::pid_t,
    requests: libc::c_int,
    replies: libc::c_int,
}

impl Worker {
    fn spawn(shared: *mut Shared) -> Result<Worker> {
        let _one_at_a_time = FORK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (request_out, requests) = pipe().context("pipe to the worker")?;
        let (replies, reply_in) = pipe().context("pipe from the worker")?;
        // SAFETY: the child runs only `worker::run`, which neither allocates nor takes locks nor returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: the child closes its copies of this side's ends, and enters the worker with the others.
            unsafe {
                libc::close(requests);
                libc::close(replies);
                worker::run(shared, request_out, reply_in)
            }
        }
        // SAFETY: this process's copies of the child's ends.
        unsafe { (libc::close(request_out), libc::close(reply_in)) };
        ensure!(pid > 0, "fork: {}", std::io::Error::last_os_error());
        let mut worker = Worker { pid, requests, replies };
        worker.wait_reply().context("the worker could not map the addresses of the layout")?;
        Ok(worker)
    }

    fn exchange(&mut self, count: usize) -> Result<()> {
        let count = count as u32;
        // SAFETY: writes four bytes of a local.
        let sent = unsafe { libc::write(self.requests, (&raw const count).cast(), 4) };
        ensure!(sent == 4, "the worker is gone");
        self.wait_reply()
    }

    fn wait_reply(&mut self) -> Result<()> {
        let mut byte = 0_u8;
        loop {
            // SAFETY: reads one byte into a local.
            let got = unsafe { libc::read(self.replies, (&raw mut byte).cast(), 1) };
            if got == 1 {
                return Ok(());
            }
            let interrupted = got < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            ensure!(interrupted, "the worker is gone");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // SAFETY: closes descriptors that this value owns, ends and reaps its own child.
        unsafe {
            libc::close(self.requests);
            libc::close(self.replies);
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}

/// A pipe `(read end, write end)` that no `exec` inherits.
fn pipe() -> Result<(libc::c_int, libc::c_int)> {
    let mut ends = [0; 2];
    // SAFETY: two descriptors fit the array.
    let status = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    ensure!(status == 0, "{}", std::io::Error::last_os_error());
    Ok((ends[0], ends[1]))
}

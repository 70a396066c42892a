//! `prelift run` without a terminal: input that comes while the program runs, and signals.

use crate::process::{Piped, prelift_run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

fn spawn(script: &str) -> Piped {
    Piped::spawn(prelift_run(&["sh", "-c", script]).stdin(Stdio::piped()))
}

#[test]
fn a_program_answers_before_its_input_ends_and_may_end_before_it() {
    let mut program = spawn("while read line; do echo \"<$line>\"; [ \"$line\" != last ] || exit 4; done");
    for line in ["first", "second", "last"] {
        writeln!(program.stdin.as_ref().unwrap(), "{line}").unwrap();
        assert_eq!(program.stdout.expect(&format!("<{line}>\n")), "");
    }
    assert_eq!(program.process.end().code(), Some(4));
}

#[test]
fn signals_are_passed_on() {
    let mut program = spawn("trap 'echo caught; exit 7' TERM; echo ready; sleep 1000 & wait");
    program.stdout.expect("ready\n");
    program.process.signal(Signal::TERM);
    program.stdout.expect("caught\n");
    assert_eq!(program.process.end().code(), Some(7));
}

#[test]
fn signals_end_a_run_whose_program_ignores_them_and_its_input() {
    let mut program = spawn("trap '' TERM; echo ready; exec sleep 1000");
    program.stdout.expect("ready\n");
    fill(program.stdin.as_ref().unwrap());
    let ended = (0..600).find_map(|_| {
        program.process.signal(Signal::TERM);
        program.process.end_within(Duration::from_millis(100))
    });
    assert_eq!(ended.expect("the run goes on").signal(), Some(Signal::TERM.as_raw()));
}

/// Writes until nobody has taken anything for a while.
fn fill(mut pipe: &ChildStdin) {
    let while_ = Timespec { tv_sec: 1, tv_nsec: 0 };
    while poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&while_)).unwrap() > 0 {
        // A pipe that is ready has room for as much.
        pipe.write_all(&[0; 4096]).unwrap();
    }
}

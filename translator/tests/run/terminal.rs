//! An interactive shell under `prelift run`.

use crate::pty::{PROMPT, Terminal};
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;

const SIZE: (u16, u16) = (31, 97);

#[test]
fn what_is_typed_is_echoed_once_and_can_be_edited() {
    let mut shell = Terminal::shell(SIZE);
    assert_eq!(shell.line("echo one-$((1+1))"), "echo one-$((1+1))\r\none-2\r\n");
    // Backspace and Ctrl-U, in the shell's own editor,
    let shown = shell.line("echo abX\x7fc");
    assert!(shown.ends_with("\r\nabc\r\n"), "{shown:?}");
    shell.keys("wrong\x15echo right\r");
    shell.output.expect("echo right\r\nright\r\n");
    shell.output.expect(PROMPT);
    // and in the guest's terminal.
    shell.start("cat");
    shell.keys("abX\x7fc\r");
    shell.output.expect("abX\x08 \x08c\r\nabc\r\n");
    shell.keys("wrong\x15right\r");
    let erased = "\x08 \x08".repeat("wrong".len());
    shell.output.expect(&format!("wrong{erased}right\r\nright\r\n"));
    shell.keys("\x04");
    shell.output.expect(PROMPT);
}

#[test]
fn ctrl_c_interrupts_the_command_but_not_the_shell() {
    let mut shell = Terminal::shell(SIZE);
    shell.start("sleep 1000");
    shell.keys("\x03");
    assert_eq!(shell.output.expect(PROMPT), "^C\r\n");
    let shown = shell.line("echo $?");
    assert!(shown.ends_with("\r\n130\r\n"), "{shown:?}");
    shell.start("while :; do :; done");
    shell.keys("\x03");
    assert_eq!(shell.output.expect(PROMPT), "^C\r\n");
}

#[test]
fn ctrl_d_ends_the_shell_with_its_exit_code() {
    let mut shell = Terminal::shell(SIZE);
    assert!(!shell.is_as_before(), "the host's terminal is not in raw mode");
    shell.line("sh -c 'exit 205'");
    shell.keys("\x04");
    assert_eq!(shell.end().code(), Some(205));
}

#[test]
fn the_program_knows_the_size_of_the_window() {
    let mut shell = Terminal::shell(SIZE);
    assert_eq!(shell.line("stty size"), "stty size\r\n31 97\r\n");
    shell.start("while [ \"$(stty size)\" = '31 97' ]; do sleep 1; done; stty size");
    shell.resize((40, 120));
    assert_eq!(shell.output.expect(PROMPT), "40 120\r\n");
}

#[test]
fn nothing_of_a_long_paste_is_lost() {
    let mut shell = Terminal::shell(SIZE);
    shell.start("wc -c");
    let line = "0123456789".repeat(7) + "\r";
    for _ in 0..300 {
        shell.keys(&line);
    }
    shell.keys("\x04");
    let shown = shell.output.expect(PROMPT);
    let count = (300 * line.len()).to_string();
    assert!(shown.ends_with(&format!("\r\n{count}\r\n")), "expected {count}, got {:?}", shown.lines().last());
}

#[test]
fn a_signal_ends_or_stops_the_run_with_the_terminal_as_it_was() {
    let mut shell = Terminal::shell(SIZE);
    shell.process.signal(Signal::TSTP);
    shell.process.stop();
    assert!(shell.is_as_before(), "the terminal of a stopped run");
    shell.process.signal(Signal::CONT);
    let shown = shell.line("echo on");
    assert!(shown.ends_with("\r\non\r\n"), "{shown:?}");
    assert!(!shell.is_as_before(), "the terminal of a run that goes on");
    shell.process.signal(Signal::TERM);
    assert_eq!(shell.end().signal(), Some(Signal::TERM.as_raw()));
}

/// Programs that draw the whole screen: what they show is looked for by parts, since where each goes is their affair.
#[test]
fn full_screen_programs_draw_and_take_keys() {
    let mut shell = Terminal::shell(SIZE);
    shell.start("vi /tmp/text");
    shell.output.expect("/tmp/text");
    // With more keys behind it vi takes Escape for the beginning of a sequence: its status line tells when it was taken.
    shell.keys("ione\rtwo\x1b");
    shell.output.expect("- /tmp/text [Modified] 2/2");
    shell.keys("kyypZZ");
    shell.output.expect(PROMPT);
    let shown = shell.line("cat /tmp/text; wc -l /tmp/text");
    assert!(shown.ends_with("\r\none\r\none\r\ntwo\r\n3 /tmp/text\r\n"), "{shown:?}");
    shell.line("seq 1000 >/tmp/numbers");
    shell.start("less /tmp/numbers");
    shell.output.expect("30");
    shell.keys("G");
    shell.output.expect("1000");
    shell.keys("q");
    shell.output.expect(PROMPT);
    shell.start("top");
    shell.output.expect("Load average:");
    shell.keys("q");
    shell.output.expect(PROMPT);
    let shown = shell.line("stty | grep -c echo; echo $?");
    assert!(shown.ends_with("\r\n0\r\n1\r\n"), "the terminal after them: {shown:?}");
}

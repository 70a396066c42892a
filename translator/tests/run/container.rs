//! What `docker run` says about a container: variables, user, directory, host name, streams, signals and exit codes, by options
//! of `prelift run`, the same as the module's own under the stock command, and by the image's configuration.

use crate::hosts::stock_run;
use crate::module::{busybox, world};
use crate::process::{Piped, prelift_run_of};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::io::Write;
use std::process::{Command, Stdio};

/// Exit code and outputs of a run without input.
fn run(command: &mut Command) -> (i32, String, String) {
    let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    (status.code().unwrap_or(-1), stdout, stderr)
}

/// A shell's script in busybox's container with these options: under `prelift run`, and as the module's own under the stock
/// command.
fn both(options: &[&str], script: &str) -> [Command; 2] {
    let words = ["sh", "-c", script];
    [prelift_run_of(busybox(), options, &words), stock_run(&[], &[options, &words].concat())]
}

#[test]
fn options_are_docker_runs_under_both_commands() {
    let options =
        ["--user", "nobody", "--workdir", "/new/place", "--hostname", "box", "--env", "A=1", "--env", "NOT_HERE"];
    let script = "id; pwd; stat -c '%u:%g %a' .; hostname; cat /etc/hostname; echo $A $HOME ${NOT_HERE-unset}";
    let expected =
        "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n/new/place\n0:0 755\nbox\nbox\n1 / unset\n";
    for mut command in both(&options, script) {
        assert_eq!(run(&mut command), (0, expected.to_owned(), String::new()), "{command:?}");
    }
    for mut command in both(&["--user", "12:tty"], "id -u; id -g; id -G; echo $HOME") {
        assert_eq!(run(&mut command).1, "12\n5\n5\n/\n", "{command:?}");
    }
}

#[test]
fn users_that_the_image_does_not_have_are_named() {
    for (user, what) in [
        ("bob", "unable to find user bob: no matching entries in passwd file"),
        ("root:bob", "unable to find group bob: no matching entries in group file"),
        ("2147483648", "unable to find user 2147483648"),
    ] {
        for mut command in both(&["--user", user], "echo ran") {
            let (code, stdout, stderr) = run(&mut command);
            assert_eq!((code, &*stdout), (125, ""), "{command:?}");
            assert!(stderr.contains(what), "{command:?}: {stderr}");
        }
    }
}

#[test]
fn files_of_variables_come_before_variables() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "# comment\nA=file\nB= two words \nHERE\nNOWHERE\n").unwrap();
    let path = file.path().to_str().unwrap();
    let script = "echo \"$A|$B|$HERE|${NOWHERE-unset}\"";
    let options = ["--env-file", path, "--env", "A=option"];
    let mut command = prelift_run_of(busybox(), &options, &["sh", "-c", script]);
    assert_eq!(run(command.env("HERE", "host's").env_remove("NOWHERE")).1, "option| two words |host's|unset\n");
    // The stock command shows a module only the directories that it is told to.
    let directory = file.path().parent().unwrap().to_str().unwrap();
    let preopen = format!("{directory}::{directory}");
    let words = [&options[..], &["sh", "-c", script]].concat();
    let mut command = stock_run(&["--env", "HERE=wasi's", "--dir", &preopen], &words);
    assert_eq!(run(&mut command).1, "option| two words |wasi's|unset\n");
    std::fs::write(&file, "A=1\nB C=2\n").unwrap();
    for mut command in [prelift_run_of(busybox(), &options, &["env"]), stock_run(&["--dir", &preopen], &words)] {
        let (code, stdout, stderr) = run(&mut command);
        assert!(code != 0 && stdout.is_empty(), "{command:?}");
        let what = format!("environment file {path}: line 2: expected NAME=VALUE or NAME, without blanks in the name");
        assert!(stderr.contains(&what), "{command:?}: {stderr}");
    }
}

#[test]
fn without_input_it_is_at_its_end_and_signals_arrive() {
    for mut command in both(&["--no-stdin"], "wc -c; echo end") {
        let mut program = Piped::spawn(command.stdin(Stdio::piped()));
        // Nobody reads it.
        program.stdin.as_mut().unwrap().write_all(b"text").unwrap();
        program.stdout.expect("0\nend\n");
        assert_eq!(program.process.end().code(), Some(0), "{command:?}");
    }
    let script = "trap 'echo caught; exit 7' USR1; echo ready; sleep 1000 & wait";
    let mut command = prelift_run_of(busybox(), &["--no-stdin"], &["sh", "-c", script]);
    let mut program = Piped::spawn(command.stdin(Stdio::piped()));
    program.stdout.expect("ready\n");
    program.process.signal(Signal::USR1);
    program.stdout.expect("caught\n");
    assert_eq!(program.process.end().code(), Some(7));
}

#[test]
fn a_terminal_may_be_had_and_refused() {
    for (option, shown) in [("--tty", "terminal\r\n"), ("--no-tty", "none\n")] {
        for mut command in both(&[option], "test -t 1 && echo terminal || echo none") {
            assert_eq!(run(&mut command).1, shown, "{command:?}");
        }
    }
}

/// More than a megabyte, the most that Linux takes by its own rule (a quarter of the stack's 8 MiB) being two.
#[test]
fn arguments_and_variables_may_be_as_long_as_linux_takes_them() {
    let long = |letter: &str| letter.repeat(100_000);
    let mut variables = String::new();
    for index in 0..8 {
        writeln!(variables, "LONG{index}={}", long("v")).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, variables).unwrap();
    let script = "echo $# ${#1} ${#LONG7} $(env | wc -c) $(cat /proc/self/cmdline | wc -c)";
    let all: Vec<String> =
        ["sh", "-c", script, "sh"].map(str::to_owned).into_iter().chain((0..8).map(|_| long("a"))).collect();
    let words: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut command = prelift_run_of(busybox(), &["--env-file", file.path().to_str().unwrap()], &words);
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!((code, stderr), (0, String::new()));
    let numbers: Vec<usize> = stdout.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [count, argument, variable, environment, line] = numbers[..] else { panic!("{stdout}") };
    assert_eq!((count, argument, variable), (8, 100_000, 100_000));
    assert!(environment > 800_000 && line > 0, "{stdout}");
    // One more than a single string may have: the guest's own exec refuses it.
    let mut command = prelift_run_of(busybox(), &["--env-file", file.path().to_str().unwrap()], &["true"]);
    std::fs::write(&file, format!("LONG={}\n", "x".repeat(128 << 10))).unwrap();
    let (code, _, stderr) = run(&mut command);
    assert_eq!((code, &*stderr), (126, "prelift: exec \"true\": Argument list too long (os error 7)\n"));
}

#[test]
fn streams_can_be_opened_again_by_any_user() {
    let script =
        "echo out >/dev/stdout; echo fd >>/proc/self/fd/1; echo error >/dev/stderr; cat /dev/stdin; cat /dev/fd/0";
    for user in ["root", "nobody", "4242:77"] {
        let mut command = prelift_run_of(busybox(), &["--user", user], &["sh", "-c", script]);
        let (status, stdout, stderr) = {
            let mut program = Piped::spawn(command.stdin(Stdio::piped()));
            program.stdin.as_mut().unwrap().write_all(b"input\n").unwrap();
            program.finish()
        };
        assert_eq!((status.code(), &*stdout, &*stderr), (Some(0), "out\nfd\ninput\n", "error\n"), "{user}");
        let mut command =
            prelift_run_of(busybox(), &["--user", user, "--tty"], &["sh", "-c", "echo out >/dev/stdout; tty"]);
        assert_eq!(run(&mut command), (0, "out\r\n/dev/pts/0\r\n".to_owned(), String::new()), "{user}");
    }
}

#[test]
fn sigterm_is_the_images_stop_signal() {
    let script = "trap 'echo quit; exit 3' QUIT; trap 'echo hangup' HUP; trap 'echo term; exit 4' TERM; echo ready; \
                  while :; do sleep 1000 & wait; done";
    for (options, shown, code) in
        [(&["--entrypoint", "sh"][..], "quit\n", 3), (&["--entrypoint", "sh", "--stop-signal", "SIGTERM"], "term\n", 4)]
    {
        let mut command = prelift_run_of(world(), options, &["-c", script]);
        let mut program = Piped::spawn(command.stdin(Stdio::piped()));
        program.stdout.expect("ready\n");
        program.process.signal(Signal::HUP);
        program.stdout.expect("hangup\n");
        program.process.signal(Signal::TERM);
        program.stdout.expect(shown);
        assert_eq!(program.process.end().code(), Some(code));
    }
}

#[test]
fn an_init_passes_signals_on_and_reaps() {
    // The shell handles no signal: as process 1 it would not get it.
    let script = "echo $$; sleep 1000";
    let mut program = Piped::spawn(prelift_run_of(busybox(), &["--init"], &["sh", "-c", script]).stdin(Stdio::null()));
    program.stdout.expect("2\n");
    program.process.signal(Signal::TERM);
    assert_eq!(program.process.end().code(), Some(128 + 15));
    // An orphan's end is seen by process 1 alone, which is not the program's to wait for.
    let script =
        "sh -c 'true & echo $! >/tmp/orphan'; while [ -e /proc/$(cat /tmp/orphan) ]; do :; done; echo reaped; exit 5";
    for (options, words) in [(&["--init"][..], "reaped\n"), (&["--init", "--user", "nobody", "--tty"], "reaped\r\n")] {
        let mut command = prelift_run_of(busybox(), options, &["sh", "-c", script]);
        assert_eq!(run(&mut command), (5, words.to_owned(), String::new()));
    }
    let mut command = prelift_run_of(busybox(), &["--init"], &["absent"]);
    assert_eq!(run(&mut command).0, 127);
}

#[test]
fn exit_codes_are_dockers() {
    #[rustfmt::skip]
    let rows: [(&[&str], &[&str], i32, &str); 8] = [
        (&[],                    &["/bin/absent"],             127, "exec \"/bin/absent\": No such file or directory"),
        (&[],                    &["absent"],                  127, "exec \"absent\": executable file not found in $PATH"),
        (&[],                    &["/bin/lost"],               127, "exec \"/bin/lost\": No such file or directory"),
        (&[],                    &["/bin/locked"],             126, "exec \"/bin/locked\": Permission denied"),
        (&[],                    &["/etc"],                    126, "exec \"/etc\": Permission denied"),
        (&[],                    &["/bin/damaged"],            126, "exec \"/bin/damaged\": Exec format error"),
        (&["--workdir=/etc/passwd"], &["true"],                125, "working directory"),
        (&[],                    &["sh", "-c", "exec sh -c 'kill -9 $$; sleep 9' & wait $!"], 137, ""),
    ];
    for (options, words, code, what) in rows {
        let mut command = prelift_run_of(world(), &[&["--entrypoint="], options].concat(), words);
        let (exit, stdout, stderr) = run(&mut command);
        assert_eq!((exit, &*stdout), (code, ""), "{words:?}: {stderr}");
        assert!(stderr.contains(what), "{words:?}: {stderr}");
    }
}

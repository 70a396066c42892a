//! Arguments, and what they mean.

use super::*;

fn parse(words: &[&str]) -> Options {
    Options::parse(words.iter().map(ToString::to_string)).unwrap()
}

fn refused(words: &[&str]) -> String {
    Options::parse(words.iter().map(ToString::to_string)).unwrap_err().to_string()
}

#[test]
fn values_follow_or_are_joined() {
    let options =
        parse(&["--entrypoint", "sh", "--env=A=b=c", "--env", "D", "--stats=json", "--workdir=/x", "--user="]);
    assert_eq!(options.entrypoint.as_deref(), Some("sh"));
    assert_eq!(options.env, ["A=b=c", "D"]);
    assert_eq!(options.stats, Some(StatsFormat::Json));
    assert_eq!((options.workdir.as_deref(), options.user.as_deref()), (Some("/x"), Some("")));
    assert!(options.args.is_empty() && !options.interpret);
    // The value of an option is not looked at: it may be an option's name.
    assert_eq!(parse(&["--hostname", "--stats"]), Options { hostname: Some("--stats".into()), ..Options::default() });
}

#[test]
fn the_first_other_word_ends_the_options() {
    for (words, args) in [
        (&["--interpret", "ls", "--stats"][..], &["ls", "--stats"][..]),
        (&["--interpret", "-l", "--stats"], &["-l", "--stats"]),
        (&["--interpret", "--", "--stats", "--"], &["--stats", "--"]),
        (&["--interpret", "--statistics"], &["--statistics"]),
        (&["--interpret", "--tty=yes"], &["--tty=yes"]),
        (&["--interpret", "", "x"], &["", "x"]),
        (&["--interpret", "--"], &[]),
    ] {
        let options = parse(words);
        assert_eq!((options.interpret, options.stats), (true, None), "{words:?}");
        assert_eq!(options.args, args, "{words:?}");
    }
}

#[test]
fn a_size_means_a_terminal() {
    let options = parse(&["--terminal", "50x132"]);
    assert_eq!((options.tty, options.terminal), (Some(true), Some(WindowSize { rows: 50, columns: 132 })));
    assert_eq!(parse(&["--tty", "--no-tty"]).tty, Some(false));
}

#[test]
fn wrong_values_name_option_and_expectation() {
    assert_eq!(refused(&["--entrypoint"]), "--entrypoint: expected PROGRAM after it");
    assert_eq!(refused(&["--terminal", "0x80"]), "--terminal: expected ROWSxCOLUMNS, got \"0x80\"");
    assert_eq!(refused(&["--stats=xml"]), "--stats: expected json, got \"xml\"");
    assert_eq!(refused(&["--snapshot-at=5"]), "--snapshot-at: expected N,FILE, got \"5\"");
    assert_eq!(refused(&["--workdir", "x"]), "--workdir: expected an absolute path, got \"x\"");
    assert_eq!(refused(&["--env", "=x"]), "--env: expected a name, or NAME=VALUE, got \"=x\"");
    for words in
        [&["--hostname="][..], &["--hostname", &"h".repeat(65)], &["--terminal=80"], &["--env-file="], &["--state="]]
    {
        assert!(refused(words).contains("expected"), "{words:?}");
    }
}

#[test]
fn signals_have_names_and_numbers() {
    assert_eq!(parse(&["--stop-signal", "quit"]).stop_signal, Some(3));
    assert!(refused(&["--stop-signal", "SIGSTOPP"]).contains("expected a signal"));
}

#[test]
fn help_names_every_option() {
    assert!(rows::all().all(|row| help().contains(row.name)));
}

#[test]
fn what_a_program_is_kept_from_has_dockers_words() {
    let options =
        parse(&["--ulimit=nofile=5:6", "--cap-drop", "all", "--cap-add=KILL", "--pids-limit=0", "--read-only"]);
    assert_eq!(options.limits, [Limit { resource: 7, soft: 5, hard: 6 }]);
    assert_eq!((options.capabilities.add, options.capabilities.drop), (1 << 5, capabilities::ALL));
    assert_eq!((options.pids, options.read_only), (Some(None), true));
    assert_eq!(parse(&["--pids-limit=7"]).pids, Some(Some(7)));
    assert_eq!((parse(&["--memory=1.5g"]).memory, parse(&["--memory", "0"]).memory), (Some(Some(3 << 29)), Some(None)));
    assert_eq!(
        refused(&["--memory=4m"]),
        "--memory: expected a size of at least 6m, such as 64m, 1.5g or a number of bytes; 0: no limit, got \"4m\""
    );
    for (value, expected) in
        [("no-new-privileges", true), ("no-new-privileges:true", true), ("no-new-privileges=false", false)]
    {
        assert_eq!(parse(&["--security-opt", value]).no_new_privileges, Some(expected), "{value}");
    }
    let seccomp = |value| parse(&["--security-opt", value]).seccomp;
    assert_eq!(seccomp("seccomp=a=b"), Some(seccomp::Choice::File("a=b".into())));
    assert_eq!(seccomp("seccomp=unconfined"), Some(seccomp::Choice::Unconfined));
    assert!(
        refused(&["--security-opt=seccomp=builtin"]).contains("expected no-new-privileges[=true|false], seccomp=FILE")
    );
    for words in [["--security-opt", "label=x"], ["--security-opt", "no-new-privileges=1"], ["--pids-limit", "-2"]] {
        assert!(refused(&words).contains("expected"), "{words:?}");
    }
    assert_eq!(
        refused(&["--tmpfs=x"]),
        format!("--tmpfs: expected {}, got \"x\"", crate::host::container::mounts::TMPFS_EXPECTED)
    );
}

//! What options keep a program from: the same that Debian's runc does with it on this machine, told in its own words.

use crate::hosts::stock_run;
use crate::module::busybox;
use crate::process::{Piped, prelift_run_of};
use crate::world::{MADE, assert_made, probed, runcs, section};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use test_images::runc;

/// Resources in Docker's words and runc's, with limits that a host's root may set.
#[rustfmt::skip]
const LIMITS: [(&str, &str, u64, u64); 16] = [
    ("as",         "RLIMIT_AS",         1 << 40, 1 << 41),
    ("core",       "RLIMIT_CORE",       0,       4096),
    ("cpu",        "RLIMIT_CPU",        1000,    2000),
    ("data",       "RLIMIT_DATA",       1 << 32, 1 << 33),
    ("fsize",      "RLIMIT_FSIZE",      1 << 30, 1 << 31),
    ("locks",      "RLIMIT_LOCKS",      100,     200),
    ("memlock",    "RLIMIT_MEMLOCK",    4096,    65536),
    ("msgqueue",   "RLIMIT_MSGQUEUE",   4096,    8192),
    ("nice",       "RLIMIT_NICE",       0,       0),
    ("nofile",     "RLIMIT_NOFILE",     100,     200),
    ("nproc",      "RLIMIT_NPROC",      100,     200),
    ("rss",        "RLIMIT_RSS",        1 << 30, 1 << 31),
    ("rtprio",     "RLIMIT_RTPRIO",     0,       0),
    ("rttime",     "RLIMIT_RTTIME",     1000,    2000),
    ("sigpending", "RLIMIT_SIGPENDING", 10,      20),
    ("stack",      "RLIMIT_STACK",      1 << 22, 1 << 24),
];

/// Runc's configuration of the probe as root.
fn config() -> Value {
    runc::config(&test_images::world().unwrap(), (0, 0, &[0, 30]), &["x"])
}

#[test]
fn all_limits_are_runcs() {
    let options: Vec<String> =
        LIMITS.iter().map(|(name, _, soft, hard)| format!("--ulimit={name}={soft}:{hard}")).collect();
    let rlimit = |(_, kind, soft, hard): &(&str, &str, u64, u64)| json!({ "type": kind, "soft": soft, "hard": hard });
    let mut config = config();
    config["process"]["rlimits"] = LIMITS.iter().map(rlimit).collect();
    let mut words = vec!["--user", "0", "--hostname", runc::HOSTNAME];
    words.extend(options.iter().map(String::as_str));
    let ours = probed(&words, &["x"]);
    assert!(section(&ours, "limits").contains(&"Max open files 100 200 files "), "{ours}");
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    assert_eq!(section(&ours, "limits"), section(&theirs, "limits"));
}

#[test]
fn privileges_and_a_sealed_root_are_runcs() {
    let mut options = vec!["--user", "0", "--hostname", runc::HOSTNAME, "--security-opt", "no-new-privileges"];
    options.extend(["--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "cap_net_raw", "--read-only"]);
    options.extend(["--tmpfs", "/tmp", "--tmpfs", "/srv/new:exec,size=1m,mode=711"]);
    let ours = probed(&options, &["x"]);
    for (name, line) in [
        ("mounts", "/ ro,relatime - overlay overlay rw"),
        ("mounts", "/etc/hosts ro,nosuid,relatime - tmpfs tmpfs rw"),
        ("mounts", "/data/volume rw,relatime - overlay overlay rw"),
        ("status", "NoNewPrivs:\t1"),
    ] {
        assert!(section(&ours, name).contains(&line), "{line}\n{ours}");
    }
    let mut config = config();
    let capabilities = ["CAP_CHOWN", "CAP_NET_RAW"];
    config["process"]["capabilities"] =
        json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities });
    config["process"]["noNewPrivileges"] = json!(true);
    config["root"]["readonly"] = json!(true);
    let mut mount = |place: &str, options: &[&str]| {
        let mount = json!({ "destination": place, "type": "tmpfs", "source": "tmpfs", "options": options });
        config["mounts"].as_array_mut().unwrap().push(mount);
    };
    mount("/tmp", &["noexec", "nosuid", "nodev"]);
    mount("/srv/new", &["nosuid", "nodev", "size=1m", "mode=711"]);
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    for name in ["status", "what needs privilege"] {
        assert_eq!(section(&ours, name), section(&theirs, name), "[{name}]");
    }
    for name in MADE {
        assert_made(&ours, &theirs, name);
    }
}

#[test]
fn processes_are_limited_under_both_commands() {
    let script = "cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6; do sleep 100 & done";
    let (options, words) = (["--pids-limit", "4"], ["sh", "-c", script]);
    for mut command in
        [prelift_run_of(busybox(), &options, &words), stock_run(&[], &[&options[..], &words[..]].concat())]
    {
        let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
        assert_eq!((status.code(), &*stdout), (Some(2), "4\n"), "{command:?}");
        assert_eq!(stderr, "sh: can't fork: Resource temporarily unavailable\n", "{command:?}");
    }
    let mut command = prelift_run_of(busybox(), &["--pids-limit", "-1"], &["test", "-e", "/sys/fs/cgroup/pids.max"]);
    assert_eq!(run(&mut command), (Some(1), String::new()));
}

/// Writes so many MiB to a file system in memory, and says how that ended.
fn fill(mebibytes: u32) -> String {
    format!("dd if=/dev/zero of=/m/file bs=1M count={mebibytes} 2>/dev/null; echo $? $(stat -c %s /m/file)")
}

#[test]
fn memory_is_what_the_option_says_under_both_commands() {
    let machine = "[ $(awk '/MemTotal/ { print $2 }' /proc/meminfo) -gt 131072 ] && echo added";
    let state = "cat /sys/fs/cgroup/memory.max; dmesg | grep -c 'Killed process'";
    for (options, script, expected) in [
        // More than the machine of the snapshot has, for the container's root as for any other file system in memory.
        (&["--memory", "400m"][..], format!("{state}; {machine}; {}", fill(300)), "419430400\n0\nadded\n0 314572800\n"),
        (&["--memory", "1g"], "dd if=/dev/zero of=/file bs=1M count=200 2>/dev/null; echo $?".to_owned(), "0\n"),
        // Less: the program is killed at its limit, and the rest of the container goes on.
        (
            &["--memory", "20000000"],
            format!("{machine}; {} | cut -d ' ' -f 1; {state}", fill(60)),
            "137\n19996672\n1\n",
        ),
        (&["--memory", "0"], format!("{machine}; {state}"), "0\n"),
        (&[], format!("{machine}; {state}"), "0\n"),
    ] {
        let options = [options, &["--tmpfs", "/m:size=1g", "--cap-add", "SYSLOG"]].concat();
        let words = ["sh", "-c", &format!("{script}; rm -f /m/file")];
        for mut command in
            [prelift_run_of(busybox(), &options, &words), stock_run(&[], &[&options[..], &words[..]].concat())]
        {
            let (_, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
            assert_eq!(stdout, expected, "{command:?}: {stderr}");
        }
    }
}

#[test]
fn memory_for_which_there_is_no_room_is_refused_with_the_most_that_there_is() {
    let mut command = prelift_run_of(busybox(), &["--memory", "4g"], &["echo", "ran"]);
    let (code, text) = run(&mut command);
    let most = text.split("expected at most ").nth(1).and_then(|rest| rest.split_once(':')).map(|(most, _)| most);
    let (Some(125), Some(most)) = (code, most) else { panic!("{code:?}: {text}") };
    assert!(text.starts_with("prelift: a limit of 4294967296 bytes of memory"), "{text}");
    let mut command = prelift_run_of(busybox(), &["--memory", most], &["cat", "/sys/fs/cgroup/memory.max"]);
    let (_, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    let bytes = most.strip_suffix('m').unwrap().parse::<u64>().unwrap() << 20;
    assert_eq!((stdout, &*stderr), (format!("{bytes}\n"), ""));
    assert!(bytes > 3 << 30, "{most}");
}

/// System calls that are refused: always, with one argument, and so that the program ends.
const PROFILE: &str = r#"{
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "syscalls": [
        { "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 25 },
        { "names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 1, "value": 10, "op": "SCMP_CMP_EQ" }] },
        { "names": ["sync", "not_in_any_kernel"], "action": "SCMP_ACT_KILL_PROCESS" }
    ]
}"#;
const PROFILED: &str =
    "mkdir /tmp/new; kill -USR1 $$; kill -0 $$ && echo there; sync; echo $?; grep Seccomp: /proc/self/status";
const REFUSED: &str = "mkdir: can't create directory '/tmp/new': Inappropriate ioctl for device
sh: can't kill pid 1: Operation not permitted
there
Bad system call
159
Seccomp:\t2
";

#[test]
fn a_profile_refuses_the_system_calls_that_runc_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("profile.json");
    std::fs::write(&file, PROFILE).unwrap();
    let script = format!("exec 2>&1; {PROFILED}");
    let words = ["sh", "-c", &script];
    let own = format!("seccomp={}", file.display());
    for privileges in [&[][..], &["--security-opt", "no-new-privileges"], &["--user", "nobody", "--init"]] {
        let options = [privileges, &["--security-opt", &own]].concat();
        let preopen = format!("{}::/profiles", directory.path().display());
        let theirs = [privileges, &["--security-opt", "seccomp=/profiles/profile.json"], &words[..]].concat();
        for mut command in [prelift_run_of(busybox(), &options, &words), stock_run(&["--dir", &preopen], &theirs)] {
            let (status, stdout, _) = Piped::spawn(command.stdin(Stdio::null())).finish();
            let expected =
                if privileges.contains(&"--init") { REFUSED.replace("pid 1", "pid 2") } else { REFUSED.to_owned() };
            assert_eq!((status.code(), stdout), (Some(0), expected), "{command:?}");
        }
    }
    let mut config = config();
    config["linux"]["seccomp"] = serde_json::from_str(PROFILE).unwrap();
    config["process"]["args"] = json!(words);
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    assert_eq!(theirs, REFUSED);
}

#[test]
fn a_wrong_profile_is_refused_by_name_line_and_expectation() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "{\n  \"defaultAction\": \"SCMP_ACT_FLY\"\n}").unwrap();
    let option = format!("--security-opt=seccomp={}", file.path().display());
    let (code, text) = run(&mut prelift_run_of(busybox(), &[&option], &["echo", "ran"]));
    assert_eq!(code, Some(125));
    let name = file.path().file_name().unwrap().to_str().unwrap();
    assert!(text.contains(name) && text.contains("expected one of `SCMP_ACT_KILL`"), "{text}");
    assert!(text.contains("at line 2 column"), "{text}");
}

#[test]
fn each_container_has_its_session_keyring() {
    // The list of keys is masked, for who may not take the mask away.
    let script = "umount /proc/keys; sed -n 's/.* keyring *\\(_ses[.].*\\): empty/\\1/p' /proc/keys; hostname";
    let (options, words) = (["--cap-add", "SYS_ADMIN"], ["sh", "-c", script]);
    for mut command in
        [prelift_run_of(busybox(), &options, &words), stock_run(&[], &[&options[..], &words[..]].concat())]
    {
        let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
        let lines: Vec<&str> = stdout.lines().collect();
        let [keyring, name] = lines[..] else { panic!("{command:?}: {stdout}{stderr}") };
        assert_eq!((status.code(), keyring), (Some(0), &*format!("_ses.{name}")), "{command:?}");
    }
}

#[test]
fn wrong_options_are_refused_by_both_commands() {
    for (option, value, expected) in [
        ("--ulimit", "files=1", "expected NAME=SOFT[:HARD]"),
        ("--cap-add", "FLY", "expected a capability"),
        ("--security-opt", "apparmor=x", "expected no-new-privileges"),
        ("--tmpfs", "run", "expected PATH[:OPTIONS], an absolute path"),
        ("--pids-limit", "few", "expected a number"),
        ("--memory", "5m", "expected a size of at least 6m"),
    ] {
        let options = [option, value];
        for mut command in
            [prelift_run_of(busybox(), &options, &["true"]), stock_run(&[], &[&options[..], &["true"]].concat())]
        {
            let (code, text) = run(&mut command);
            assert!(code != Some(0) && text.contains(option) && text.contains(expected), "{command:?}: {text}");
        }
    }
}

/// Exit code and standard error of a run without input.
fn run(command: &mut Command) -> (Option<i32>, String) {
    let (status, _, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    (status.code(), stderr)
}

//! A runtime's `config.json`: the container that Debian's runc makes from the same file on this machine.

use crate::hosts::{stock, stock_run};
use crate::module::{busybox, world};
use crate::process::{Piped, prelift_run_of};
use crate::world::{MADE, assert_made, runcs, section};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use test_images::runc;

/// Sections that the file says all of.
pub(crate) const SAID: [&str; 8] = [
    "identity",
    "arguments",
    "environment",
    "status",
    "limits",
    "namespaces",
    "open files of process 1",
    "what needs privilege",
];

/// All limits, so that none is the kernel's own.
const RLIMITS: [&str; 16] = [
    "AS",
    "CORE",
    "CPU",
    "DATA",
    "FSIZE",
    "LOCKS",
    "MEMLOCK",
    "MSGQUEUE",
    "NICE",
    "NOFILE",
    "NPROC",
    "RSS",
    "RTPRIO",
    "RTTIME",
    "SIGPENDING",
    "STACK",
];

/// Another container than Docker's in every respect.
pub(crate) fn unusual() -> Value {
    let mut config = runc::config(&test_images::world().unwrap(), (1000, 1000, &[29, 30]), &["a", "b c"]);
    let process = &mut config["process"];
    process["user"]["umask"] = json!(0o27);
    process["env"] = json!(["PATH=/bin", "ONLY=this"]);
    process["cwd"] = json!("/made/by/the/runtime");
    process["noNewPrivileges"] = json!(true);
    process["oomScoreAdj"] = json!(100);
    let capabilities = ["CAP_KILL", "CAP_CHOWN"];
    process["capabilities"] = json!({ "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
        "inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"] });
    let limit = |name: &&str| {
        let limit: u64 = match *name {
            "NICE" | "RTPRIO" => 0,
            "AS" | "DATA" | "FSIZE" | "RSS" | "STACK" => 1 << 33,
            _ => 1000,
        };
        json!({ "type": format!("RLIMIT_{name}"), "soft": limit / 2, "hard": limit })
    };
    process["rlimits"] = RLIMITS.iter().map(limit).collect();
    config["root"]["readonly"] = json!(true);
    let mounts = config["mounts"].as_array_mut().unwrap();
    mounts.retain(|mount| mount["destination"] != "/dev/mqueue");
    mounts.push(
        json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=1m"] }),
    );
    mounts.push(json!({ "destination": "/srv/data", "type": "tmpfs", "source": "own", "options": ["ro", "rprivate"] }));
    let linux = &mut config["linux"];
    linux["maskedPaths"] = json!(["/proc/kcore", "/etc/group", "/srv"]);
    linux["readonlyPaths"] = json!(["/proc/sys", "/tmp"]);
    linux["devices"] =
        json!([{ "type": "c", "path": "/dev/memory", "major": 1, "minor": 1, "fileMode": 0o640, "uid": 3, "gid": 4 }]);
    linux["resources"] = json!({ "devices": [{ "allow": false, "access": "rwm" },
        { "allow": true, "type": "c", "major": 1, "minor": 1, "access": "r" }], "pids": { "limit": 100 } });
    linux["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": ["sethostname", "chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 }] });
    config
}

/// A directory with the file.
pub(crate) fn bundle(config: &Value) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    directory
}

pub(crate) fn file(bundle: &tempfile::TempDir) -> String {
    bundle.path().join("config.json").display().to_string()
}

pub(crate) fn preopen(bundle: &tempfile::TempDir) -> String {
    format!("{}::/bundle", bundle.path().display())
}

/// Exit code and outputs of a run without input.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let (status, stdout, stderr) = Piped::spawn(command.stdin(Stdio::null())).finish();
    (status.code(), stdout, stderr)
}

/// `prelift run` of a module with a file.
pub(crate) fn configured(
    module: &Path,
    config: &Value,
    options: &[&str],
    words: &[&str],
) -> (Option<i32>, String, String) {
    let bundle = bundle(config);
    run(&mut prelift_run_of(module, &[options, &["--config", &file(&bundle)]].concat(), words))
}

#[test]
fn an_unusual_container_is_runcs() {
    let config = unusual();
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    assert!(section(&theirs, "status").contains(&"Seccomp:\t2"), "{theirs}");
    let bundle = bundle(&config);
    let own = prelift_run_of(world(), &["--config", &file(&bundle)], &[]);
    let mut stock = stock(&["--dir", &preopen(&bundle)], world());
    stock.args(["--config", "/bundle/config.json"]);
    for mut command in [own, stock] {
        let (code, ours, stderr) = run(&mut command);
        assert_eq!(code, Some(0), "{command:?}: {ours}{stderr}");
        for name in SAID {
            assert_eq!(section(&ours, name), section(&theirs, name), "{command:?}: [{name}]");
        }
        // What is not masked here shows the kernels.
        for name in MADE.iter().filter(|name| **name != "masked") {
            assert_made(&ours, &theirs, name);
        }
        let count = |text: &str, name: &str| section(text, name).len();
        assert_eq!(count(&ours, "devices"), count(&theirs, "devices"), "{ours}");
    }
}

#[test]
fn the_file_that_runc_writes_is_runcs_container() {
    let directory = tempfile::tempdir().unwrap();
    if let Err(reason) = Command::new("runc").arg("spec").current_dir(&directory).status() {
        return kernel_snapshot::testing::skipped(&format!("runc cannot be run: {reason}"));
    }
    let text = std::fs::read(directory.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    config["process"]["args"] = json!(["/bin/world"]);
    config["process"]["terminal"] = json!(false);
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    let (code, ours, stderr) = configured(world(), &config, &[], &[]);
    assert_eq!(code, Some(0), "{stderr}");
    for name in SAID.iter().filter(|name| **name != "limits") {
        assert_eq!(section(&ours, name), section(&theirs, name), "[{name}]");
    }
    for name in MADE {
        assert_made(&ours, &theirs, name);
    }
    // It asks for a terminal, as the program is to have one.
    config["process"]["terminal"] = json!(true);
    config["process"]["args"] = json!(["sh", "-c", "tty"]);
    assert_eq!(configured(world(), &config, &[], &[]).1, "/dev/pts/0\r\n");
}

#[test]
fn the_file_that_runc_writes_for_users_without_privileges_is_runcs_container() {
    let directory = tempfile::tempdir().unwrap();
    if let Err(reason) = Command::new("runc").args(["spec", "--rootless"]).current_dir(&directory).status() {
        return kernel_snapshot::testing::skipped(&format!("runc cannot be run: {reason}"));
    }
    let text = std::fs::read(directory.path().join("config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    config["process"]["args"] = json!(["/bin/world"]);
    config["process"]["terminal"] = json!(false);
    let (code, ours, stderr) = configured(world(), &config, &[], &[]);
    assert_eq!(code, Some(0), "{stderr}");
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    for name in SAID.iter().filter(|name| **name != "limits") {
        assert_eq!(section(&ours, name), section(&theirs, name), "[{name}]");
    }
}

#[test]
fn what_a_run_is_told_of_scheduling_and_settings_is_the_kernels() {
    let script = "cut -d ' ' -f 19,40,41 /proc/1/stat; ionice -p 1; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni \
        /proc/sys/kernel/domainname; uname -m; cd /sys/fs/cgroup; cat cpu.weight cpu.max memory.low memory.high; touch /proc/sys/kernel/shmmni 2>&1";
    let mut config = runc::config(&test_images::world().unwrap(), (0, 0, &[0]), &[]);
    config["process"]["args"] = json!(["sh", "-c", script]);
    config["process"]["scheduler"] = json!({ "policy": "SCHED_BATCH", "nice": -5 });
    config["process"]["ioPriority"] = json!({ "class": "IOPRIO_CLASS_BE", "priority": 2 });
    config["domainname"] = json!("domain");
    config["linux"]["personality"] = json!({ "domain": "LINUX32" });
    config["linux"]["sysctl"] = json!({ "net.ipv4.ip_forward": "1", "kernel.shmmni": "77" });
    config["linux"]["resources"] = json!({ "cpu": { "shares": 512, "quota": 50_000, "period": 200_000 },
        "memory": { "reservation": 8192 }, "unified": { "memory.high": "104857600" } });
    let expected = "-5 0 3\nbest-effort: prio 2\n1\n77\ndomain\ni686\n20\n50000 200000\n8192\n104857600\n\
        touch: /proc/sys/kernel/shmmni: Read-only file system\n";
    let (code, stdout, stderr) = configured(busybox(), &config, &[], &[]);
    assert_eq!((code, &*stdout), (Some(1), expected), "{stderr}");
    config["process"]["scheduler"] = json!({ "policy": "SCHED_RR", "priority": 42 });
    config["process"]["args"] = json!(["cut", "-d", " ", "-f", "40,41", "/proc/1/stat"]);
    assert_eq!(configured(busybox(), &config, &[], &[]).1, "42 2\n");
    // What the kernel refuses is told with its reason.
    config["process"]["scheduler"] = json!({ "policy": "SCHED_RR", "priority": 100 });
    let (code, _, stderr) = configured(busybox(), &config, &[], &[]);
    assert!(code == Some(125) && stderr.contains("set the scheduler: Invalid argument"), "{stderr}");
}

#[test]
fn session_keyrings_are_runcs() {
    let image = test_images::world().unwrap();
    let mut config = runc::config(&image, (0, 0, &[]), &[]);
    let script = "awk '/ _ses[.]/ { sub(/\\..*/, \"\", $9); print $2, $4, $5, $6, $7, $8, $9 }' /proc/keys";
    config["process"]["args"] = json!(["sh", "-c", script]);
    config["linux"]["maskedPaths"] = json!([]);
    let (code, ours, stderr) = configured(world(), &config, &[], &[]);
    assert_eq!((code, &*ours), (Some(0), "I--Q--- perm 3f1b0000 0 0 keyring _ses\n"), "{stderr}");
    let Some(theirs) = runcs(&image, &config) else { return };
    assert_eq!(ours, theirs);
}

#[test]
fn options_come_before_the_file() {
    let script = "id -u; id -G; pwd; hostname; echo $A $B $PATH; ulimit -n; grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; \
                  cat /sys/fs/cgroup/pids.max; touch /new 2>&1; stat -f -c %T /more";
    let mut config = unusual();
    config["process"]["args"] = json!(["sh", "-c", script]);
    config["process"]["env"] = json!(["PATH=/bin", "A=1", "B=2"]);
    config["linux"]["maskedPaths"] = json!([]);
    let told = ["--user", "12:5", "--workdir", "/", "--hostname", "box", "--env", "A=3", "--ulimit", "nofile=77"];
    let kept =
        ["--cap-drop", "ALL", "--security-opt", "no-new-privileges=false", "--security-opt", "seccomp=unconfined"];
    let rest = ["--pids-limit", "55", "--tmpfs", "/more"];
    let expected = "12\n5\n/\nbox\n3 2 /bin\n77\nCapBnd:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n55\n\
                    touch: /new: Read-only file system\ntmpfs\n";
    let (code, stdout, stderr) = configured(busybox(), &config, &[&told[..], &kept, &rest].concat(), &[]);
    assert_eq!((code, &*stdout, &*stderr), (Some(0), expected, ""));
    // Words after the module are the program.
    assert_eq!(configured(busybox(), &config, &[], &["sh", "-c", "echo own; umask"]).1, "own\n0027\n");
}

#[test]
fn directories_of_the_host_are_mounted_where_the_file_wants_them() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "host's\n").unwrap();
    let mut config = runc::config(&test_images::world().unwrap(), (0, 0, &[0]), &[]);
    config["process"]["args"] = json!(["sh", "-c", "cat /there/file; touch /there/file 2>&1; ls /data 2>&1"]);
    config["mounts"].as_array_mut().unwrap().push(
        json!({ "destination": "/there", "type": "bind", "source": "/data", "options": ["rbind", "ro", "rprivate"] }),
    );
    let directory = format!("{}::/data", host.path().display());
    let expected = "host's\ntouch: /there/file: Read-only file system\nls: /data: No such file or directory\n";
    let (_, stdout, stderr) = configured(busybox(), &config, &["--dir", &directory], &[]);
    assert_eq!((&*stdout, &*stderr), (expected, ""));
    let bundle = bundle(&config);
    let options = ["--dir", &directory, "--dir", &preopen(&bundle)];
    assert_eq!(run(&mut stock_run(&options, &["--config", "/bundle/config.json"])).1, expected);
    let (code, _, stderr) = configured(busybox(), &config, &[], &[]);
    let what = "mounts[7].source: expected a directory of the host that the module has (none), got \"/data\"";
    assert!(code == Some(125) && stderr.contains(what), "{stderr}");
}

#[test]
fn what_is_not_done_is_refused_by_its_path_under_both_commands() {
    let mut config = unusual();
    config["linux"]["resources"]["blockIO"] = json!({ "weight": 512 });
    let bundle = bundle(&config);
    let own = prelift_run_of(busybox(), &["--config", &file(&bundle)], &["echo", "ran"]);
    let stock = stock_run(&["--dir", &preopen(&bundle)], &["--config", "/bundle/config.json", "echo", "ran"]);
    for mut command in [own, stock] {
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!((code, &*stdout), (Some(125), ""), "{command:?}");
        let what =
            "config.json: linux.resources.blockIO: this is not done; expected nothing beside devices, pids, memory";
        assert!(stderr.contains(what), "{command:?}: {stderr}");
    }
}

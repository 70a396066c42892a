//! Namespaces of users and time that a runtime's `config.json` asks for: what Debian's runc makes of the same file on this machine, or
//! `unshare` where that runc has none (1.1.5: time namespaces came with 1.2.0).

use crate::hosts::{stock, stock_run};
use crate::module::{busybox, world};
use crate::process::prelift_run_of;
use crate::spec::{SAID, bundle, configured, file, preopen, run, unusual};
use crate::world::{MADE, assert_made, runcs, section};
use serde_json::{Value, json};
use std::process::Command;
use test_images::runc;

/// Ranges that are no identity. The machine's root, who owns the image, is somebody in the container.
fn ranges(outside: u32) -> Value {
    json!([{ "containerID": 0, "hostID": outside, "size": 2000 }, { "containerID": 2000, "hostID": 0, "size": 500 }])
}

fn with_users(mut config: Value) -> Value {
    config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
    (config["linux"]["uidMappings"], config["linux"]["gidMappings"]) = (ranges(100_000), ranges(200_000));
    config
}

fn busyboxs(script: &str) -> Value {
    let mut config = runc::config(&test_images::world().unwrap(), (0, 0, &[0]), &[]);
    config["process"]["args"] = json!(["sh", "-c", script]);
    config
}

/// Lines that say something else than the container: of the file system that the machine has its devices in; the group of
/// `/dev/mqueue`, which runc mounts before it sets its group (`nsexec.c`, `STAGE_CHILD`).
fn is_machines(line: &str) -> bool {
    line.contains(" - devtmpfs ") || line.ends_with("./mqueue")
}

#[test]
fn a_container_with_users_of_its_own_is_runcs() {
    let mut config = with_users(unusual());
    // Of such a container runc has the nodes of its host.
    config["linux"]["devices"] = json!([
        { "type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11, "fileMode": 0o644, "uid": 2000, "gid": 2000 }
    ]);
    let mut plain = with_users(runc::config(&test_images::world().unwrap(), (0, 0, &[0, 30]), &["x"]));
    plain["process"]["rlimits"] = config["process"]["rlimits"].clone();
    for config in [config, plain] {
        let bundle = bundle(&config);
        let own = prelift_run_of(world(), &["--config", &file(&bundle)], &[]);
        let mut stock = stock(&["--dir", &preopen(&bundle)], world());
        stock.args(["--config", "/bundle/config.json"]);
        let theirs = runcs(&test_images::world().unwrap(), &config);
        for mut command in [own, stock] {
            let (code, ours, stderr) = run(&mut command);
            assert_eq!(code, Some(0), "{command:?}: {ours}{stderr}");
            assert_eq!(section(&ours, "ids")[..2], ["0 100000 2000", "2000 0 500"], "{ours}");
            let Some(theirs) = &theirs else { continue };
            for name in SAID.iter().chain(&["ids"]) {
                assert_eq!(section(&ours, name), section(theirs, name), "{command:?}: [{name}]");
            }
            let theirs: String = theirs.split_inclusive('\n').filter(|line| !is_machines(line.trim_end())).collect();
            for name in MADE.iter().filter(|name| **name != "masked") {
                assert_made(&ours, &theirs, name);
            }
        }
    }
}

#[test]
fn ids_without_a_mapping_are_the_overflow_ids() {
    let script =
        "stat -c '%u:%g %n' / /bin/busybox /dev/null /proc/1/status /proc/sys/kernel; touch /new 2>&1; cd /tmp;
        touch own && stat -c '%u:%g' own; chown 5:5 own; chown 10:0 own 2>&1; mknod node c 1 3 2>&1;
        tr -s ' ' </proc/self/uid_map; echo a >/dev/null && echo usable;
        mount -t tmpfs none /tmp && stat -f -c %T /tmp; mount -t ext4 /dev/null /tmp 2>&1";
    let mut config = with_users(busyboxs(script));
    let range = json!([{ "containerID": 0, "hostID": 70_000, "size": 10 }]);
    (config["linux"]["uidMappings"], config["linux"]["gidMappings"]) = (range.clone(), range);
    for kind in ["bounding", "effective", "permitted"] {
        let capabilities = &mut config["process"]["capabilities"][kind];
        capabilities.as_array_mut().unwrap().push(json!("CAP_SYS_ADMIN"));
    }
    config["process"]["cwd"] = json!("/");
    let expected = "65534:65534 /\n65534:65534 /bin/busybox\n65534:65534 /dev/null\n0:0 /proc/1/status\n\
        65534:65534 /proc/sys/kernel\ntouch: /new: Permission denied\n0:0\n\
        chown: own: Invalid argument\nmknod: node: Operation not permitted\n 0 70000 10\nusable\n\
        tmpfs\nmount: permission denied (are you root?)\n";
    let (_, stdout, stderr) = configured(busybox(), &config, &[], &[]);
    assert_eq!(stdout, expected, "{stderr}");
    config["process"]["args"][2] = json!(format!("{script}; true"));
    if let Some(theirs) = runcs(&test_images::world().unwrap(), &config) {
        assert_eq!(theirs, expected);
    }
}

#[test]
fn what_a_user_namespaces_root_may_not_do_is_done_for_it() {
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "host's\n").unwrap();
    let script = "ulimit -Hn; cat /proc/self/oom_score_adj; cat /data/file; touch /data/new && stat -c '%u:%g' /data/new;
        stat -c '%A %u:%g %t,%T' /dev/memory /dev/console; tty; stat -c %u $(tty); ip address show lo | grep -c 'UP,'; id; cat /sys/fs/cgroup/pids.max";
    let mut config = with_users(busyboxs(script));
    config["process"]["user"] = json!({ "uid": 3, "gid": 4, "additionalGids": [5] });
    config["process"]["oomScoreAdj"] = json!(-7);
    config["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 500_000, "hard": 1_000_000 }]);
    config["linux"]["resources"] = json!({ "pids": { "limit": 9 } });
    config["linux"]["devices"] = json!([
        { "type": "c", "path": "/dev/memory", "major": 1, "minor": 1, "fileMode": 0o640, "uid": 3, "gid": 4 }
    ]);
    let directory = format!("{}::/data", host.path().display());
    let (code, stdout, stderr) = configured(busybox(), &config, &["--tty", "--dir", &directory], &[]);
    let expected = "1000000\n-7\nhost's\n3:4\ncrw-r----- 3:4 1,1\ncrw--w---- 3:5 88,0\n/dev/pts/0\n3\n1\n\
        uid=3 gid=4 groups=5(tty)\n9\n";
    assert_eq!((code, &*stdout.replace("\r\n", "\n")), (Some(0), expected), "{stderr}");
    // The options' user counts, if he is mapped.
    let (code, _, stderr) = configured(busybox(), &config, &["--user", "4000"], &[]);
    assert!(
        code == Some(125) && stderr.contains("expected ids that the container's user namespace maps"),
        "{code:?}: {stderr}"
    );
}

#[test]
fn keyrings_of_other_users_are_runcs() {
    let script = "awk '/ _ses[.]/ { sub(/\\..*/, \"\", $9); print $2, $4, $5, $6, $7, $8, $9 }' /proc/keys";
    let mut config = with_users(busyboxs(script));
    config["linux"]["maskedPaths"] = json!([]);
    let (code, ours, stderr) = configured(world(), &config, &[], &[]);
    assert_eq!((code, &*ours), (Some(0), "I--Q--- perm 3f130008 0 0 keyring _ses\n"), "{stderr}");
    let Some(theirs) = runcs(&test_images::world().unwrap(), &config) else { return };
    assert_eq!(ours, theirs);
}

#[test]
fn clocks_of_the_container_are_ahead_under_both_commands() {
    let script = "cat /proc/self/timens_offsets; [ $(cut -d . -f 1 /proc/uptime) -ge 864000 ] && echo later";
    let mut config = busyboxs(script);
    config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "time" }));
    config["linux"]["timeOffsets"] =
        json!({ "monotonic": { "secs": 3, "nanosecs": 500 }, "boottime": { "secs": 864_000, "nanosecs": 0 } });
    let expected = "monotonic           3       500\nboottime       864000         0\nlater\n";
    for config in [config.clone(), with_users(config.clone())] {
        let bundle = bundle(&config);
        let own = prelift_run_of(busybox(), &["--config", &file(&bundle)], &[]);
        let stock = stock_run(&["--dir", &preopen(&bundle)], &["--config", "/bundle/config.json"]);
        for mut command in [own, stock] {
            let (code, stdout, stderr) = run(&mut command);
            assert_eq!((code, &*stdout, &*stderr), (Some(0), expected, ""), "{command:?}");
        }
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--time", "--monotonic", "3", "--boottime", "864000", "sh", "-c", script]);
    match unshare.output() {
        Ok(output) if output.status.success() => {
            let theirs = String::from_utf8(output.stdout).unwrap();
            // Its offsets are whole seconds.
            assert_eq!(theirs, expected.replace("      500\n", "        0\n"));
        }
        other => kernel_snapshot::testing::skipped(&format!("no time namespace can be made here: {other:?}")),
    }
    // A clock would be below zero.
    config["linux"]["timeOffsets"]["boottime"]["secs"] = json!(-864_000);
    let (code, _, stderr) = configured(busybox(), &config, &[], &[]);
    let what = "set the clocks of the time namespace: monotonic 3 500, boottime -864000 0";
    assert!(code == Some(125) && stderr.contains(what), "{code:?}: {stderr}");
}

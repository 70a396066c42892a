//! Files, and what they mean or why they are refused.

use super::*;
use channel::{ANY_ACCESS, BIND, MKNOD, NODEV, NOEXEC, NOSUID, RDONLY, READ};
use channel::{IdMappings, IdRange, Namespaces, TimeOffset, TimeOffsets};
use serde_json::{Value, json};

/// What any container needs to say.
fn least() -> Value {
    json!({
        "ociVersion": "1.0.2",
        "process": { "args": ["sh"], "cwd": "/" },
        "root": { "path": "rootfs" },
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "network" }] },
    })
}

fn parse(json: &Value) -> Result<Bundle, String> {
    Bundle::parse(json.to_string().as_bytes())
}

/// The least with a value at a place.
fn with(pointer: &str, value: Value) -> Value {
    let mut json = least();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap()[key] = value;
    json
}

#[test]
fn the_least_is_a_container_without_anything() {
    let bundle = parse(&least()).unwrap();
    assert_eq!((&*bundle.args, &*bundle.cwd, bundle.user), (&["sh".to_owned()][..], "/", (0, 0)));
    assert_eq!((bundle.capabilities, bundle.pids), (CapabilitySets::default(), None));
    let world = World { mounts: vec![], masked: vec![], read_only: vec![], generated_files: false, ..World::default() };
    assert_eq!(bundle.world, world);
    let image = ImageConfig { stop_signal: "INT".into(), env: vec!["A=1".into()], ..ImageConfig::default() };
    let own = bundle.in_place_of(&image);
    assert_eq!((&*own.stop_signal, &*own.user, own.env.len()), ("INT", "0:0", 0));
}

#[test]
fn a_process_is_what_the_file_says() {
    let process = json!({
        "terminal": true,
        "consoleSize": { "height": 30, "width": 90 },
        "user": { "uid": 7, "gid": 8, "umask": 63, "additionalGids": [9] },
        "args": ["a", "b"],
        "env": ["X=1"],
        "cwd": "/srv",
        "capabilities": { "bounding": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_KILL"], "permitted": null },
        "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 5, "hard": 6 }],
        "noNewPrivileges": true,
        "oomScoreAdj": -7,
    });
    let bundle = parse(&with("/process", process)).unwrap();
    assert_eq!((bundle.user, &*bundle.groups, bundle.umask), ((7, 8), &[9][..], Some(0o77)));
    assert_eq!((bundle.terminal, bundle.window), (true, Some(WindowSize { rows: 30, columns: 90 })));
    assert_eq!(bundle.capabilities, CapabilitySets { bounding: 33, effective: 32, ..CapabilitySets::default() });
    assert_eq!(bundle.limits, [Limit { resource: 7, soft: 5, hard: 6 }]);
    assert_eq!((bundle.no_new_privileges, bundle.oom_score_adj), (true, Some(-7)));
}

#[test]
fn mounts_and_directories_are_told_apart() {
    let mounts = json!([
        { "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] },
        { "destination": "/run", "type": "tmpfs", "options": ["ro", "rprivate", "size=1m", "mode=755"] },
        { "destination": "/cg", "type": "cgroup", "source": "cgroup", "options": null },
        { "destination": "/in", "type": "bind", "source": "/out", "options": ["rbind", "ro", "rslave"] },
        { "destination": "/in/2", "type": "none", "source": "/o2", "options": ["bind"] },
        { "destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "ro"] },
    ]);
    let Bundle { world, binds, .. } = parse(&with("/mounts", mounts)).unwrap();
    let rows: Vec<_> =
        world.mounts.iter().map(|of| (&*of.source, &*of.kind, &*of.target, of.flags, &*of.data)).collect();
    let expected = [
        ("proc", "proc", "/proc", NOSUID | NOEXEC | NODEV, ""),
        ("", "tmpfs", "/run", RDONLY, "size=1m,mode=755"),
        ("cgroup", "cgroup2", "/cg", 0, ""),
        ("/sys", "none", "/sys", BIND | NOSUID | RDONLY, ""),
    ];
    assert_eq!(rows, expected);
    let rows: Vec<_> = binds.iter().map(|bind| (&*bind.source, &*bind.target, bind.read_only)).collect();
    assert_eq!(rows, [("/out", "/in", true), ("/o2", "/in/2", false)]);
}

#[test]
fn devices_are_nodes_and_rules() {
    let linux = json!({
        "namespaces": [{ "type": "pid" }, { "type": "mount" }],
        "devices": [{ "type": "c", "path": "/dev/fuse", "major": 10, "minor": 229, "fileMode": 438, "uid": 1, "gid": 2 }],
        "resources": {
            "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "b", "major": 8, "minor": -1, "access": "rm" }],
            "pids": { "limit": 9 },
            "memory": { "limit": 67108864, "swap": 134217728, "reservation": 0 },
            "cpu": { "shares": 0 },
        },
        "cgroupsPath": "/somewhere",
        "rootfsPropagation": "rslave",
    });
    let bundle = parse(&with("/linux", linux)).unwrap();
    let device = &bundle.world.devices[0];
    assert_eq!((device.number, device.mode, device.owner), ((10, 229), 0o666, (1, 2)));
    let rule = |allow, kind, major, access| DeviceRule { allow, kind, major, minor: None, access };
    let rules = [rule(false, None, None, ANY_ACCESS), rule(true, Some(DeviceKind::Block), Some(8), READ | MKNOD)];
    assert_eq!((&*bundle.world.rules, bundle.pids, bundle.memory), (&rules[..], Some(9), Some(64 << 20)));
    let limit = |memory: Value| {
        let linux = json!({ "namespaces": least()["linux"]["namespaces"], "resources": { "memory": memory } });
        parse(&with("/linux", linux)).map(|bundle| bundle.memory)
    };
    assert_eq!((limit(json!({})), limit(json!({ "limit": -1 }))), (Ok(None), Ok(None)));
    for (memory, expected) in [
        (
            json!({ "swappiness": 1 }),
            "linux.resources.memory.swappiness: this is not done; expected nothing beside limit, reservation, swap",
        ),
        (json!({ "swap": 5 }), "linux.resources.memory.swap: expected a limit beside it"),
        (json!({ "swap": 5, "limit": 6 }), "that is not above it"),
    ] {
        let error = limit(memory).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

/// The least with a user namespace, and what else `linux` has.
fn users(uids: Value, gids: Value, kinds: &[&str], rest: Value) -> Value {
    let kinds = ["pid", "mount"].iter().chain(kinds).map(|kind| json!({ "type": kind })).collect::<Vec<_>>();
    let mut linux = json!({ "namespaces": kinds, "uidMappings": uids, "gidMappings": gids });
    linux.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    with("/linux", linux)
}

fn range(inside: u32, outside: u32, size: u32) -> Value {
    json!({ "containerID": inside, "hostID": outside, "size": size })
}

#[test]
fn users_and_clocks_are_the_containers() {
    let offsets =
        json!({ "timeOffsets": { "monotonic": { "secs": -5, "nanosecs": 7 }, "boottime": { "secs": 86400 } } });
    let (uids, gids) = (json!([range(0, 100_000, 1000), range(1000, 0, 5)]), json!([range(0, 7, u32::MAX - 7)]));
    let own = |json: &Value| parse(json).map(|bundle| bundle.world.namespaces);
    let range = |inside, outside, size| IdRange { inside, outside, size };
    let user =
        IdMappings { users: vec![range(0, 100_000, 1000), range(1000, 0, 5)], groups: vec![range(0, 7, u32::MAX - 7)] };
    let time = TimeOffsets {
        monotonic: TimeOffset { seconds: -5, nanoseconds: 7 },
        boottime: TimeOffset { seconds: 86400, nanoseconds: 0 },
    };
    let asked = Namespaces { user: Some(user), time: Some(time), network: true, ipc: false, uts: true, cgroup: false };
    assert_eq!(own(&users(uids, gids, &["user", "time", "network", "uts"], offsets)), Ok(asked));
    // Without one of users others are there in any case, and the network is the machine's.
    let time = Some(TimeOffsets::default());
    assert_eq!(
        own(&users(Value::Null, Value::Null, &["time", "network"], json!({}))),
        Ok(Namespaces { time, ..Namespaces::default() })
    );
}

#[test]
fn mappings_and_offsets_that_cannot_be_are_refused_by_their_path() {
    let one = || json!([range(0, 1000, 10)]);
    let many = |count: u32| (0..count).map(|id| range(id, 1000 + id, 1)).collect::<Value>();
    let of_users = |uids: Value| parse(&users(uids, one(), &["user"], json!({}))).map(drop);
    assert_eq!(of_users(many(340)), Ok(()));
    for (uids, expected) in [
        (json!([]), "linux.uidMappings: expected 1 to 340 ranges for the user namespace, got 0"),
        (many(341), "linux.uidMappings: expected 1 to 340 ranges for the user namespace, got 341"),
        (json!([range(1, 1000, 10)]), "linux.uidMappings: expected a range with the container's id 0"),
        (json!([range(0, 1000, 10), range(10, 5, 0)]), "linux.uidMappings[1].size: expected at least 1"),
        (
            json!([range(0, 1000, 10), range(9, 5, 1)]),
            "linux.uidMappings[1].containerID: expected ids that are not in [0] too",
        ),
        (
            json!([range(0, 1000, 10), range(10, 991, 10)]),
            "linux.uidMappings[1].hostID: expected ids that are not in [0] too",
        ),
        (
            json!([range(0, 1, u32::MAX)]),
            "linux.uidMappings[0].hostID: expected ids below 4294967295, got 4294967295 from 1",
        ),
        (json!([{ "containerID": 0, "hostID": 1 }]), "linux.uidMappings[0]: missing field `size`"),
        (json!([{ "containerID": 0, "hostID": -1, "size": 1 }]), "linux.uidMappings[0].hostID: invalid value"),
        (
            json!([{ "containerID": 0, "hostID": 1, "size": 1, "idmap": true }]),
            "linux.uidMappings.0.idmap: this is not done; expected nothing beside containerID, hostID, size",
        ),
    ] {
        assert_eq!(
            of_users(uids.clone()).map_err(|text| text.starts_with(expected)),
            Err(true),
            "{uids}: {:?}",
            of_users(uids.clone())
        );
    }
    let process = |user: Value| json!({ "args": ["sh"], "cwd": "/", "user": user });
    let as_user = |user: Value| {
        let mut json = users(one(), one(), &["user"], json!({}));
        json["process"] = process(user);
        json
    };
    parse(&as_user(json!({ "uid": 9, "gid": 9, "additionalGids": [0, 9] }))).unwrap();
    let mut named = users(one(), one(), &["user"], json!({}));
    named["hostname"] = json!("box");
    let offsets = |clocks: Value| users(Value::Null, Value::Null, &["time"], json!({ "timeOffsets": clocks }));
    for (json, expected) in [
        (users(one(), Value::Null, &["user"], json!({})), "linux.gidMappings: expected 1 to 340 ranges"),
        (users(one(), one(), &[], json!({})), "linux.uidMappings: expected user among linux.namespaces beside it"),
        (
            users(Value::Null, one(), &[], json!({})),
            "linux.gidMappings: expected user among linux.namespaces beside it",
        ),
        (
            users(Value::Null, Value::Null, &[], json!({ "timeOffsets": { "monotonic": { "secs": 1 } } })),
            "linux.timeOffsets: expected time among linux.namespaces beside it",
        ),
        (
            offsets(json!({ "boottime": { "secs": 1, "nanosecs": 1_000_000_000 } })),
            "linux.timeOffsets.boottime.nanosecs: expected less than 1000000000, got 1000000000",
        ),
        (
            offsets(json!({ "realtime": { "secs": 1 } })),
            "linux.timeOffsets.realtime: this is not done; expected nothing beside monotonic, boottime",
        ),
        (as_user(json!({ "uid": 10 })), "process.user.uid: expected an id that linux.uidMappings has, got 10"),
        (as_user(json!({ "gid": 11 })), "process.user.gid: expected an id that linux.gidMappings has, got 11"),
        (
            as_user(json!({ "additionalGids": [1, 12] })),
            "process.user.additionalGids[1]: expected an id that linux.gidMappings has",
        ),
        (named, "hostname: expected uts among linux.namespaces beside it"),
    ] {
        let text = parse(&json).unwrap_err();
        assert!(text.starts_with(expected), "expected {expected}, got {text}");
    }
}

#[test]
fn a_process_is_scheduled_as_the_file_says() {
    let process = |key: &str, value: Value| {
        let mut json = least();
        json["process"][key] = value;
        parse(&json).map(|bundle| bundle.scheduling)
    };
    let deadline = json!({ "policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"],
        "runtime": 5, "deadline": 6, "period": 7 });
    let scheduler =
        Some(channel::Scheduler { policy: 6, flags: 5, nice: 0, priority: 0, runtime: 5, deadline: 6, period: 7 });
    assert_eq!(process("scheduler", deadline), Ok(Scheduling { scheduler, io_priority: None }));
    let fifo = process("scheduler", json!({ "policy": "SCHED_FIFO", "priority": 9 })).unwrap().scheduler.unwrap();
    assert_eq!((fifo.policy, fifo.priority), (1, 9));
    let best = process("ioPriority", json!({ "class": "IOPRIO_CLASS_BE", "priority": 7 }));
    assert_eq!(best, Ok(Scheduling { scheduler: None, io_priority: Some((2, 7)) }));
    assert_eq!(process("execCPUAffinity", json!({ "initial": "0" })), Ok(Scheduling::default()));
    for (key, value, expected) in [
        ("scheduler", json!({ "nice": 1 }), "process.scheduler: missing field `policy`"),
        ("scheduler", json!({ "policy": "SCHED_ISO" }), "process.scheduler.policy: unknown variant `SCHED_ISO`"),
        (
            "scheduler",
            json!({ "policy": "SCHED_OTHER", "nice": 20 }),
            "process.scheduler.nice: expected -20 to 19, got 20",
        ),
        (
            "scheduler",
            json!({ "policy": "SCHED_BATCH", "priority": 1 }),
            "process.scheduler.priority: expected the policy SCHED_FIFO or SCHED_RR beside it",
        ),
        (
            "scheduler",
            json!({ "policy": "SCHED_RR", "period": 1 }),
            "process.scheduler.period: expected the policy SCHED_DEADLINE beside it",
        ),
        (
            "ioPriority",
            json!({ "class": "IOPRIO_CLASS_RT", "priority": 8 }),
            "process.ioPriority.priority: expected 0 to 7, got 8",
        ),
    ] {
        let text = process(key, value).unwrap_err();
        assert!(text.starts_with(expected), "expected {expected}, got {text}");
    }
}

#[test]
fn control_groups_have_what_the_file_says() {
    let controls = |resources: Value| {
        let linux = json!({ "namespaces": least()["linux"]["namespaces"], "resources": resources });
        let bundle = parse(&with("/linux", linux))?;
        Ok::<Vec<String>, String>(
            bundle.controls.into_iter().map(|one| format!("{} {}", one.file, one.value)).collect(),
        )
    };
    let all = json!({
        "cpu": { "shares": 1024, "quota": 50_000, "burst": 7 },
        "memory": { "reservation": 4096 },
        "unified": { "memory.high": "1000000", "cgroup.max.depth": "3" },
    });
    let expected = [
        "cpu.weight 39",
        "cpu.max 50000 100000",
        "cpu.max.burst 7",
        "memory.low 4096",
        "cgroup.max.depth 3",
        "memory.high 1000000",
    ];
    assert_eq!(controls(all).unwrap(), expected);
    let idle = json!({ "cpu": { "shares": 5, "idle": 1, "quota": -1, "period": 9000 } });
    assert_eq!(controls(idle).unwrap(), ["cpu.idle 1", "cpu.max max 9000"]);
    for (shares, weight) in [(2, 1), (262_144, 10_000)] {
        assert_eq!(controls(json!({ "cpu": { "shares": shares } })).unwrap(), [format!("cpu.weight {weight}")]);
    }
    for (resources, expected) in [
        (json!({ "cpu": { "shares": 1 } }), "linux.resources.cpu.shares: expected 2 to 262144, got 1"),
        (
            json!({ "unified": { "io.max": "1" } }),
            "linux.resources.unified[\"io.max\"]: expected a control group's file of one of cpu",
        ),
        (json!({ "unified": { "cpu.max/../x": "1" } }), "linux.resources.unified[\"cpu.max/../x\"]: expected"),
        (json!({ "unified": { "memory.": "1" } }), "linux.resources.unified[\"memory.\"]: expected"),
    ] {
        let text = controls(resources).unwrap_err();
        assert!(text.starts_with(expected), "expected {expected}, got {text}");
    }
}

#[test]
fn settings_are_those_of_a_namespace() {
    let settings = |sysctl: Value, kinds: &[&str]| {
        let kinds: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
        parse(&with("/linux", json!({ "namespaces": kinds, "sysctl": sysctl }))).map(|bundle| bundle.world.sysctl)
    };
    let all = ["pid", "mount", "network", "ipc"];
    for (key, path) in [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/1.arp_filter", "net/ipv4/conf/eth0.1/arp_filter"),
        ("net/ipv4/conf/eth0.1/arp_filter", "net/ipv4/conf/eth0.1/arp_filter"),
        ("kernel.shmmax", "kernel/shmmax"),
        ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
    ] {
        assert_eq!(settings(json!({ key: "1" }), &all), Ok(vec![(path.to_owned(), "1".to_owned())]));
    }
    for (key, kinds, expected) in [
        ("vm.swappiness", &all[..], "expected a setting of a namespace"),
        ("kernel.hostname", &all, "expected hostname in its place"),
        ("kernel.domainname", &all, "expected domainname in its place"),
        ("net/../kernel/panic", &all, "expected a name of sysctl(8)"),
        ("net..x", &all, "expected a name of sysctl(8)"),
        ("net.ipv4.ip_forward", &["pid", "mount", "ipc"], "expected network among linux.namespaces beside it"),
        ("kernel.sem", &["pid", "mount", "network"], "expected ipc among linux.namespaces beside it"),
    ] {
        let text = settings(json!({ key: "1" }), kinds).unwrap_err();
        assert!(text.starts_with(&format!("linux.sysctl[{key:?}]: {expected}")), "{key}: {text}");
    }
}

#[test]
fn what_is_wrong_or_not_done_is_refused_by_its_path() {
    for (pointer, value, expected) in [
        (
            "/hooks",
            json!({ "prestart": [{ "path": "/x" }] }),
            "hooks: this is not done; expected nothing beside process, root",
        ),
        (
            "/process/ioPriority",
            json!({ "class": "x" }),
            "process.ioPriority.class: unknown variant `x`, expected one of `IOPRIO_CLASS_RT`",
        ),
        ("/process/apparmorProfile", json!("x"), "process.apparmorProfile: this is not done"),
        ("/process/args", json!("sh"), "process.args: invalid type: string"),
        ("/process/cwd", json!("srv"), "process.cwd: expected an absolute path"),
        (
            "/process/rlimits",
            json!([{ "type": "RLIMIT_FILES", "soft": 1, "hard": 1 }]),
            "process.rlimits[0].type: resource \"RLIMIT_FILES\": expected",
        ),
        (
            "/process/rlimits",
            json!([{ "type": "RLIMIT_CPU", "soft": 2, "hard": 1 }]),
            "process.rlimits[0].soft: expected at most",
        ),
        (
            "/process/capabilities",
            json!({ "bounding": ["FLY"] }),
            "process.capabilities.bounding[0]: capability \"FLY\": expected",
        ),
        ("/root/readonly", json!("yes"), "root.readonly: invalid type"),
        (
            "/linux/sysctl",
            json!({ "a.b": "1" }),
            "linux.sysctl[\"a.b\"]: expected a setting of a namespace: net.*, fs.mqueue.*, kernel.msgmax",
        ),
        (
            "/linux/resources",
            json!({ "cpu": { "cpus": "0" } }),
            "linux.resources.cpu.cpus: this is not done; expected nothing beside shares, quota, burst, period, idle",
        ),
        (
            "/linux/resources",
            json!({ "blockIO": { "weight": 5 } }),
            "linux.resources.blockIO: this is not done; expected nothing beside devices, pids, memory",
        ),
        (
            "/linux/namespaces",
            json!([{ "type": "net" }]),
            "linux.namespaces[0].type: unknown variant `net`, expected one of `pid`",
        ),
        (
            "/linux/namespaces",
            json!([{ "type": "pid" }, { "type": "mount" }, { "type": "pid" }]),
            "linux.namespaces[2].type: expected each once",
        ),
        (
            "/linux/namespaces",
            json!([{ "type": "pid" }, { "type": "mount", "path": "/x" }]),
            "linux.namespaces.1.path: this is not done",
        ),
        ("/linux/namespaces", json!([{ "type": "mount" }]), "linux.namespaces: expected pid among them"),
        ("/linux/rootfsPropagation", json!("shared"), "linux.rootfsPropagation: unknown variant `shared`"),
        (
            "/linux/seccomp",
            json!({ "defaultAction": "SCMP_ACT_NOTIFY" }),
            "linux.seccomp.defaultAction: unknown variant",
        ),
        ("/linux/maskedPaths", json!(["/a", "b"]), "linux.maskedPaths[1]: expected an absolute path"),
        ("/mounts", json!([{ "destination": "/x", "type": "ext4" }]), "mounts[0].type: expected tmpfs, proc"),
        (
            "/mounts",
            json!([{ "destination": "/x", "type": "tmpfs", "options": ["shared"] }]),
            "mounts[0].options: shared is not done",
        ),
        (
            "/mounts",
            json!([{ "destination": "x", "type": "tmpfs" }]),
            "mounts[0].destination: expected an absolute path",
        ),
        (
            "/mounts",
            json!([{ "destination": "/x", "type": "bind", "options": ["noexec"] }]),
            "mounts[0].options: noexec is not done",
        ),
        (
            "/mounts",
            json!([{ "destination": "/x", "type": "tmpfs", "uidMappings": [1] }]),
            "mounts.0.uidMappings: this is not done",
        ),
    ] {
        let text = parse(&with(pointer, value)).unwrap_err();
        assert!(text.starts_with(expected), "{pointer}: expected {expected}, got {text}");
    }
    for accepted in
        [("/annotations", json!({ "a.b": "c" })), ("/org.example.key", json!(3)), ("/hooks", json!({ "poststop": [] }))]
    {
        parse(&with(accepted.0, accepted.1)).unwrap();
    }
    assert!(Bundle::parse(b"{\n  3").unwrap_err().contains("at line 2 column"));
    assert!(Bundle::parse(b"{} {}").is_err());
}

#[test]
fn what_is_said_to_be_possible_is() {
    for (place, keys) in strict::POSSIBLE {
        let lists = ["mounts", "linux.namespaces", "linux.uidMappings", "linux.gidMappings", "linux.devices"];
        let list = lists.contains(&place);
        for key in keys.split(", ") {
            // A value of no type: where a field has the key, that is the error.
            let inner = json!({ key: [[[true]]] });
            let value = if list { json!([inner]) } else { inner };
            let whole = place
                .split('.')
                .rev()
                .filter(|part| !part.is_empty())
                .fold(value, |value, part| json!({ part: value }));
            let result = parse(&whole);
            assert!(!format!("{result:?}").contains("not done"), "{place}.{key}: {result:?}");
        }
    }
}

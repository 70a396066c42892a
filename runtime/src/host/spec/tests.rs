//! Files, and what they mean or why they are refused.

use super::*;
use channel::{ANY_ACCESS, MKNOD, NODEV, NOEXEC, NOSUID, RDONLY, READ};
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
    ]);
    let Bundle { world, binds, .. } = parse(&with("/mounts", mounts)).unwrap();
    let rows: Vec<_> =
        world.mounts.iter().map(|of| (&*of.source, &*of.kind, &*of.target, of.flags, &*of.data)).collect();
    let expected = [
        ("proc", "proc", "/proc", NOSUID | NOEXEC | NODEV, ""),
        ("", "tmpfs", "/run", RDONLY, "size=1m,mode=755"),
        ("cgroup", "cgroup2", "/cg", 0, ""),
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
            json!({ "reservation": 1 }),
            "linux.resources.memory.reservation: this is not done; expected nothing beside limit, swap",
        ),
        (json!({ "swap": 5 }), "linux.resources.memory.swap: expected a limit beside it"),
        (json!({ "swap": 5, "limit": 6 }), "that is not above it"),
    ] {
        let error = limit(memory).unwrap_err();
        assert!(error.contains(expected), "{error}");
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
            "process.ioPriority: this is not done; expected nothing beside terminal",
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
            "linux.sysctl: this is not done; expected nothing beside namespaces, maskedPaths",
        ),
        (
            "/linux/resources",
            json!({ "cpu": { "shares": 5 } }),
            "linux.resources.cpu: this is not done; expected nothing beside devices, pids, memory",
        ),
        (
            "/linux/namespaces",
            json!([{ "type": "user" }]),
            "linux.namespaces[0].type: unknown variant `user`, expected one of `pid`",
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
        let list = matches!(place, "mounts" | "linux.namespaces" | "linux.devices");
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

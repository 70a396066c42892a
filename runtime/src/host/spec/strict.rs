//! Reads a file of which nothing may be passed over: a key that no field has is refused by its path, with what is possible in its
//! place, unless its value says nothing (null, false, zero, or empty) or it is for others.

use crate::host::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Keys that say something to others than the container: accepted, whatever they say. Where its files and its control group are on
/// a host cannot be seen in it. The affinity is that of processes which a runtime adds later (config.md, `execCPUAffinity`).
const FOR_OTHERS: [&str; 5] =
    ["ociVersion", "annotations", "root.path", "linux.cgroupsPath", "process.execCPUAffinity"];

/// What is possible below a path.
#[rustfmt::skip]
pub(super) const POSSIBLE: [(&str, &str); 20] = [
    ("",                            "process, root, hostname, domainname, mounts, linux, annotations"),
    ("process",                     "terminal, consoleSize, user, args, env, cwd, capabilities, rlimits, noNewPrivileges, oomScoreAdj, scheduler, ioPriority"),
    ("process.user",                "uid, gid, umask, additionalGids"),
    ("process.capabilities",        "bounding, effective, permitted, inheritable, ambient"),
    ("process.scheduler",           "policy, nice, priority, flags, runtime, deadline, period"),
    ("process.ioPriority",          "class, priority"),
    ("root",                        "path, readonly"),
    ("mounts",                      "destination, type, source, options"),
    ("linux",                       "namespaces, uidMappings, gidMappings, timeOffsets, sysctl, personality, maskedPaths, readonlyPaths, devices, resources, seccomp, rootfsPropagation, cgroupsPath"),
    ("linux.namespaces",            "type"),
    ("linux.uidMappings",           "containerID, hostID, size"),
    ("linux.gidMappings",           "containerID, hostID, size"),
    ("linux.timeOffsets",           "monotonic, boottime"),
    ("linux.timeOffsets.monotonic", "secs, nanosecs"),
    ("linux.timeOffsets.boottime",  "secs, nanosecs"),
    ("linux.devices",               "type, path, major, minor, fileMode, uid, gid"),
    ("linux.personality",           "domain"),
    ("linux.resources",             "devices, pids, memory, cpu, unified"),
    ("linux.resources.cpu",         "shares, quota, burst, period, idle"),
    ("linux.resources.memory",      "limit, reservation, swap"),
];

/// Parses JSON.
///
/// # Errors
/// What is wrong, by its path, and what is possible.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let (parsed, passed_over) = json::parse(json)?;
    let whole: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let refused = passed_over.iter().find(|path| {
        let for_others = FOR_OTHERS.contains(&path.as_str()) || path.starts_with("org.");
        !for_others && whole.pointer(&format!("/{}", path.replace('.', "/"))).is_none_or(says_something)
    });
    refused.map_or(Ok(parsed), |path| Err(refusal(path)))
}

fn refusal(path: &str) -> String {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    let kind: Vec<&str> = parent.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
    let possible = POSSIBLE.iter().find(|(place, _)| *place == kind.join("."));
    let possible = possible.map_or(String::new(), |(_, keys)| format!(" beside {keys}"));
    format!("{path}: this is not done; expected nothing{possible}")
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(value) => value.as_f64() != Some(0.0),
        Value::String(value) => !value.is_empty(),
        Value::Array(values) => values.iter().any(says_something),
        Value::Object(values) => values.values().any(says_something),
    }
}

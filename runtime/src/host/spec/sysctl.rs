//! `linux.sysctl` of the file: settings of the kernel's that are a namespace's own.
//!
//! As in runc (`libcontainer/configs/validate`) others are refused, and so are those that have keys of their own in the file.

use super::format::{NamespaceKind, Spec};

/// Settings of System V IPC, as runc lists them.
#[rustfmt::skip]
const OF_IPC: [&str; 8] = [
    "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax", "kernel/shmmni",
    "kernel/shm_rmid_forced",
];

/// Files below `/proc/sys`, with what is written to them.
pub(super) fn settings(spec: &Spec) -> Result<Vec<(String, String)>, String> {
    let setting = |(key, value): (&String, &String)| {
        let path = path(key);
        check(spec, &path).map_err(|expected| format!("linux.sysctl[{key:?}]: {expected}"))?;
        Ok((path, value.clone()))
    };
    spec.linux.sysctl.iter().map(setting).collect()
}

/// As sysctl(8) has it: the first separator says which one it is, and the other is a letter then.
fn path(key: &str) -> String {
    if key.find(['.', '/']).is_some_and(|first| key[first..].starts_with('/')) {
        return key.to_owned();
    }
    let swap = |letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    key.chars().map(swap).collect()
}

fn check(spec: &Spec, path: &str) -> Result<(), String> {
    if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err("expected a name of sysctl(8)".to_owned());
    }
    let (namespace, kind) = match path {
        "kernel/hostname" => return Err("expected hostname in its place".to_owned()),
        "kernel/domainname" => return Err("expected domainname in its place".to_owned()),
        path if path.starts_with("net/") => (NamespaceKind::Network, "network"),
        path if path.starts_with("fs/mqueue/") || OF_IPC.contains(&path) => (NamespaceKind::Ipc, "ipc"),
        _ => {
            let ipc = OF_IPC.join(", ").replace('/', ".");
            return Err(format!("expected a setting of a namespace: net.*, fs.mqueue.*, {ipc}"));
        }
    };
    if spec.linux.namespaces.iter().any(|own| own.kind == namespace) {
        return Ok(());
    }
    Err(format!("expected {kind} among linux.namespaces beside it"))
}

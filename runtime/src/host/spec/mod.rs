//! `--config FILE`: a container as a runtime's `config.json` says it (OCI runtime specification), in place of the image's
//! configuration and Docker's defaults.
//!
//! ```text
//!  config.json ── strict: each key is done, or refused ──► format ──► Bundle ── and the options ──► Start
//! ```
//!
//! As in runc, what the file does not say is not there: no variable but `HOME`, no mount, no capability. What options say comes
//! before it.

mod controls;
mod format;
mod mounts;
mod namespaces;
mod scheduling;
mod strict;
mod sysctl;
#[cfg(test)]
mod tests;

pub use mounts::Bind;

use super::config::ImageConfig;
use super::container::capabilities::Capability;
use super::container::seccomp::Profile;
use channel::{CapabilitySets, Control, Device, DeviceKind, DeviceRule, Limit, Scheduling, WindowSize, World};
use format::{Kind, Spec};
use std::path::{Path, PathBuf};

/// A container as the file says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// Variables.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Host name; empty for none.
    pub hostname: String,
    /// NIS domain name; empty for the kernel's own.
    pub domainname: String,
    /// User and primary group.
    pub user: (u32, u32),
    /// Groups beside the primary one.
    pub groups: Vec<u32>,
    /// The mask of new files' modes.
    pub umask: Option<u32>,
    /// What the program's chance to be killed for want of memory is changed by.
    pub oom_score_adj: Option<i32>,
    /// When the program has the processor and the disk.
    pub scheduling: Scheduling,
    /// What personality(2) is told.
    pub personality: Option<u32>,
    /// Whether the program has a terminal, whatever the host has.
    pub terminal: bool,
    /// The terminal's size.
    pub window: Option<WindowSize>,
    /// Limits of resources.
    pub limits: Vec<Limit>,
    /// Capabilities.
    pub capabilities: CapabilitySets,
    /// Whether exec gives no privileges.
    pub no_new_privileges: bool,
    /// Most processes.
    pub pids: Option<u64>,
    /// Most bytes of memory.
    pub memory: Option<u64>,
    /// What else is written to the container's control group.
    pub controls: Vec<Control>,
    /// Which system calls may be made.
    pub seccomp: Option<Profile>,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// Namespaces, mounts and devices.
    pub world: World,
    /// Directories of the host that have places of their own.
    pub binds: Vec<Bind>,
}

/// Why a file is no container.
#[derive(Debug, thiserror::Error)]
#[error("configuration {}: {what}", .path.display())]
pub struct BundleError {
    path: PathBuf,
    what: String,
}

/// Reads a file.
///
/// # Errors
/// [`BundleError`] for one that cannot be read, and for what in it is wrong or not done, by its path in the file.
pub fn read(path: &Path) -> Result<Bundle, BundleError> {
    let failed = |what| BundleError { path: path.to_owned(), what };
    let json = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    Bundle::parse(&json).map_err(failed)
}

impl Bundle {
    fn parse(json: &[u8]) -> Result<Bundle, String> {
        let spec: Spec = strict::parse(json)?;
        check(&spec)?;
        let namespaces = namespaces::namespaces(&spec)?;
        let (scheduling, sysctl) = (scheduling::scheduling(&spec.process)?, sysctl::settings(&spec)?);
        let controls = controls::controls(&spec.linux.resources)?;
        let (mounts, binds) = mounts::split(&spec.mounts)?;
        let Spec { process, root, hostname, domainname, linux, .. } = spec;
        let set = |names: &[Capability]| names.iter().fold(0, |set, one| set | one.0);
        let of = process.capabilities;
        let size = process.console_size;
        Ok(Bundle {
            args: process.args,
            env: process.env,
            cwd: process.cwd,
            hostname,
            domainname,
            user: (process.user.uid, process.user.gid),
            groups: process.user.additional_gids,
            umask: process.user.umask,
            oom_score_adj: process.oom_score_adj,
            scheduling,
            personality: linux.personality.map(|of| of.domain as u32),
            terminal: process.terminal,
            window: (size.height > 0 && size.width > 0)
                .then_some(WindowSize { rows: size.height, columns: size.width }),
            limits: process.rlimits.iter().map(limit).collect(),
            capabilities: CapabilitySets {
                bounding: set(&of.bounding),
                effective: set(&of.effective),
                permitted: set(&of.permitted),
                inheritable: set(&of.inheritable),
                ambient: set(&of.ambient),
            },
            no_new_privileges: process.no_new_privileges,
            pids: u64::try_from(linux.resources.pids.limit).ok().filter(|&limit| limit > 0),
            memory: u64::try_from(linux.resources.memory.limit).ok().filter(|&limit| limit > 0),
            controls,
            read_only: root.readonly,
            world: World {
                namespaces,
                sysctl,
                mounts,
                masked: linux.masked_paths,
                read_only: linux.readonly_paths,
                devices: linux.devices.iter().map(device).collect(),
                rules: linux.resources.devices.iter().map(device_rule).collect(),
                generated_files: false,
            },
            seccomp: linux.seccomp,
            binds,
        })
    }

    /// What runs, in the terms of the configuration of an image, of which the stop signal stays.
    pub fn in_place_of(&self, image: &ImageConfig) -> ImageConfig {
        let (uid, gid) = self.user;
        ImageConfig {
            cmd: self.args.clone(),
            env: self.env.clone(),
            working_dir: self.cwd.clone(),
            user: format!("{uid}:{gid}"),
            hostname: self.hostname.clone(),
            stop_signal: image.stop_signal.clone(),
            ..ImageConfig::default()
        }
    }
}

/// What the types of the fields do not say.
fn check(spec: &Spec) -> Result<(), String> {
    let process = &spec.process;
    if !process.cwd.starts_with('/') {
        return Err(format!("process.cwd: expected an absolute path, got {:?}", process.cwd));
    }
    if let Some(index) = process.rlimits.iter().position(|limit| limit.soft > limit.hard) {
        return Err(format!("process.rlimits[{index}].soft: expected at most the hard limit"));
    }
    let memory = &spec.linux.resources.memory;
    if memory.swap > 0 && !(1..=memory.swap).contains(&memory.limit) {
        return Err("linux.resources.memory.swap: expected a limit beside it that is not above it".to_owned());
    }
    let paths = [("maskedPaths", &spec.linux.masked_paths), ("readonlyPaths", &spec.linux.readonly_paths)];
    for (name, paths) in paths {
        if let Some(index) = paths.iter().position(|path| !path.starts_with('/')) {
            return Err(format!("linux.{name}[{index}]: expected an absolute path, got {:?}", paths[index]));
        }
    }
    for (index, device) in spec.linux.devices.iter().enumerate() {
        if !device.path.starts_with('/') {
            return Err(format!("linux.devices[{index}].path: expected an absolute path, got {:?}", device.path));
        }
        if device.kind == Kind::Any {
            return Err(format!("linux.devices[{index}].type: expected b, c or u"));
        }
    }
    Ok(())
}

fn limit(rlimit: &format::Rlimit) -> Limit {
    Limit { resource: rlimit.resource.0, soft: rlimit.soft, hard: rlimit.hard }
}

fn kind(kind: Kind) -> Option<DeviceKind> {
    match kind {
        Kind::Block => Some(DeviceKind::Block),
        Kind::Character => Some(DeviceKind::Character),
        Kind::Any => None,
    }
}

fn device(device: &format::Device) -> Device {
    Device {
        kind: kind(device.kind).unwrap_or(DeviceKind::Character),
        path: device.path.clone(),
        number: (device.major, device.minor),
        mode: device.file_mode.unwrap_or(0o666),
        owner: (device.uid, device.gid),
    }
}

fn device_rule(rule: &format::DeviceRule) -> DeviceRule {
    // -1 is any number.
    let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    DeviceRule {
        allow: rule.allow,
        kind: kind(rule.kind),
        major: number(rule.major),
        minor: number(rule.minor),
        access: rule.access.0,
    }
}

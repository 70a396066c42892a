//! Profiles of system calls: `--security-opt seccomp=FILE`, in Docker's format, and the `seccomp` object of a runtime's
//! configuration, which is the same without conditions (moby, `profiles/seccomp`; OCI runtime specification, config-linux.md).
//!
//! Conditions are settled here: a rule counts or not with the container's capabilities (those of its bounding set, as in
//! Docker), this architecture and this kernel. Names of system calls become numbers in init.

use super::capabilities::Capability;
use crate::host::json::{self, nullable};
use channel::{Comparison, Seccomp, SeccompRule, SeccompTest};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};

/// Version of the guest's kernel.
const KERNEL: (u32, u32) = (6, 1);
/// What profiles call this architecture in conditions.
const ARCHITECTURE: &str = "amd64";

const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// Which system calls a program may make, as an option says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// All.
    Unconfined,
    /// Those of a profile.
    File(PathBuf),
}

impl Choice {
    /// The profile's file.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Choice::File(path) => Some(path),
            Choice::Unconfined => None,
        }
    }
}

/// Why a file is no profile.
#[derive(Debug, thiserror::Error)]
#[error("seccomp profile {}: {what}", .path.display())]
pub struct ProfileError {
    path: PathBuf,
    what: String,
}

/// Reads a profile.
///
/// # Errors
/// [`ProfileError`] for a file that cannot be read, and for what in it is wrong: where, and what was expected.
pub fn read(path: &Path) -> Result<Profile, ProfileError> {
    let failed = |what| ProfileError { path: path.to_owned(), what };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    // Every key that no field has is an error there.
    Ok(json::parse(&text).map_err(failed)?.0)
}

/// A profile as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    default_action: Action,
    default_errno_ret: Option<u16>,
    #[serde(default, deserialize_with = "nullable")]
    architectures: Vec<Architecture>,
    #[serde(default, deserialize_with = "nullable")]
    arch_map: Vec<Architectures>,
    #[serde(default, deserialize_with = "nullable")]
    flags: Vec<Flag>,
    #[serde(default, deserialize_with = "nullable")]
    syscalls: Vec<Rule>,
}

/// What the kernel does.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum Action {
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
}

impl Action {
    /// `SECCOMP_RET_…` (`linux/seccomp.h`); two have a number with them, EPERM unless told.
    fn code(self, data: Option<u16>) -> u32 {
        let data = u32::from(data.unwrap_or(EPERM));
        match self {
            Action::KillProcess => 0x8000_0000,
            Action::KillThread => 0,
            Action::Trap => 0x0003_0000,
            Action::Errno => 0x0005_0000 | data,
            Action::Trace => 0x7ff0_0000 | data,
            Action::Log => 0x7ffc_0000,
            Action::Allow => 0x7fff_0000,
        }
    }
}

/// An architecture that rules are for, by its name in libseccomp: this one, its 32-bit one, or one that is not run here.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
enum Architecture {
    X86_64,
    X86,
    Other,
}

impl TryFrom<String> for Architecture {
    type Error = String;

    fn try_from(name: String) -> Result<Architecture, String> {
        match name.strip_prefix("SCMP_ARCH_") {
            Some("X86_64") => Ok(Architecture::X86_64),
            Some("X86") => Ok(Architecture::X86),
            Some(_) => Ok(Architecture::Other),
            None => Err(format!(
                "architecture {name:?}: expected SCMP_ARCH_X86_64, SCMP_ARCH_X86 or another one of libseccomp"
            )),
        }
    }
}

/// An architecture with those that its machines run too.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Architectures {
    architecture: Architecture,
    #[serde(default, deserialize_with = "nullable")]
    sub_architectures: Vec<Architecture>,
}

/// `SECCOMP_FILTER_FLAG_…` of seccomp(2).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum Flag {
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync = 1,
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log = 2,
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow = 4,
}

/// What becomes of some system calls.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    #[serde(default, deserialize_with = "nullable")]
    names: Vec<String>,
    /// Docker's older form has one name.
    name: Option<String>,
    action: Action,
    errno_ret: Option<u16>,
    #[serde(default, deserialize_with = "nullable")]
    args: Vec<Argument>,
    #[serde(default, deserialize_with = "nullable")]
    includes: Conditions,
    #[serde(default, deserialize_with = "nullable")]
    excludes: Conditions,
    #[serde(default, rename = "comment")]
    _comment: Option<IgnoredAny>,
}

/// A comparison of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    index: Index,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: Operator,
}

/// Which argument.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "u32")]
struct Index(u32);

impl TryFrom<u32> for Index {
    type Error = String;

    fn try_from(index: u32) -> Result<Index, String> {
        if index < 6 { Ok(Index(index)) } else { Err(format!("argument {index}: expected 0 to 5")) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum Operator {
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    Masked,
}

/// When a rule counts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Conditions {
    #[serde(deserialize_with = "nullable")]
    caps: Vec<Capability>,
    #[serde(deserialize_with = "nullable")]
    arches: Vec<String>,
    min_kernel: Option<Version>,
}

/// A kernel's version.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Version((u32, u32));

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Version, String> {
        let parts = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        parts.map(Version).ok_or_else(|| format!("kernel {text:?}: expected a version as 4.8"))
    }
}

impl Profile {
    /// The profile of a container with this bounding set of capabilities.
    pub fn settle(&self, bounding: u64) -> Seccomp {
        let native = |map: &&Architectures| map.architecture == Architecture::X86_64;
        let below = self.arch_map.iter().filter(native).flat_map(|map| &map.sub_architectures);
        let default = self.default_action.code(self.default_errno_ret);
        let enosys = Action::Errno.code(Some(ENOSYS));
        // As in runc, so that programs find out that the kernel is older: not where unknown calls may be made.
        let blocks = !matches!(self.default_action, Action::Allow | Action::Log | Action::Trace) && default != enosys;
        Seccomp {
            default,
            newer: blocks.then_some(enosys),
            i386: self.architectures.iter().chain(below).any(|&one| one == Architecture::X86),
            flags: self.flags.iter().fold(0, |flags, &flag| flags | flag as u32),
            rules: self.syscalls.iter().filter(|rule| rule.counts(bounding)).flat_map(Rule::settle).collect(),
        }
    }
}

impl Rule {
    fn counts(&self, bounding: u64) -> bool {
        let Conditions { caps, arches, min_kernel } = &self.excludes;
        let has = |capability: &Capability| bounding & capability.0 == capability.0;
        let excluded = caps.iter().any(has)
            || arches.iter().any(|name| name == ARCHITECTURE)
            || min_kernel.is_some_and(|Version(least)| KERNEL >= least);
        let Conditions { caps, arches, min_kernel } = &self.includes;
        let included = caps.iter().all(has)
            && (arches.is_empty() || arches.iter().any(|name| name == ARCHITECTURE))
            && min_kernel.is_none_or(|Version(least)| KERNEL >= least);
        included && !excluded
    }

    /// The rule; as in runc, one for each comparison where two are of one argument.
    fn settle(&self) -> Vec<SeccompRule> {
        let names: Vec<String> = self.names.iter().chain(&self.name).cloned().collect();
        let tests: Vec<SeccompTest> = self.args.iter().map(Argument::settle).collect();
        let mut places: Vec<u32> = tests.iter().map(|test| test.argument).collect();
        places.sort_unstable();
        places.dedup();
        let alternatives =
            if places.len() == tests.len() { vec![tests] } else { tests.into_iter().map(|test| vec![test]).collect() };
        let rule = |tests| SeccompRule { names: names.clone(), action: self.action.code(self.errno_ret), tests };
        alternatives.into_iter().map(rule).collect()
    }
}

impl Argument {
    fn settle(&self) -> SeccompTest {
        let (comparison, value) = match self.op {
            Operator::NotEqual => (Comparison::NotEqual, self.value),
            Operator::Less => (Comparison::Less, self.value),
            Operator::LessOrEqual => (Comparison::LessOrEqual, self.value),
            Operator::Equal => (Comparison::Equal, self.value),
            Operator::GreaterOrEqual => (Comparison::GreaterOrEqual, self.value),
            Operator::Greater => (Comparison::Greater, self.value),
            Operator::Masked => (Comparison::Masked(self.value), self.value_two),
        };
        SeccompTest { argument: self.index.0, comparison, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::container::capabilities;
    use channel::DOCKERS_CAPABILITIES;

    const ALLOW: u32 = 0x7fff_0000;

    fn settle(json: &str, bounding: u64) -> Seccomp {
        serde_json::from_str::<Profile>(json).unwrap().settle(bounding)
    }

    fn names(profile: &Seccomp) -> Vec<&str> {
        profile.rules.iter().flat_map(|rule| &rule.names).map(String::as_str).collect()
    }

    #[test]
    fn profiles_are_dockers() {
        const PROFILE: &str = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":2,
            "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
                       {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
            "syscalls":[{"names":["read","write"],"action":"SCMP_ACT_ALLOW","args":null,"comment":"","includes":{},"excludes":{}},
                        {"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
                        {"name":"clone","action":"SCMP_ACT_ALLOW","args":[
                            {"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"},
                            {"index":1,"value":7,"op":"SCMP_CMP_GT"}]},
                        {"names":["kill"],"action":"SCMP_ACT_KILL_PROCESS","args":[
                            {"index":1,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":2,"op":"SCMP_CMP_EQ"}]}]}"#;
        let profile = settle(PROFILE, 0);
        assert_eq!((profile.default, profile.newer, profile.i386), (0x0005_0002, Some(0x0005_0026), true));
        assert_eq!(names(&profile), ["read", "write", "clone3", "clone", "kill", "kill"]);
        type Tests = Vec<(u32, Comparison, u64)>;
        let rows: Vec<(u32, Tests)> = profile
            .rules
            .iter()
            .map(|rule| {
                (rule.action, rule.tests.iter().map(|test| (test.argument, test.comparison, test.value)).collect())
            })
            .collect();
        let masked = Comparison::Masked(2_114_060_288);
        let expected = [
            (ALLOW, vec![]),
            (0x0005_0026, vec![]),
            (ALLOW, vec![(0, masked, 0), (1, Comparison::Greater, 7)]),
            // Two comparisons of one argument: either.
            (0x8000_0000, vec![(1, Comparison::Equal, 1)]),
            (0x8000_0000, vec![(1, Comparison::Equal, 2)]),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn conditions_are_capabilities_architectures_and_kernels() {
        let rule =
            |name: &str, conditions: &str| format!(r#"{{"names":["{name}"],"action":"SCMP_ACT_ALLOW",{conditions}}}"#);
        let rules = [
            rule("a", r#""includes":{"caps":["CAP_CHOWN"]}"#),
            rule("b", r#""includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#),
            rule("c", r#""excludes":{"caps":["CAP_SYS_ADMIN","CAP_BPF"]}"#),
            rule("d", r#""excludes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]}"#),
            rule("e", r#""includes":{"arches":["arm64","amd64"],"minKernel":"4.8"}"#),
            rule("f", r#""includes":{"arches":["arm64"]}"#),
            rule("g", r#""includes":{"minKernel":"6.2"}"#),
            rule("h", r#""excludes":{"minKernel":"6.1"}"#),
        ];
        let json = format!(r#"{{"defaultAction":"SCMP_ACT_LOG","syscalls":[{}]}}"#, rules.join(","));
        let profile = settle(&json, DOCKERS_CAPABILITIES);
        assert_eq!(names(&profile), ["a", "c", "e"]);
        assert_eq!((profile.newer, profile.i386), (None, false), "what may be made anyway may be new");
        assert_eq!(names(&settle(&json, capabilities::ALL)), ["a", "b", "e"]);
    }

    #[test]
    fn wrong_profiles_are_named_with_place_and_expectation() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let wrong = |json: &str| {
            std::fs::write(&file, json).unwrap();
            read(file.path()).unwrap_err().to_string()
        };
        for (json, expected) in [
            (
                "{\n\"defaultAction\": \"SCMP_ACT_FLY\"}",
                "defaultAction: unknown variant `SCMP_ACT_FLY`, expected one of `SCMP_ACT_KILL`",
            ),
            ("{\n\"defaultaction\": 1}", "unknown field `defaultaction`, expected one of `defaultAction`"),
            ("{\"defaultAction\":\"SCMP_ACT_LOG\",\n\"syscalls\":[{\"action\":3}]}", "expected"),
            ("{\"defaultAction\":\"SCMP_ACT_LOG\",\n\"architectures\":[\"amd64\"]}", "expected SCMP_ARCH_X86_64"),
            (
                "{\"defaultAction\":\"SCMP_ACT_LOG\",\n\"syscalls\":[{\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                "syscalls[0].args[0].index: argument 6: expected 0 to 5",
            ),
        ] {
            let text = wrong(json);
            let path = file.path().display().to_string();
            assert!(text.starts_with(&format!("seccomp profile {path}: ")), "{text}");
            assert!(text.contains(expected) && text.contains(" at line 2 "), "{text}");
        }
        assert!(read(Path::new("/no/such")).unwrap_err().to_string().starts_with("seccomp profile /no/such: "));
    }
}

//! Capabilities: `--cap-add` and `--cap-drop` (moby, `daemon/pkg/oci/caps/utils.go`).

use channel::{Capabilities, CapabilitySets};
use serde::Deserialize;

/// Capabilities by number (`linux/capability.h`), without `CAP_`.
#[rustfmt::skip]
const NAMES: [&str; 41] = [
    "CHOWN",          "DAC_OVERRIDE",    "DAC_READ_SEARCH", "FOWNER",           "FSETID",        "KILL",
    "SETGID",         "SETUID",          "SETPCAP",         "LINUX_IMMUTABLE",  "NET_BIND_SERVICE",
    "NET_BROADCAST",  "NET_ADMIN",       "NET_RAW",         "IPC_LOCK",         "IPC_OWNER",     "SYS_MODULE",
    "SYS_RAWIO",      "SYS_CHROOT",      "SYS_PTRACE",      "SYS_PACCT",        "SYS_ADMIN",     "SYS_BOOT",
    "SYS_NICE",       "SYS_RESOURCE",    "SYS_TIME",        "SYS_TTY_CONFIG",   "MKNOD",         "LEASE",
    "AUDIT_WRITE",    "AUDIT_CONTROL",   "SETFCAP",         "MAC_OVERRIDE",     "MAC_ADMIN",     "SYSLOG",
    "WAKE_ALARM",     "BLOCK_SUSPEND",   "AUDIT_READ",      "PERFMON",          "BPF",           "CHECKPOINT_RESTORE",
];

/// All of them.
pub const ALL: u64 = (1 << NAMES.len()) - 1;

/// What a capability looks like.
pub const EXPECTED: &str = "a capability of capabilities(7), with or without CAP_, or ALL";

/// The set that a word means: one capability, or all, in letters of any case.
pub fn parse(word: &str) -> Option<u64> {
    let word = word.to_ascii_uppercase();
    let name = word.strip_prefix("CAP_").unwrap_or(&word);
    let number = NAMES.iter().position(|known| *known == name);
    if name == "ALL" { Some(ALL) } else { number.map(|number| 1 << number) }
}

/// A capability in a file, as its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Capability(pub u64);

impl TryFrom<String> for Capability {
    type Error = String;

    fn try_from(name: String) -> Result<Capability, String> {
        let bits = parse(&name).map(Capability);
        bits.ok_or_else(|| format!("capability {name:?}: expected {EXPECTED}"))
    }
}

/// What is dropped and added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Added, if it is not dropped by name where all are added.
    pub add: u64,
    /// Dropped.
    pub drop: u64,
}

impl Changes {
    /// A set with these changes. Dropping comes first, so that what is named in both is there, unless all are added.
    pub fn apply(self, set: u64) -> u64 {
        if self.add == ALL { ALL & !self.drop } else { set & !self.drop | self.add }
    }

    /// The same of each set: what is added can be used and given on, what is dropped is nowhere.
    pub fn apply_to_sets(self, sets: CapabilitySets) -> CapabilitySets {
        let kept = Changes { add: 0, drop: self.drop & !self.add };
        CapabilitySets {
            bounding: self.apply(sets.bounding),
            effective: self.apply(sets.effective),
            permitted: self.apply(sets.permitted),
            inheritable: kept.apply(sets.inheritable),
            ambient: kept.apply(sets.ambient),
        }
    }
}

/// What exec can give at most.
pub fn bounding(capabilities: &Capabilities) -> u64 {
    match capabilities {
        Capabilities::OfUser(kept) => *kept,
        Capabilities::Sets(sets) => sets.bounding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::DOCKERS_CAPABILITIES;

    fn set(words: &[&str]) -> u64 {
        words.iter().fold(0, |set, word| set | parse(word).unwrap())
    }

    #[test]
    fn names_have_their_numbers() {
        for (word, number) in
            [("CHOWN", 0), ("cap_setpcap", 8), ("CAP_SYS_ADMIN", 21), ("setfcap", 31), ("CHECKPOINT_RESTORE", 40)]
        {
            assert_eq!(parse(word), Some(1 << number), "{word}");
        }
        assert_eq!((parse("all"), parse("CAP_ALL"), ALL), (Some(ALL), Some(ALL), 0x1ff_ffff_ffff));
        assert!(["", "CAP_", "SYS", "CAP_CAP_KILL"].iter().all(|word| parse(word).is_none()));
        let dockers = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FOWNER",
            "FSETID",
            "KILL",
            "SETGID",
            "SETUID",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "NET_RAW",
            "SYS_CHROOT",
            "MKNOD",
            "AUDIT_WRITE",
            "SETFCAP",
        ];
        assert_eq!(set(&dockers), DOCKERS_CAPABILITIES);
    }

    #[test]
    fn changes_are_dockers() {
        let change =
            |add: &[&str], drop: &[&str]| Changes { add: set(add), drop: set(drop) }.apply(DOCKERS_CAPABILITIES);
        let (ptrace, chown, raw) = (set(&["SYS_PTRACE"]), set(&["CHOWN"]), set(&["NET_RAW"]));
        for (add, drop, expected) in [
            (&[][..], &[][..], DOCKERS_CAPABILITIES),
            (&["SYS_PTRACE"], &["CHOWN"], DOCKERS_CAPABILITIES & !chown | ptrace),
            (&["CHOWN"], &["CHOWN"], DOCKERS_CAPABILITIES),
            (&[], &["ALL"], 0),
            (&["NET_RAW"], &["ALL"], raw),
            (&["ALL"], &["CHOWN"], ALL & !chown),
        ] {
            assert_eq!(change(add, drop), expected, "add {add:?}, drop {drop:?}");
        }
    }

    #[test]
    fn sets_change_each_for_itself() {
        let sets = CapabilitySets { bounding: 7, effective: 3, permitted: 3, inheritable: 1, ambient: 1 };
        let changed = Changes { add: 8, drop: 1 }.apply_to_sets(sets);
        assert_eq!(changed, CapabilitySets { bounding: 14, effective: 10, permitted: 10, inheritable: 0, ambient: 0 });
    }
}

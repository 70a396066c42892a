//! Modes and owners: the host's files have none that WASI would tell, so what the guest sets is remembered for the run.

use super::tree::FileKind;
use std::collections::BTreeMap;

/// Most files whose attributes are remembered; what is set beyond is accepted and forgotten.
const MAX_FILES: usize = 1 << 18;
/// Bits of a mode that can be set.
const MODE_BITS: u32 = 0o7777;

/// Owner and group of what nobody set them for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}
crate::fields!(Owner { uid, gid });

impl Owner {
    /// `uid:gid` in decimal, the user name that this server's client attaches with. Root for anything else.
    pub(super) fn parse(user_name: &[u8]) -> Owner {
        let parse = || {
            let (uid, gid) = std::str::from_utf8(user_name).ok()?.split_once(':')?;
            Some(Owner { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
        };
        parse().unwrap_or_default()
    }
}

/// What was set for one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Remembered {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// What was set, by the files' identity.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<u64, Remembered>);

impl Memory {
    /// Remembers what `set` has.
    pub(super) fn set(&mut self, identity: u64, set: Remembered) {
        if self.0.len() >= MAX_FILES && !self.0.contains_key(&identity) {
            return;
        }
        let known = self.0.entry(identity).or_default();
        known.mode = set.mode.map(|mode| mode & MODE_BITS).or(known.mode);
        known.uid = set.uid.or(known.uid);
        known.gid = set.gid.or(known.gid);
    }

    /// The file is gone.
    pub(super) fn forget(&mut self, identity: u64) {
        self.0.remove(&identity);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Mode with type bits, owner and group of a file.
    pub(super) fn of(&self, identity: u64, kind: FileKind, owner: Owner) -> (u32, Owner) {
        let known = self.0.get(&identity).copied().unwrap_or_default();
        let mode = known.mode.unwrap_or(default_mode(kind)) | kind.mode_bits();
        (mode, Owner { uid: known.uid.unwrap_or(owner.uid), gid: known.gid.unwrap_or(owner.gid) })
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (u64, Remembered)> {
        self.0.iter().map(|(&identity, &set)| (identity, set))
    }
}

/// Everything can be executed, since nobody says what cannot.
fn default_mode(kind: FileKind) -> u32 {
    match kind {
        FileKind::Symlink => 0o777,
        _ => 0o755,
    }
}

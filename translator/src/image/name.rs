//! Names of directory entries and paths as archives write them, checked before anything acts on them.
//!
//! Limits are Linux's: a name has 1 to 255 bytes without `/` and NUL and is neither `.` nor `..`; a path has at most
//! 4095 bytes. A path is normalised lexically; one that climbs above the root is refused.

use std::fmt;

use anyhow::{Result, bail, ensure};

/// Longest path that Linux takes, without its terminating NUL.
pub(crate) const PATH_MAX: usize = 4095;

/// One directory entry's name. Orders by unsigned bytes, as EROFS sorts directories.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// Checks `bytes`. Errors if Linux could not create an entry of that name.
    pub fn new(bytes: &[u8]) -> Result<Name> {
        let shown = String::from_utf8_lossy(bytes);
        ensure!(!bytes.is_empty() && bytes != b"." && bytes != b"..", "{shown:?} cannot name a directory entry");
        ensure!(bytes.len() <= 255, "name {shown:?} has {} bytes, at most 255 are possible", bytes.len());
        ensure!(!bytes.iter().any(|&b| b == b'/' || b == 0), "name {shown:?} holds a slash or NUL");
        Ok(Name(bytes.into()))
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

/// Splits a path into names relative to the root: leading slashes and `.` are dropped, `..` takes the name before it away.
/// Errors if `..` climbs above the root, or a name or the path is too long.
pub(crate) fn components(path: &[u8]) -> Result<Vec<Name>> {
    ensure!(path.len() <= PATH_MAX, "path of {} bytes, at most {PATH_MAX} are possible", path.len());
    let mut names = Vec::new();
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if names.pop().is_none() => bail!("path {:?} climbs above the root", String::from_utf8_lossy(path)),
            b".." => {}
            _ => names.push(Name::new(part)?),
        }
    }
    Ok(names)
}

/// Checks a symbolic link's target: 1 to 4095 bytes without NUL.
pub(crate) fn link_target(target: &[u8]) -> Result<Vec<u8>> {
    ensure!(
        (1..=PATH_MAX).contains(&target.len()) && !target.contains(&0),
        "symbolic link target of {} bytes, expected 1 to {PATH_MAX} without NUL",
        target.len()
    );
    Ok(target.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_within_the_root() {
        let shown = |path: &str| components(path.as_bytes()).map(|names| format!("{names:?}"));
        assert_eq!(shown("//usr/./lib/../bin//sh/").unwrap(), r#"["usr", "bin", "sh"]"#);
        assert_eq!(shown("./").unwrap(), "[]");
        assert!(shown("a/../../etc").unwrap_err().to_string().contains("climbs above the root"));
        assert!(shown(&"n".repeat(256)).is_err());
        assert!(shown(&"a/".repeat(2048)).is_err());
    }
}

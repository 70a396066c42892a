//! Names and paths as the guest may give them.

use super::errno::Errno;

/// Longest name in bytes (Linux, NAME_MAX).
pub(super) const NAME_MAX: usize = 255;
/// Longest path in bytes, and longest target of a symbolic link (Linux, PATH_MAX, with its NUL).
pub(super) const PATH_MAX: usize = 4095;

/// A name in a directory: not empty, not `.` or `..`, no `/` and no NUL in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Checks a name.
    ///
    /// # Errors
    /// EINVAL, ENAMETOOLONG, or EILSEQ for what is not UTF-8.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Name<'a>, Errno> {
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') || bytes.contains(&0) {
            return Err(Errno::INVAL);
        }
        if bytes.len() > NAME_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        std::str::from_utf8(bytes).map(Name).map_err(|_| Errno::ILSEQ)
    }
}

/// Checks the target of a symbolic link, which is any text: nobody here follows it.
///
/// # Errors
/// ENOENT for none, EINVAL with a NUL in it, ENAMETOOLONG, EILSEQ.
pub(super) fn link_target(bytes: &[u8]) -> Result<&str, Errno> {
    match bytes {
        [] => Err(Errno::NOENT),
        _ if bytes.contains(&0) => Err(Errno::INVAL),
        _ if bytes.len() > PATH_MAX => Err(Errno::NAMETOOLONG),
        _ => std::str::from_utf8(bytes).map_err(|_| Errno::ILSEQ),
    }
}

/// A path below a tree's root: names joined by `/`; empty for the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TreePath(String);

impl TreePath {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A path of this text, if it is one.
    pub(super) fn parse(text: &str) -> Result<TreePath, Errno> {
        let names = text.split('/').filter(|_| !text.is_empty());
        names.map(|name| Name::parse(name.as_bytes())).try_fold(TreePath::default(), |path, name| path.child(name?))
    }

    /// The path of `name` in this directory.
    ///
    /// # Errors
    /// ENAMETOOLONG.
    pub(super) fn child(&self, name: Name<'_>) -> Result<TreePath, Errno> {
        let text = if self.0.is_empty() { name.0.to_owned() } else { format!("{}/{}", self.0, name.0) };
        if text.len() > PATH_MAX { Err(Errno::NAMETOOLONG) } else { Ok(TreePath(text)) }
    }

    /// The directory that it is in; the root's is the root.
    pub(super) fn parent(&self) -> TreePath {
        TreePath(self.0.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned()))
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Where this path leads after `from` was renamed to `to`; `None` if it is neither `from` nor below it.
    pub(super) fn renamed(&self, from: &TreePath, to: &TreePath) -> Option<TreePath> {
        let rest = self.0.strip_prefix(&from.0)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| TreePath(format!("{}{rest}", to.0)))
    }
}

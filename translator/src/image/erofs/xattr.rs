//! Extended attributes within an inode: a header of 12 bytes, then entries of name and value, each padded to 4 bytes.
//!
//! The namespace is an index; only the rest of the name is stored.

use anyhow::{Context, Result, ensure};

use super::super::tree::Xattrs;

/// Namespaces of `erofs_fs.h`. The access control lists are whole names.
#[rustfmt::skip]
const PREFIXES: [(&[u8], u8); 5] = [
    (b"user.",                    1),
    (b"system.posix_acl_access",  2),
    (b"system.posix_acl_default", 3),
    (b"trusted.",                 4),
    (b"security.",                6),
];
/// Size of `erofs_xattr_ibody_header`.
const HEADER: usize = 12;

/// Whether the format has a namespace for the attribute `name`.
pub(crate) fn takes(name: &[u8]) -> bool {
    split(name).is_some()
}

/// Index of the namespace and the rest of the name.
fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    PREFIXES.iter().find_map(|&(prefix, index)| {
        let rest = name.strip_prefix(prefix)?;
        (prefix.ends_with(b".") != rest.is_empty()).then_some((index, rest))
    })
}

/// The attributes as they stand behind an inode; empty if there are none.
pub(super) fn encode(xattrs: &Xattrs) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for (name, value) in xattrs {
        let shown = String::from_utf8_lossy(name);
        let (index, rest) = split(name).with_context(|| format!("EROFS has no namespace for attribute {shown:?}"))?;
        let name_len = u8::try_from(rest.len()).with_context(|| format!("name of attribute {shown:?} is too long"))?;
        let value_len = u16::try_from(value.len());
        let value_len = value_len.with_context(|| format!("attribute {shown:?} has {} bytes", value.len()))?;
        if body.is_empty() {
            body.resize(HEADER, 0);
        }
        body.extend([name_len, index]);
        body.extend(value_len.to_le_bytes());
        body.extend(rest);
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    ensure!(count(&body) <= usize::from(u16::MAX), "attributes of {} bytes exceed the format", body.len());
    Ok(body)
}

/// `i_xattr_icount` of attributes as [`encode`] gives them: 1 for the header and 1 for each 4 bytes more.
pub(super) fn count(body: &[u8]) -> usize {
    if body.is_empty() { 0 } else { 1 + (body.len() - HEADER) / 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_indices() {
        assert_eq!(split(b"security.capability"), Some((6, &b"capability"[..])));
        assert_eq!(split(b"system.posix_acl_access"), Some((2, &b""[..])));
        for bad in ["user.", "system.nfs4_acl", "system.posix_acl_access2", "capability"] {
            assert!(!takes(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn entries_are_padded() {
        let xattrs = Xattrs::from([(b"user.a".to_vec(), b"xyz".to_vec()), (b"user.bb".to_vec(), Vec::new())]);
        let body = encode(&xattrs).unwrap();
        assert_eq!(&body[HEADER..], b"\x01\x01\x03\0axyz\x02\x01\0\0bb\0\0");
        assert_eq!(count(&body), 5);
        assert!(encode(&Xattrs::from([(b"user.a".to_vec(), vec![0; 65536])])).is_err());
    }
}

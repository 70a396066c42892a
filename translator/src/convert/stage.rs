//! Files between the stages: `snapshot` writes what `profile` and `link` read, `profile` what `translate` reads, and
//! `translate` what `link` reads.
//!
//! ```text
//! file := magic, sections, SHA-256 of all before it
//! ```
//!
//! The snapshot's format is the runtime's own; the others follow it. The checksum finds damage, not malice: what
//! passes it is still read field by field.

use anyhow::{Context, Result, ensure};
use runtime::profile::Profile;
use runtime::snapshot::{CodecError, Reader, Snapshot, Writer};
use sha2::{Digest as _, Sha256};
use std::path::Path;

const CHECKSUM: usize = 32;
const PROFILE: &str = "prelift profile\n";

/// The bytes of a snapshot's file.
///
/// # Errors
/// None that memory does not have.
pub fn write_snapshot(snapshot: &Snapshot) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    snapshot.write(&mut bytes).context("write the snapshot")?;
    Ok(bytes)
}

/// Reads a snapshot's file.
///
/// # Errors
/// Names the file, and where it is not what was expected.
pub fn read_snapshot(path: &Path) -> Result<Snapshot> {
    let bytes = read_file(path)?;
    Snapshot::read(&mut bytes.as_slice()).with_context(|| path.display().to_string())
}

/// The bytes of a profile's file.
pub fn write_profile(profile: &Profile) -> Vec<u8> {
    seal(PROFILE, |writer| profile.save(writer))
}

/// Reads a profile's file.
///
/// # Errors
/// Names the file, and where it is not what was expected.
pub fn read_profile(path: &Path) -> Result<Profile> {
    let bytes = read_file(path)?;
    unseal(&bytes, PROFILE, Profile::load).with_context(|| path.display().to_string())
}

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A file of this kind with what `body` writes.
pub(super) fn seal(magic: &str, body: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.raw(magic.as_bytes());
    body(&mut writer);
    let mut bytes = writer.into_bytes();
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// Reads a file of this kind with `body`, which has to consume all of it.
pub(super) fn unseal<T>(
    bytes: &[u8],
    magic: &str,
    body: impl FnOnce(&mut Reader<'_>) -> Result<T, CodecError>,
) -> Result<T> {
    ensure!(bytes.starts_with(magic.as_bytes()), "offset 0: expected {:?}", magic.trim_end());
    let offset = bytes.len().saturating_sub(CHECKSUM);
    let (sealed, checksum) = bytes.split_at(offset);
    ensure!(
        sealed.len() >= magic.len() && Sha256::digest(sealed).as_slice() == checksum,
        "offset {offset}: expected the checksum of the {offset} bytes before it: the file is damaged or cut short"
    );
    let mut reader = Reader::new(sealed);
    reader.raw(magic.len() as u64)?;
    let value = body(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::memory::PAGE;
    use runtime::profile::{BlockProfile, CodeAddress, Mode};

    fn profile() -> Profile {
        let address = CodeAddress { mode: Mode::User, address: 0x1000 };
        let mut profile = Profile { retired: 7, ..Profile::default() };
        profile.blocks.insert(address, BlockProfile { length: 3, insns: 1, count: 7 });
        profile.pages.insert(address, Box::new([0x90; PAGE]));
        profile
    }

    /// What reading a file with these bytes says.
    fn error(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let text = format!("{:#}", read_profile(file.path()).unwrap_err());
        assert!(text.starts_with(&file.path().display().to_string()), "{text}");
        text
    }

    #[test]
    fn a_profile_comes_back() {
        let bytes = write_profile(&profile());
        assert_eq!(unseal(&bytes, PROFILE, Profile::load).unwrap(), profile());
    }

    #[test]
    fn damaged_profiles_are_refused() {
        let bytes = write_profile(&profile());
        for cut in (0..bytes.len()).step_by(97).chain([PROFILE.len(), bytes.len() - 1]) {
            let text = error(&bytes[..cut]);
            assert!(text.contains("expected"), "cut at {cut}: {text}");
        }
        let mut flipped = bytes.clone();
        flipped[PROFILE.len() + 40] ^= 1;
        assert!(error(&flipped).contains("damaged"));
        assert!(error(b"GIF89a").contains("expected \"prelift profile\""));
        // A checksum that holds does not make the fields right.
        assert!(error(&seal(PROFILE, |writer| writer.section("profile", 9, |_| ()))).contains("expected version 2"));
        assert!(error(&seal(PROFILE, |writer| writer.section("profile", 2, |_| ()))).contains("more bytes"));
    }

    #[test]
    fn damaged_snapshots_name_their_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (bytes, expected) in [(&b""[..], "this is no snapshot"), (b"prelift snapshot\x08snap", "checksum")] {
            std::fs::write(file.path(), bytes).unwrap();
            let text = format!("{:#}", read_snapshot(file.path()).unwrap_err());
            assert!(text.starts_with(&file.path().display().to_string()) && text.contains(expected), "{text}");
        }
    }
}

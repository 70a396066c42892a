//! Digests of blobs (OCI image specification, descriptor.md, "Digests"): `sha256:HEX` and `sha512:HEX`.

use std::fmt;
use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256, Sha512};

/// The function that made a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

/// A digest as descriptors write it, checked: safe as part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// Parses `ALGORITHM:HEX`.
    pub(crate) fn parse(text: &str) -> Result<Digest> {
        let (algorithm, hex) = text.split_once(':').with_context(|| format!("digest {text:?} has no algorithm"))?;
        let (algorithm, length) = match algorithm {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => bail!("digest {text:?}: algorithm is neither sha256 nor sha512"),
        };
        let hexadecimal = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ensure!(hexadecimal && hex.len() == length, "digest {text:?} is not {length} lower-case hexadecimal digits");
        Ok(Digest { algorithm, hex: hex.to_owned() })
    }

    /// Where an OCI layout keeps the blob: `blobs/ALGORITHM/HEX`.
    pub(crate) fn blob_path(&self) -> String {
        format!("blobs/{}/{}", self.algorithm.name(), self.hex)
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

enum Hash {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// Passes bytes on and hashes them.
pub(crate) struct Verifier<R> {
    input: R,
    expected: Digest,
    hash: Hash,
}

impl<R: Read> Verifier<R> {
    pub(crate) fn new(input: R, expected: Digest) -> Verifier<R> {
        let hash = match expected.algorithm {
            Algorithm::Sha256 => Hash::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hash::Sha512(Sha512::new()),
        };
        Verifier { input, expected, hash }
    }

    /// Reads to the end and compares.
    pub(crate) fn finish(mut self) -> Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        let found = match self.hash {
            Hash::Sha256(hash) => hex(&hash.finalize()),
            Hash::Sha512(hash) => hex(&hash.finalize()),
        };
        let (expected, algorithm) = (&self.expected, self.expected.algorithm.name());
        ensure!(found == expected.hex, "contents have digest {algorithm}:{found}, expected {expected}");
        Ok(())
    }
}

impl<R: Read> Read for Verifier<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        match &mut self.hash {
            Hash::Sha256(hash) => hash.update(&buffer[..count]),
            Hash::Sha512(hash) => hash.update(&buffer[..count]),
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_checked_before_they_name_files() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::parse(empty).unwrap().to_string(), empty);
        Verifier::new(io::empty(), Digest::parse(empty).unwrap()).finish().unwrap();
        let wrong = Verifier::new(&b"x"[..], Digest::parse(empty).unwrap()).finish();
        assert!(wrong.unwrap_err().to_string().contains("expected sha256:e3b0"));
        for bad in ["e3b0", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../etc/passwd", &empty.to_uppercase()] {
            assert!(Digest::parse(bad).is_err(), "{bad}");
        }
    }
}

//! The file of an image that is outside of its module.
//!
//! ```text
//! image, as the guest sees it │ label with the image's SHA-256, 4096 bytes
//! ```
//!
//! The module knows the SHA-256 of its image, and compares it with the [`label`]'s: so files of other images are told at once, by
//! their whole content, and no start reads more than the label. What is not detected is a file whose image was changed in place
//! after `prelift` wrote it. Tools that take the file for an EROFS do not mind the label: it lies behind the file system.

use crate::label;
use crate::memory::{ImageSource, ReadAt};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

const TITLE: &str = "prelift image 1";

/// Why a file is not the image that a module needs.
#[derive(Debug, thiserror::Error)]
pub enum ImageFileError {
    /// The host refuses.
    #[error("{}: {error}; expected the module's root file system, a file of {expected} bytes", .path.display())]
    Host {
        /// The file.
        path: PathBuf,
        /// Its size.
        expected: u64,
        /// The host's error.
        error: io::Error,
    },
    /// Too short or too long.
    #[error("{}: expected the module's root file system, a file of {expected} bytes; found {found} bytes", .path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// The size that it has to have.
        expected: u64,
        /// Its size.
        found: u64,
    },
    /// Something else of the same size.
    #[error("{}: expected an image that prelift wrote, with {expected:?} behind it; found {found:?}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The lines of the label.
        expected: String,
        /// What is in its place.
        found: String,
    },
    /// The image of another module.
    #[error("{}: the file is of another image: expected sha256:{expected}, found sha256:{found}", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// The module's image.
        expected: String,
        /// The file's.
        found: String,
    },
}

/// Size of the file of an image of `size` bytes.
pub fn file_size(size: u64) -> u64 {
    size + label::SIZE
}

/// What follows an image with this SHA-256 in its file.
pub fn end(image: &[u8; 32]) -> Vec<u8> {
    label::of(TITLE, image)
}

/// Opens the file of the image with this size in bytes and this SHA-256.
///
/// # Errors
/// [`ImageFileError`] if it is not that image's.
pub fn open(path: &Path, size: u64, digest: &[u8; 32]) -> Result<ImageSource, ImageFileError> {
    let expected = file_size(size);
    let host = |error| ImageFileError::Host { path: path.to_owned(), expected, error };
    let file = File::open(path).map_err(host)?;
    let found = file.metadata().map_err(host)?.len();
    if found != expected {
        return Err(ImageFileError::Size { path: path.to_owned(), expected, found });
    }
    let mut found = vec![0; label::SIZE as usize];
    ReadAt::read_exact_at(&file, &mut found, size).map_err(host)?;
    if found == end(digest) {
        return Ok(ImageSource::new(file, &path.display().to_string(), size, *digest));
    }
    let path = path.to_owned();
    Err(match label::image_of(TITLE, &found) {
        Some(found) => ImageFileError::Other { path, expected: label::hexadecimal(digest), found },
        None => ImageFileError::Foreign { path, expected: label::text(&end(digest)), found: label::text(&found) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_taken_for_its_own_image_alone() {
        let image = ImageSource::of_bytes(vec![7; 8192]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let (path, whole) = (file.path(), [vec![7; 8192], end(&image.digest)].concat());
        let opened = |bytes: &[u8]| {
            fs::write(path, bytes).unwrap();
            open(path, image.size, &image.digest)
        };
        let mut read = [0; 5];
        opened(&whole).unwrap().read(&mut read, 8187).unwrap();
        assert_eq!(read, [7; 5]);
        let refused = |bytes: &[u8]| opened(bytes).err().unwrap().to_string();
        let name = path.display();
        let size = |found| {
            format!("{name}: expected the module's root file system, a file of 12288 bytes; found {found} bytes")
        };
        assert_eq!(refused(&whole[..12287]), size(12287));
        assert_eq!(refused(&[&*whole, b"!"].concat()), size(12289));
        let other = refused(&[vec![7; 8192], end(&[0xab; 32])].concat());
        assert!(
            other.contains("is of another image: expected sha256:") && other.ends_with(&"ab".repeat(32)),
            "{other}"
        );
        assert!(refused(&[7; 12288]).contains("expected an image that prelift wrote"));
        let missing = open(Path::new("/nonexistent/x"), 8192, &image.digest).err().unwrap().to_string();
        assert!(missing.starts_with("/nonexistent/x: ") && missing.contains("a file of 12288 bytes"), "{missing}");
    }
}

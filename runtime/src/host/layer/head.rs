//! The head of a layer's file: two lines of text that say what it is and of which image, and zeros up to the file system.

use super::LayerError;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Its size in bytes.
pub(super) const SIZE: u64 = 4096;

const TITLE: &str = "prelift layer 1\n";
const IMAGE: &str = "image sha256:";

/// The head of a layer of this image.
pub(super) fn of(image: &[u8; 32]) -> Vec<u8> {
    let mut head = format!("{TITLE}{IMAGE}{}\n", hexadecimal(image)).into_bytes();
    head.resize(SIZE as usize, 0);
    head
}

/// As much of a head as the file has.
pub(super) fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(SIZE).read_to_end(&mut head)?;
    Ok(head)
}

/// Checks that this is the head of a layer of this image.
pub(super) fn check(path: &Path, found: &[u8], image: &[u8; 32]) -> Result<(), LayerError> {
    let expected = of(image);
    if found == expected {
        return Ok(());
    }
    let path = path.to_owned();
    match image_of(found) {
        Some(found) => Err(LayerError::Image { path, expected: hexadecimal(image), found }),
        None => Err(LayerError::Foreign { path, expected: text(&expected), found: text(found) }),
    }
}

/// The image that a head names, if it is one.
fn image_of(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(TITLE.as_bytes())?.strip_prefix(IMAGE.as_bytes())?;
    let (digits, rest) = line.split_at_checked(64)?;
    let whole = rest.split_first().is_some_and(|(first, zeros)| *first == b'\n' && zeros.iter().all(|&byte| byte == 0));
    let digits = str::from_utf8(digits).ok()?;
    (whole && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| digits.to_owned())
}

/// Its lines, for messages.
fn text(head: &[u8]) -> String {
    const MOST: usize = 100;
    String::from_utf8_lossy(&head[..head.len().min(MOST)]).trim_end_matches('\0').to_owned()
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

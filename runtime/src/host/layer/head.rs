//! The head of a layer's file, up to the file system: a [`label`].

use super::LayerError;
use crate::label;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Its size in bytes.
pub(super) const SIZE: u64 = label::SIZE;

const TITLE: &str = "prelift layer 1";

/// The head of a layer of this image.
pub(super) fn of(image: &[u8; 32]) -> Vec<u8> {
    label::of(TITLE, image)
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
    match label::image_of(TITLE, found) {
        Some(found) => Err(LayerError::Image { path, expected: label::hexadecimal(image), found }),
        None => Err(LayerError::Foreign { path, expected: label::text(&expected), found: label::text(found) }),
    }
}

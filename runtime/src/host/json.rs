//! JSON files of others: what is wrong in one is named by its path, with line and column.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// What is `null` is empty: programs in Go write lists so.
///
/// # Errors
/// As the type's own.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Parses a file: what it says, and the paths of keys that no field has.
///
/// # Errors
/// What is wrong where, and what was expected.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<(T, Vec<String>), String> {
    let mut passed_over = Vec::new();
    let mut note = note_in(&mut passed_over);
    let mut input = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(&mut input, &mut note));
    let parsed = parsed.map_err(|error| match error.path().to_string() {
        path if path == "." => error.inner().to_string(),
        path => format!("{path}: {}", error.inner()),
    })?;
    input.end().map_err(|error| error.to_string())?;
    drop(note);
    Ok((parsed, passed_over))
}

/// Of one type whatever is parsed, so that the code for what two files have in common is there once.
fn note_in(paths: &mut Vec<String>) -> impl FnMut(serde_ignored::Path<'_>) {
    // An option is a step of its own there.
    |path| paths.push(path.to_string().replace(".?", ""))
}

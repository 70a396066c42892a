//! JSON as programs in Go write it: an empty list may be `null`.

use serde::{Deserialize, Deserializer};

/// What is `null` is empty.
///
/// # Errors
/// As the type's own.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(input: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

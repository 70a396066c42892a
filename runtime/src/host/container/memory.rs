//! The container's memory: `--memory SIZE`, as Docker takes it, and the RAM that the machine needs for it.
//!
//! The size is a limit, kept by the container's control group to the byte. A machine that has less RAM than that gets more
//! ([`Memory::add`]): as much as the container may have, beside what the kernel needs itself. It cannot give up RAM that it
//! booted with, and need not: pages that nobody touches cost nothing.

use crate::memory::{ADDED_BLOCK, Memory};

/// What a size looks like.
pub const EXPECTED: &str = "a size of at least 6m, such as 64m, 1.5g or a number of bytes; 0: no limit";

/// Docker's least (moby, `daemon/daemon_unix.go`): "Minimum memory limit allowed is 6MB".
pub const LEAST: u64 = 6 << 20;

/// What kernel and init have of the machine's RAM, in bytes, generously: a machine of 128 MiB has some 100 left.
const GUESTS_OWN: u64 = 48 << 20;

/// The kernel has a structure of 64 bytes for each page of 4 KiB.
const PAGES_STRUCTURES: u64 = 64;

/// A limit for which there is not enough room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a limit of {limit} bytes of memory: expected at most {}m: {used} MiB of the 4 GiB that a module can address are taken by the \
     runtime, the image and the RAM that the machine booted with",
    most >> 20
)]
pub struct NoRoom {
    limit: u64,
    most: u64,
    used: u64,
}

/// Parses a size (docker/go-units, `RAMInBytes`): digits, perhaps with a fraction, and a unit of powers of 1024, `b`, `k`, `m`,
/// `g` or `t`, perhaps as `KB` or `KiB`. 0 is no limit: `Some(None)`.
pub fn parse(text: &str) -> Option<Option<u64>> {
    let end = text.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let shift = match unit.strip_suffix('b').map_or(unit.as_str(), |unit| unit.strip_suffix('i').unwrap_or(unit)) {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let bytes = match fraction.trim_end_matches('0') {
        "" => whole.parse::<u64>().ok()?.checked_mul(1 << shift)?,
        // As much as a double holds exactly is enough.
        _ => (number.parse::<f64>().ok()? * (1u64 << shift) as f64) as u64,
    };
    match bytes {
        0 => Some(None),
        _ => (bytes >= LEAST).then_some(Some(bytes)),
    }
}

/// Bytes of RAM to be added to a machine, so that a container can have as many as its limit says.
///
/// # Errors
/// [`NoRoom`], with the highest limit that there can be.
pub fn needed(limit: u64, memory: &Memory) -> Result<u64, NoRoom> {
    let own = GUESTS_OWN + memory.image_size() / PAGES_STRUCTURES;
    let missing = limit.saturating_add(own).saturating_sub(memory.ram_size());
    let room = memory.room();
    let added =
        missing.saturating_add(missing / (PAGES_STRUCTURES - 1)).div_ceil(ADDED_BLOCK).saturating_mul(ADDED_BLOCK);
    if added <= room {
        return Ok(added);
    }
    let most = (memory.ram_size() + room - room / PAGES_STRUCTURES).saturating_sub(own);
    Err(NoRoom { limit, most, used: memory.used() >> 20 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dockers() {
        for (text, expected) in [
            ("6291456", Some(6 << 20)),
            ("64m", Some(64 << 20)),
            ("64M", Some(64 << 20)),
            ("64mb", Some(64 << 20)),
            ("64 MiB", Some(64 << 20)),
            ("8192k", Some(8 << 20)),
            ("8388608b", Some(8 << 20)),
            ("1.5g", Some(3 << 29)),
            ("1.0g", Some(1 << 30)),
            ("2t", Some(2 << 40)),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!((parse("0"), parse("0g")), (Some(None), Some(None)));
        for text in
            ["", "m", "6291455", "5m", "-1", "64x", "64mm", "64 m ", "1.g", ".5g", "1.2.3g", "99999999t", "1e9", "٣m"]
        {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_the_machine_has_is_not_added() {
        let memory = Memory::new(128 << 20, 64 << 20).unwrap();
        for (limit, blocks) in
            [(6 << 20, 0), (79 << 20, 0), (80 << 20, 1), (200 << 20, 1), (207 << 20, 2), (1 << 30, 8)]
        {
            assert_eq!(needed(limit, &memory), Ok(blocks * ADDED_BLOCK), "{limit}");
        }
    }

    #[test]
    fn the_highest_limit_is_named_and_holds() {
        for (ram, image) in [(128 << 20, 0), (1 << 30, 900 << 20), (3 << 30, 700 << 20)] {
            let memory = Memory::new(ram, image).unwrap();
            let error = needed(u64::MAX, &memory).unwrap_err();
            assert_eq!(needed(error.most, &memory), Ok(memory.room()), "{error}");
            assert_eq!(needed(error.most + 1, &memory).map_err(|error| error.most), Err(error.most), "{error}");
        }
        let error = needed(8 << 30, &Memory::new(128 << 20, 0).unwrap()).unwrap_err().to_string();
        assert!(
            error.starts_with("a limit of 8589934592 bytes of memory: expected at most 3734m: 128 MiB of the 4 GiB"),
            "{error}"
        );
    }
}

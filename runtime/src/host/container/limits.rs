//! Limits of resources: `--ulimit NAME=SOFT[:HARD]` (docker/go-units, `ulimit.go`).

use channel::{Limit, UNLIMITED};
use serde::Deserialize;

/// Resources by `RLIMIT_…` number (getrlimit(2), x86-64), in Docker's words.
pub const NAMES: [&str; 16] = [
    "cpu",
    "fsize",
    "data",
    "stack",
    "core",
    "rss",
    "nproc",
    "nofile",
    "memlock",
    "as",
    "locks",
    "sigpending",
    "msgqueue",
    "nice",
    "rtprio",
    "rttime",
];

/// What a limit looks like.
pub const EXPECTED: &str = "NAME=SOFT[:HARD], with a NAME of as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, \
     nproc, rss, rtprio, rttime, sigpending, stack, numbers or -1 for no limit, and SOFT not above HARD";

/// Parses a limit; without HARD both are the same.
pub fn parse(text: &str) -> Option<Limit> {
    let (name, limits) = text.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    (soft <= hard).then_some(Limit { resource: resource(name)?, soft, hard })
}

/// The number of a resource.
pub fn resource(name: &str) -> Option<u32> {
    (0..).zip(NAMES).find_map(|(number, known)| (known == name).then_some(number))
}

/// A resource in a file, `RLIMIT_…`, as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Resource(pub u32);

impl TryFrom<String> for Resource {
    type Error = String;

    fn try_from(name: String) -> Result<Resource, String> {
        let number = name.strip_prefix("RLIMIT_").and_then(|name| resource(&name.to_ascii_lowercase()));
        number.map(Resource).ok_or_else(|| format!("resource {name:?}: expected RLIMIT_ and a name of getrlimit(2)"))
    }
}

/// `limits` with `others` in place of those of the same resources, or added.
pub fn replace(limits: &mut Vec<Limit>, others: &[Limit]) {
    for other in others {
        limits.retain(|limit| limit.resource != other.resource);
        limits.push(*other);
    }
}

fn number(text: &str) -> Option<u64> {
    if text == "-1" { Some(UNLIMITED) } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_dockers() {
        let limit = |resource, soft, hard| Some(Limit { resource, soft, hard });
        for (text, expected) in [
            ("nofile=1024", limit(7, 1024, 1024)),
            ("nofile=1024:2048", limit(7, 1024, 2048)),
            ("core=0:-1", limit(4, 0, UNLIMITED)),
            ("stack=-1", limit(3, UNLIMITED, UNLIMITED)),
            ("rttime=1:1", limit(15, 1, 1)),
            ("nofile=2:1", None),
            ("nofile=-1:5", None),
            ("nofile=-2", None),
            ("nofile=", None),
            ("nofile=1:2:3", None),
            ("files=1", None),
            ("nofile", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert!(NAMES.iter().all(|name| EXPECTED.contains(&format!(" {name}"))), "{EXPECTED}");
    }

    #[test]
    fn a_later_limit_takes_the_place_of_an_earlier_one() {
        let limit = |resource, soft| Limit { resource, soft, hard: 9 };
        let mut limits = vec![limit(7, 1), limit(4, 2)];
        replace(&mut limits, &[limit(7, 3), limit(1, 4), limit(7, 5)]);
        assert_eq!(limits, [limit(4, 2), limit(1, 4), limit(7, 5)]);
    }
}

//! PAX extended header records (POSIX.1-2017 `pax`, "Extended Header"): `LENGTH SP KEY = VALUE LF`.
//!
//! The length decides where a record ends. A value may hold any byte, line feeds included, as binary attributes
//! (`SCHILY.xattr.security.capability`) do; so records cannot be found by splitting lines.

use anyhow::{Context, Result, ensure};

use super::super::tree::Mtime;

/// Splits the body of an extended header into (key, value) pairs, in order.
pub(super) fn records(mut body: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !body.is_empty() {
        let (record, rest) = split_record(body)?;
        records.push(record);
        body = rest;
    }
    Ok(records)
}

type Record<'a> = (&'a [u8], &'a [u8]);

fn split_record(body: &[u8]) -> Result<(Record<'_>, &[u8])> {
    let space = body.iter().take(20).position(|&b| b == b' ').context("PAX record without a length")?;
    let length = decimal(&body[..space]).context("PAX record without a length")? as usize;
    ensure!(length > space + 2 && length <= body.len(), "PAX record of length {length} in {} bytes", body.len());
    let (record, rest) = body.split_at(length);
    let record = record[space + 1..].strip_suffix(b"\n").context("PAX record without a final line feed")?;
    let equals = record.iter().position(|&b| b == b'=').context("PAX record without `=`")?;
    Ok(((&record[..equals], &record[equals + 1..]), rest))
}

/// A decimal number without sign.
pub(super) fn decimal(text: &[u8]) -> Result<u64> {
    let shown = String::from_utf8_lossy(text);
    ensure!(text.iter().all(u8::is_ascii_digit), "{shown:?} is not a decimal number");
    shown.parse().with_context(|| format!("{shown:?} is not a decimal number"))
}

/// A time such as `1700000000.25` or `-1.5`; digits below nanoseconds are dropped.
pub(super) fn time(text: &[u8]) -> Result<Mtime> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let dot = digits.iter().position(|&b| b == b'.');
    let (whole, fraction) = digits.split_at(dot.unwrap_or(digits.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    let seconds = i64::try_from(decimal(whole)?).context("time out of range")?;
    ensure!(fraction.iter().all(u8::is_ascii_digit), "{:?} is not a time", String::from_utf8_lossy(text));
    let nanoseconds = (0..9).fold(0, |sum, i| sum * 10 + u32::from(fraction.get(i).map_or(0, |digit| digit - b'0')));
    Ok(match (negative, nanoseconds) {
        (false, _) => Mtime { seconds, nanoseconds },
        (true, 0) => Mtime { seconds: -seconds, nanoseconds },
        (true, _) => Mtime { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_line_feeds() {
        let body = b"26 SCHILY.xattr.user.a=\n1\n9 path=b\n";
        let expected: Vec<Record<'_>> = vec![(b"SCHILY.xattr.user.a", b"\n1"), (b"path", b"b")];
        assert_eq!(records(body).unwrap(), expected);
    }

    #[test]
    fn malformed_records_are_refused() {
        for body in ["x", "5 a=b", "99 a=b\n", "6 a=b\nx", "5 ab\n", "3 \n", "99999999999999999999999 a=b\n"] {
            assert!(records(body.as_bytes()).is_err(), "{body:?}");
        }
    }

    #[test]
    fn times_have_signs_and_fractions() {
        let parts = |text: &str| time(text.as_bytes()).map(|t| (t.seconds, t.nanoseconds));
        assert_eq!(parts("1700000000.25").unwrap(), (1_700_000_000, 250_000_000));
        assert_eq!(parts("-1.5").unwrap(), (-2, 500_000_000));
        assert_eq!(parts("7").unwrap(), (7, 0));
        assert_eq!(parts("1.0000000019").unwrap(), (1, 1));
        for bad in ["", "1.x", "--1", "1e9", "99999999999999999999", "1.5.5"] {
            assert!(parts(bad).is_err(), "{bad:?}");
        }
    }
}

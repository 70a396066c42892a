//! Numbers as a person reads them, and the script sorts by: commas between thousands, a blank for none.

/// A count.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, or nothing for 0: so that what is there is seen.
pub(super) fn some(number: u64) -> String {
    if number == 0 { String::new() } else { count(number) }
}

/// A part in percent.
pub(super) fn share(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}

/// `of` in percent of `whole`.
pub(super) fn percent(of: u64, whole: u64) -> String {
    share(crate::inspect::regions::share(of, whole))
}

/// A number of bytes in the unit that fits.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(u32, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match UNITS.iter().find(|(power, _)| bytes >> power > 0) {
        Some((power, unit)) => format!("{:.1} {unit}", bytes as f64 / f64::from(1u32 << power)),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let counts = [0, 999, 1000, 1_234_567, u64::MAX].map(count);
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"]);
        assert_eq!([0, 12].map(some), ["", "12"]);
        assert_eq!([(1, 3), (0, 0)].map(|(of, whole)| percent(of, whole)), ["33.33 %", "0.00 %"]);
        let sizes = [0, 1023, 1024, 5 << 19, 3 << 30, u64::MAX].map(size);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "2.5 MiB", "3.0 GiB", "17179869184.0 GiB"]);
    }
}

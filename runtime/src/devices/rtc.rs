//! The clock part of an MC146818 (ports 0x70 and 0x71): time of day, read only, BCD and 24 hours.
//!
//! Never mid-update, no alarm, no periodic interrupt; all other CMOS bytes read 0 and writes change nothing.

const SECONDS_PER_DAY: u64 = 86_400;

/// The index register; the time comes with each read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Rtc {
    index: u8,
}
crate::fields!(Rtc { index });

impl Rtc {
    /// A write to port 0x70; bit 7 is the NMI mask of old chip sets.
    pub(super) fn select(&mut self, value: u8) {
        self.index = value & 0x7f;
    }

    /// Port 0x71, at `wall_ns` nanoseconds since the Unix epoch.
    pub(super) fn read(&self, wall_ns: u64) -> u8 {
        let seconds = wall_ns / 1_000_000_000;
        let days = seconds / SECONDS_PER_DAY;
        let second = seconds % SECONDS_PER_DAY;
        let (year, month, day) = date(days);
        match self.index {
            0x00 => bcd(second % 60),
            0x02 => bcd(second / 60 % 60),
            0x04 => bcd(second / 3600),
            0x06 => bcd((days + 4) % 7 + 1),
            0x07 => bcd(day),
            0x08 => bcd(month),
            0x09 => bcd(year % 100),
            0x32 => bcd(year / 100 % 100),
            0x0a => 0x26,
            0x0b => 0x02,
            0x0d => 0x80,
            _ => 0,
        }
    }
}

fn bcd(value: u64) -> u8 {
    (((value / 10) << 4) | (value % 10)) as u8
}

/// Year, month and day of a day since 1970-01-01, counting years from March so that the leap day comes last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468; // since 0000-03-01
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

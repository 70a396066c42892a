//! Results of operations on NaNs. SDM volume 1, section 4.8.3.5, table 4-7 (the rules of the x87 unit).

use super::round::Rounded;
use super::{Class, Extended, raised};

/// The result where `a` is NaN or unsupported.
pub(super) fn of_one(a: Extended) -> Option<Rounded> {
    match a.class() {
        Class::Unsupported => Some(Rounded::invalid()),
        Class::SignalingNan => Some(Rounded::new(a.quiet(), raised::IE)),
        Class::QuietNan => Some(Rounded::new(a, 0)),
        _ => None,
    }
}

/// The result where one of two operands is NaN or unsupported. Of two NaNs a quiet one wins over a signaling one, then
/// the larger significand, then the positive one.
pub(super) fn of_two(a: Extended, b: Extended) -> Option<Rounded> {
    if a.class() == Class::Unsupported || b.class() == Class::Unsupported {
        return Some(Rounded::invalid());
    }
    let flags = if a.is_invalid() || b.is_invalid() { raised::IE } else { 0 };
    let rank = |x: Extended| (x.class() == Class::QuietNan, x.significand, !x.is_negative());
    let chosen = match (a.is_nan(), b.is_nan()) {
        (false, false) => return None,
        (true, false) => a,
        (false, true) => b,
        (true, true) => {
            if rank(a) >= rank(b) {
                a
            } else {
                b
            }
        }
    };
    Some(Rounded::new(chosen.quiet(), flags))
}

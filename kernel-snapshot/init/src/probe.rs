//! Devices are found while init runs: it looks for them until they are there.

use std::time::Duration;

/// It looks this often,
const ATTEMPTS: usize = 2000;
/// and waits this long in between.
const PAUSE: Duration = Duration::from_millis(1);

/// What `look` finds, if it does in time.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..ATTEMPTS {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(PAUSE);
    }
    None
}

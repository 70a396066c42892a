//! What a program has written so far, read by a thread.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The longest wait: no measure of speed, but the point from which on nothing is expected to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Most bytes of an output that a failure shows: its last ones.
const SHOWN: usize = 2000;

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ended: bool,
}

type Shared = Arc<(Mutex<Written>, Condvar)>;

/// One stream of a program's output.
pub(crate) struct Output {
    written: Shared,
    /// Bytes that the test has seen.
    seen: usize,
}

impl Output {
    /// Reads a stream from now on. One that cannot be read is at its end, as is a terminal that the last program left.
    pub(crate) fn of(mut stream: impl Read + Send + 'static) -> Output {
        let written = Shared::default();
        let to = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let length = stream.read(&mut buffer).unwrap_or(0);
                let mut state = to.0.lock().unwrap();
                state.bytes.extend(&buffer[..length]);
                state.ended = length == 0;
                to.1.notify_all();
                if state.ended {
                    return;
                }
            }
        });
        Output { written, seen: 0 }
    }

    /// Waits for `text`; returns what came before it and was not seen yet. `text` counts as seen too.
    pub(crate) fn expect(&mut self, text: &str) -> String {
        let (before, text_at) = self.wait(&format!("{text:?}"), |state, seen| {
            let at = state.bytes[seen..].windows(text.len()).position(|bytes| bytes == text.as_bytes())?;
            Some((String::from_utf8_lossy(&state.bytes[seen..seen + at]).into_owned(), seen + at))
        });
        self.seen = text_at + text.len();
        before
    }

    /// Waits for the end; returns what was not seen yet.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.wait("the end", |state, seen| state.ended.then(|| state.bytes[seen..].to_vec()))
    }

    fn wait<T>(&self, expected: &str, found: impl Fn(&Written, usize) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.written.0.lock().unwrap();
        loop {
            if let Some(found) = found(&state, self.seen) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                let end = if state.ended { "its end" } else { "no more" };
                let came = &state.bytes[self.seen..];
                let came = String::from_utf8_lossy(&came[came.len().saturating_sub(SHOWN)..]).into_owned();
                drop(state);
                panic!("expected {expected} of the program's output, got {came:?} and {end}");
            }
            state = self.written.1.wait_timeout(state, left).unwrap().0;
        }
    }
}

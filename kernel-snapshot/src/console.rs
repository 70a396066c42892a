//! The guest's output as its host keeps it: the end of the console, for errors, and what a program wrote.

use runtime::devices::Stream;
use runtime::session::Output;
use std::collections::VecDeque;

/// Bytes of the serial console that are kept,
const KEPT: usize = 16 << 10;
/// and lines of them that an error repeats.
const LINES: usize = 20;

/// Keeps the end of the serial console; other streams are dropped.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    /// `what` went wrong, with the console's last lines.
    pub fn report(&self, what: &str) -> String {
        let text: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        match last {
            [] => format!("{what}; its console is empty"),
            last => format!("{what}; its console ends with:\n{}", last.join("\n")),
        }
    }
}

impl Output for Tail {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Serial {
            self.bytes.extend(bytes);
            self.bytes.drain(..self.bytes.len().saturating_sub(KEPT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        assert_eq!(tail.report("no"), "no; its console is empty");
        for line in 0..5000 {
            tail.write(Stream::Serial, format!("line {line}\r\n").as_bytes());
            tail.write(Stream::Stdout, b"other");
        }
        let report = tail.report("no");
        assert_eq!(report.lines().count(), 1 + LINES);
        assert!(report.ends_with("line 4999"), "{report}");
        assert!(tail.bytes.len() <= KEPT);
    }
}

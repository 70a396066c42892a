//! Progress of long steps, on standard error: a line that is redrawn on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows what the command is doing. The terminal's line is removed when this is dropped.
pub struct Progress {
    shown: Shown,
}

enum Shown {
    Nothing,
    Lines,
    Terminal(ProgressBar),
}

impl Progress {
    /// Progress as fits standard error; none if `quiet`.
    pub fn new(quiet: bool) -> Progress {
        let shown = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, false) => Shown::Lines,
            (false, true) => Shown::Terminal(spinner()),
        };
        Progress { shown }
    }

    /// A step begins, or says how far it is.
    pub fn step(&self, text: &str) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => eprintln!("prelift: {text}"),
            Shown::Terminal(bar) => bar.set_message(text.to_owned()),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Terminal(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
    let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

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

    /// Something that the user should know, and that stays on the screen.
    pub fn warn(&self, text: &str) {
        match &self.shown {
            Shown::Terminal(bar) => bar.suspend(|| eprintln!("prelift: warning: {text}")),
            _ => eprintln!("prelift: warning: {text}"),
        }
    }

    /// `done` of `total` parts of the present step are finished. On a terminal this draws a bar.
    pub fn position(&self, done: u64, total: u64) {
        if let Shown::Terminal(bar) = &self.shown {
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style("{spinner} {msg} [{bar:24}] {pos}/{len} {elapsed}"));
            }
            bar.set_position(done);
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
    let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg} {elapsed}"));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

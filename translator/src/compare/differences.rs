//! Where outcomes part: exit codes, and the first line of each stream that is not the same in all of them.

use super::{Mode, Outcomes};
use crate::engine::Outcome;
use std::fmt;

/// Equal lines that are shown before the first that differs.
const BEFORE: usize = 2;
/// Lines of each run that are shown from the first that differs.
const FROM: usize = 3;

/// An output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

    /// What a run wrote to it.
    pub fn of(self, outcome: &Outcome) -> &[u8] {
        match self {
            Stream::Stdout => &outcome.stdout,
            Stream::Stderr => &outcome.stderr,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        })
    }
}

/// One way in which outcomes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The exit codes.
    ExitCode(Vec<(Mode, i32)>),
    /// What was written.
    Output {
        /// Where to.
        stream: Stream,
        /// The first line that differs, from 1.
        line: usize,
        /// The first byte of that line that differs, from 0.
        column: usize,
        /// The last lines before it, with their ends.
        before: Vec<Vec<u8>>,
        /// Of each run the lines from there on, with their ends: at most three, none where its output is at its end.
        from: Vec<(Mode, Vec<Vec<u8>>)>,
    },
}

/// Where the outcomes part, at most once for exit code, standard output and standard error; empty if all agree.
pub fn differences(outcomes: &Outcomes) -> Vec<Difference> {
    let codes: Vec<_> = outcomes.all().map(|(mode, outcome)| (mode, outcome.code)).collect();
    let code = codes.iter().any(|(_, code)| *code != codes[0].1).then_some(Difference::ExitCode(codes));
    code.into_iter().chain(Stream::ALL.into_iter().filter_map(|stream| output(stream, outcomes))).collect()
}

fn output(stream: Stream, outcomes: &Outcomes) -> Option<Difference> {
    let texts: Vec<(Mode, &[u8])> = outcomes.all().map(|(mode, outcome)| (mode, stream.of(outcome))).collect();
    let first = texts[0].1;
    let at = texts.iter().filter_map(|(_, text)| parting(first, text)).min()?;
    let start = first[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let equal: Vec<&[u8]> = lines(&first[..start]).collect();
    let from = |(mode, text): &(Mode, &[u8])| (*mode, lines(&text[start..]).take(FROM).map(<[u8]>::to_vec).collect());
    Some(Difference::Output {
        stream,
        line: equal.len() + 1,
        column: at - start,
        before: equal[equal.len().saturating_sub(BEFORE)..].iter().map(|line| line.to_vec()).collect(),
        from: texts.iter().map(from).collect(),
    })
}

/// The first byte at which two texts differ.
fn parting(one: &[u8], other: &[u8]) -> Option<usize> {
    let common = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    (common < one.len().max(other.len())).then_some(common)
}

/// Lines with their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

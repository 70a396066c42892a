//! The counts of a run, as `prelift run --stats=json` writes them (`runtime::host::stats`).

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What `prelift run --stats=json` wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStats {
    /// Instructions that ran in translated code.
    pub translated: u64,
    /// Instructions that the interpreter carried out.
    pub interpreted: u64,
    /// How often translated code was left, by why; most often first.
    pub exits: Vec<(String, u64)>,
    /// How often it was left for an instruction without translation, by mnemonic; most often first.
    pub unlifted: Vec<(String, u64)>,
    /// How often for a rare case of an instruction.
    pub rare: Vec<(String, u64)>,
    /// The other figures, as they stand.
    pub others: Vec<(String, String)>,
}

/// Before the names of exits.
const EXITS: &str = "exits_";

impl RunStats {
    /// Instructions that ran.
    pub fn instructions(&self) -> u64 {
        self.translated.saturating_add(self.interpreted)
    }

    /// Reads the figures: the last line of a text, since they come last on standard error, after what the program wrote.
    ///
    /// # Errors
    /// If the line is something else: its number, and what was expected.
    pub fn parse(text: &str) -> Result<RunStats> {
        let line = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).last();
        let (line, number) = line.unwrap_or(("", 1));
        RunStats::of_line(line)
            .with_context(|| format!("line {number}: expected what `prelift run --stats=json` writes"))
    }

    fn of_line(line: &str) -> Result<RunStats> {
        let mut figures: Map<String, Value> = serde_json::from_str(line)?;
        let mut count = |name: &str| {
            let value = figures.remove(name);
            value.as_ref().and_then(Value::as_u64).with_context(|| format!("expected a number {name:?}"))
        };
        let (translated, interpreted) = (count("translated")?, count("interpreted")?);
        let mut mnemonics = |name: &str| match figures.remove(name) {
            Some(Value::Object(members)) => counts(members),
            _ => Vec::new(),
        };
        let (unlifted, rare) = (mnemonics("unlifted"), mnemonics("rare"));
        let (exits, others): (Map<_, _>, Map<_, _>) =
            figures.into_iter().partition(|(name, _)| name.starts_with(EXITS));
        let exits = exits.into_iter().map(|(name, value)| (name[EXITS.len()..].replace('_', " "), value)).collect();
        let others = others.into_iter().map(|(name, value)| (name.replace('_', " "), value.to_string())).collect();
        Ok(RunStats { translated, interpreted, exits: counts(exits), unlifted, rare, others })
    }
}

/// The members that are numbers, the greatest first.
fn counts(members: Map<String, Value>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> =
        members.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let text = "the program's own\n{\"translated\":90,\"interpreted\":10,\"exits_next\":1,\"exits_tlb_miss\":7,\
             \"unlifted\":{\"Iretq\":3,\"Cpuid\":4},\"rare\":{\"Div\":1},\"mips\":2.5,\"first_output_seconds\":null}\n\n";
        let named = |rows: &[(&str, u64)]| rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let expected = RunStats {
            translated: 90,
            interpreted: 10,
            exits: named(&[("tlb miss", 7), ("next", 1)]),
            unlifted: named(&[("Cpuid", 4), ("Iretq", 3)]),
            rare: named(&[("Div", 1)]),
            others: vec![("first output seconds".into(), "null".into()), ("mips".into(), "2.5".into())],
        };
        assert_eq!(RunStats::parse(text).unwrap(), expected);
    }

    #[test]
    fn other_texts_are_refused_with_their_line() {
        for (text, line, expected) in [
            ("", 1, "EOF"),
            ("{}\nsegmentation fault\n", 2, "expected value"),
            ("[1]", 1, "expected a map"),
            ("{\"translated\":1,\"interpreted\":\"x\"}", 1, "expected a number \"interpreted\""),
        ] {
            let error = format!("{:#}", RunStats::parse(text).unwrap_err());
            assert!(error.starts_with(&format!("line {line}: expected what")), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }
}

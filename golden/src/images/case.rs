//! Cases of images as files: a few lines of `key: value`, a line `---`, and a shell script.
//!
//! | key | value |
//! |---|---|
//! | `about` | what the case shows |
//! | `env` | `NAME=VALUE`, given at run time; may be repeated |
//! | `stdin` | standard input, with `\n` and `\\`; absent: at its end |
//! | `argument` | follows the script as `$0`, `$1` and so on; may be repeated |
//! | `command` | runs this program in place of `/bin/sh -c SCRIPT` |
//! | `native` | why the host's own run would differ; absent: it must not |
//! | `levels` | why the program does otherwise on each processor; absent: one of them shows it all |

use super::Run;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// A case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// The file's name without its extension.
    pub name: String,
    /// What is run.
    pub run: Run,
    /// Why it is not run natively, if so.
    pub not_native: Option<String>,
    /// Why it is run on every processor level, if so.
    pub levels: Option<String>,
}

/// All cases of a directory, by name.
///
/// # Errors
/// If the directory cannot be read or holds no case, or a file is none.
pub fn load(directory: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let entries = std::fs::read_dir(directory).with_context(|| format!("read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            cases.push(parse(&name, &text).with_context(|| path.display().to_string())?);
        }
    }
    ensure!(!cases.is_empty(), "{}: no case", directory.display());
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

/// Parses a case.
///
/// # Errors
/// With the line, if it is none.
pub fn parse(name: &str, text: &str) -> Result<Case> {
    let (head, script) = text.split_once("---\n").context("expected a line --- before the script")?;
    let mut case = Case { name: name.to_owned(), ..Case::default() };
    let (mut arguments, mut program) = (Vec::new(), None);
    for (number, line) in head.lines().enumerate() {
        let (key, value) =
            line.split_once(": ").with_context(|| format!("line {}: expected key: value", number + 1))?;
        match key {
            "about" => {}
            "env" => case.run.env.push(variable(value).with_context(|| format!("line {}", number + 1))?),
            "stdin" => case.run.stdin = unescaped(value).into_bytes(),
            "argument" => arguments.push(value.to_owned()),
            "command" => program = Some(value.to_owned()),
            "native" => case.not_native = Some(value.to_owned()),
            "levels" => case.levels = Some(value.to_owned()),
            _ => {
                bail!("line {}: expected about, env, stdin, argument, command, native or levels, got {key}", number + 1)
            }
        }
    }
    ensure!(program.is_none() || script.is_empty(), "expected a command or a script, got both");
    case.run.command = program.map_or_else(|| Run::shell(script).command, |program| vec![program]);
    case.run.command.extend(arguments);
    Ok(case)
}

/// The text with `\n` and `\\` as what they stand for; other backslashes are themselves.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        let (meant, skipped) = match after.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b'\\') => ('\\', 1),
            _ => ('\\', 0),
        };
        out.push_str(before);
        out.push(meant);
        rest = &after[skipped..];
    }
    out + rest
}

fn variable(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_read_once() {
        for (text, expected) in
            [(r"a\nb\n", "a\nb\n"), (r"a\\nb", r"a\nb"), (r"\\\n", "\\\n"), (r"\t\", r"\t\"), ("", "")]
        {
            assert_eq!(
                parse("name", &format!("stdin: {text}\n---\n")).unwrap().run.stdin,
                expected.as_bytes(),
                "{text}"
            );
        }
    }
}

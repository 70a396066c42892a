//! The cases of a directory, each run interpreted, translated and natively, and what differs.

use super::case::Case;
use super::native::Native;
use super::{Converted, Mode, Outcome, render};
use anyhow::{Context, Result, ensure};
use kernel_snapshot::testing;
use std::time::Instant;

/// What a case wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The case's name.
    pub name: String,
    /// Interpreted: exit code and both outputs.
    pub interpreted: String,
    /// The other ways whose answer is another one, each with both.
    pub differences: Vec<String>,
}

/// Runs cases, and says how long each took. Without `native`, for the reason that it gives, nothing runs natively.
///
/// # Errors
/// If one cannot be run.
pub fn run(cases: &[Case], image: &Converted, native: &Result<Native>) -> Result<Vec<Answer>> {
    if let Err(reason) = native {
        testing::skipped(&format!("no case runs natively: {reason:#}"));
    }
    cases.iter().map(|case| answer(case, image, native).with_context(|| case.name.clone())).collect()
}

/// What a run wrote; says how long it took.
fn timed(case: &Case, how: &str, run: impl FnOnce() -> Result<Outcome>) -> Result<String> {
    let begin = Instant::now();
    let outcome = run()?;
    eprintln!("{} {how}: {:.1} s", case.name, begin.elapsed().as_secs_f64());
    Ok(render(&outcome))
}

/// A translated run, without the figures at its end.
///
/// # Errors
/// If nothing ran in translated code.
fn translated(case: &Case, image: &Converted) -> Result<Outcome> {
    let mut run = case.run.clone();
    run.options.push("--stats=json".into());
    let mut outcome = image.run(Mode::Translated, &run)?;
    let text = outcome.stderr.strip_suffix(b"\n").context("no figures")?;
    let start = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let stats: serde_json::Value = serde_json::from_slice(&text[start..]).context("figures")?;
    let count = |name: &str| stats[name].as_f64().unwrap_or(0.0);
    eprintln!(
        "{}: {:.0} M instructions, {:.2} % of them translated",
        case.name,
        count("instructions") / 1e6,
        count("translated_share") * 100.0
    );
    ensure!(count("translated") > 0.0, "no instruction ran in translated code");
    outcome.stderr.truncate(start);
    Ok(outcome)
}

fn answer(case: &Case, image: &Converted, native: &Result<Native>) -> Result<Answer> {
    let mut others = vec![("translated", timed(case, "translated", || translated(case, image))?)];
    match (&case.not_native, native) {
        (Some(reason), _) => testing::skipped(&format!("{} does not run natively: {reason}", case.name)),
        (None, Ok(native)) => others.push(("native", timed(case, "native", || native.run(&case.run))?)),
        (None, Err(_)) => {}
    }
    let interpreted = timed(case, "interpreted", || image.run(Mode::Interpreted, &case.run))?;
    let differs = others.into_iter().filter(|(_, text)| *text != interpreted);
    let differences =
        differs.map(|(other, text)| format!("{}: interpreted\n{interpreted}\n{other}\n{text}", case.name)).collect();
    Ok(Answer { name: case.name.clone(), interpreted, differences })
}

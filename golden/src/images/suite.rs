//! The cases of a directory, each run interpreted, translated and natively, and what differs.

use super::case::Case;
use super::native::Native;
use super::{Converted, Mode, Outcome, render};
use anyhow::{Context, Result};
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
        eprintln!("skipped: no case runs natively: {reason:#}");
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

fn answer(case: &Case, image: &Converted, native: &Result<Native>) -> Result<Answer> {
    let mut others = vec![("translated", timed(case, "translated", || image.run(Mode::Translated, &case.run))?)];
    match (&case.not_native, native) {
        (Some(reason), _) => eprintln!("skipped: {} does not run natively: {reason}", case.name),
        (None, Ok(native)) => others.push(("native", timed(case, "native", || native.run(&case.run))?)),
        (None, Err(_)) => {}
    }
    let interpreted = timed(case, "interpreted", || image.run(Mode::Interpreted, &case.run))?;
    let differs = others.into_iter().filter(|(_, text)| *text != interpreted);
    let differences =
        differs.map(|(other, text)| format!("{}: interpreted\n{interpreted}\n{other}\n{text}", case.name)).collect();
    Ok(Answer { name: case.name.clone(), interpreted, differences })
}

//! The cases of a directory, each run interpreted, translated and natively, and what differs.

use super::native::Native;
use super::{Converted, Mode, case, render};
use anyhow::{Context, Result, ensure};
use std::path::Path;

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

/// Runs all cases of a directory. Without `native`, for the reason that it gives, nothing runs natively.
///
/// # Errors
/// If there is no case, or one cannot be read or run.
pub fn run(directory: &Path, image: &Converted, native: &Result<Native>) -> Result<Vec<Answer>> {
    if let Err(reason) = native {
        eprintln!("skipped: no case runs natively: {reason:#}");
    }
    let cases = case::load(directory)?;
    ensure!(!cases.is_empty(), "{}: no case", directory.display());
    cases.iter().map(|case| answer(case, image, native).with_context(|| case.name.clone())).collect()
}

fn answer(case: &case::Case, image: &Converted, native: &Result<Native>) -> Result<Answer> {
    let interpreted = render(&image.run(Mode::Interpreted, &case.run)?);
    let mut others = vec![("translated", render(&image.run(Mode::Translated, &case.run)?))];
    match (&case.not_native, native) {
        (Some(reason), _) => eprintln!("skipped: {} does not run natively: {reason}", case.name),
        (None, Ok(native)) => others.push(("native", render(&native.run(&case.run)?))),
        (None, Err(_)) => {}
    }
    let differs = others.into_iter().filter(|(_, text)| *text != interpreted);
    let differences =
        differs.map(|(other, text)| format!("{}: interpreted\n{interpreted}\n{other}\n{text}", case.name)).collect();
    Ok(Answer { name: case.name.clone(), interpreted, differences })
}

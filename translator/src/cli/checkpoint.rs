//! What `prelift run` must know of a machine that goes on.

use crate::convert::Summary;
use anyhow::{Context, Result};
use runtime::host::options::Options;
use runtime::session::StreamKind;
use runtime::snapshot;
use std::fs::File;

/// The streams of the program that goes on, if one does: that of the file to resume, or the module's own.
///
/// # Errors
/// If the file cannot be read, or is no snapshot.
pub(super) fn program(options: &Options, module: Option<&Summary>) -> Result<Option<StreamKind>> {
    let Some(path) = &options.resume else { return Ok(module.and_then(|module| module.program)) };
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(snapshot::header(&mut file).with_context(|| path.display().to_string())?.program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_goes_on_is_the_files_or_the_modules() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "nothing").unwrap();
        let path = file.path().display().to_string();
        let options = Options::parse([format!("--resume={path}")]).unwrap();
        let error = format!("{:#}", program(&options, None).unwrap_err());
        assert!(error.starts_with(&path) && error.contains("this is no snapshot"), "{error}");
        assert_eq!(program(&Options::default(), None).unwrap(), None);
    }
}

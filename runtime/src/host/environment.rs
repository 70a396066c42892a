//! Variables that the options set: the files of `--env-file` first, then each `--env`, as `docker run` has it.
//!
//! A file has a line a variable. Blanks before it do not count; an empty line, and one that begins with `#`, say nothing.
//! `NAME=VALUE` sets, the value taken as it stands, quotes included; `NAME` alone takes the variable of whoever runs the
//! container, and says nothing where there is none. (docker/cli, `pkg/kvfile`.)

use super::options::Options;
use std::path::PathBuf;

/// Why a file gives no variables.
#[derive(Debug, thiserror::Error)]
#[error("environment file {}: {what}", .path.display())]
pub struct EnvFileError {
    path: PathBuf,
    what: What,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
enum What {
    #[error("{0}")]
    Read(std::io::Error),
    #[error("line {line}: expected {expected}")]
    Line { line: usize, expected: &'static str },
}

/// All variables of the options, in order: `NAME=VALUE` sets, and `NAME` unsets. `lookup` has those of whoever runs the
/// container.
///
/// # Errors
/// For a file that cannot be read, or a line that is neither.
pub fn gather(options: &Options, lookup: impl Fn(&str) -> Option<String>) -> Result<Vec<String>, EnvFileError> {
    let found = |name: &str| lookup(name).map(|value| format!("{name}={value}"));
    let mut all = Vec::new();
    for path in &options.env_files {
        let failed = |what| EnvFileError { path: path.clone(), what };
        let bytes = std::fs::read(path).map_err(|error| failed(What::Read(error)))?;
        for entry in entries(&bytes).map_err(failed)? {
            all.extend(if entry.contains('=') { Some(entry.to_owned()) } else { found(entry) });
        }
    }
    let given = |entry: &String| if entry.contains('=') { None } else { found(entry) };
    all.extend(options.env.iter().map(|entry| given(entry).unwrap_or_else(|| entry.clone())));
    Ok(all)
}

/// The lines that say something.
fn entries(bytes: &[u8]) -> Result<Vec<&str>, What> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').enumerate();
    lines
        .filter_map(|(index, line)| {
            entry(line).map_err(|expected| What::Line { line: index + 1, expected }).transpose()
        })
        .collect()
}

fn entry(line: &[u8]) -> Result<Option<&str>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "UTF-8")?;
    let line = line.strip_suffix('\r').unwrap_or(line).trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let name = line.split_once('=').map_or(line, |(name, _)| name);
    match name {
        "" => Err("a name before ="),
        _ if name.contains([' ', '\t']) => Err("NAME=VALUE or NAME, without blanks in the name"),
        _ if line.contains('\0') => Err("no NUL"),
        _ => Ok(Some(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Option<String> {
        (name == "HERE").then(|| "host's".to_owned())
    }

    fn gathered(file: &[u8], env: &[&str]) -> Result<Vec<String>, String> {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, file).unwrap();
        let env = env.iter().map(ToString::to_string).collect();
        let options = Options { env, env_files: vec![path.to_path_buf()], ..Options::default() };
        let error = |error: EnvFileError| error.to_string().replace(&path.display().to_string(), "FILE");
        gather(&options, host).map_err(error)
    }

    #[test]
    fn files_are_dockers() {
        let file = b"\xef\xbb\xbfA=1\n# B=2\n\n  C= x  y \r\n\tQUOTED=\"q\"\nHERE\nNOWHERE\nE=\nEQUALS=a=b#c";
        let expected =
            ["A=1", "C= x  y ", "QUOTED=\"q\"", "HERE=host's", "E=", "EQUALS=a=b#c", "HERE=host's", "NOWHERE", "A=2"];
        assert_eq!(gathered(file, &["HERE", "NOWHERE", "A=2"]).unwrap(), expected);
        assert_eq!(gathered(b"", &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (file, what) in [
            (&b"A=1\n=x"[..], "line 2: expected a name before ="),
            (b"A B=1", "line 1: expected NAME=VALUE or NAME, without blanks in the name"),
            (b"\n\nA=\xff", "line 3: expected UTF-8"),
            (b"A=\0", "line 1: expected no NUL"),
        ] {
            assert_eq!(gathered(file, &[]).unwrap_err(), format!("environment file FILE: {what}"));
        }
        let missing = Options { env_files: vec!["/no/such".into()], ..Options::default() };
        let error = gather(&missing, host).unwrap_err().to_string();
        assert!(error.starts_with("environment file /no/such: No such file"), "{error}");
    }
}

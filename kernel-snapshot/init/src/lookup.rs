//! Where the program is: the rules of the shells' `PATH` search, with the errors that Docker tells apart.

use rustix::fs::{Access, AtFlags, CWD, FileType};
use rustix::io::Errno;
use std::io;

/// Why there is no program to run.
#[derive(Debug)]
pub(crate) enum LookupError {
    /// No directory of `PATH` holds an executable file of this name.
    NotInPath,
    /// The name is a path, and this is what is wrong with the file.
    Unusable(io::Error),
}

/// The path of a program. A name with a slash is a path; any other is looked up in `path`, whose empty elements mean
/// the working directory.
pub(crate) fn find(program: &str, path: Option<&str>) -> Result<String, LookupError> {
    if program.contains('/') {
        return executable(program).map(|()| program.to_owned()).map_err(|error| LookupError::Unusable(error.into()));
    }
    let candidates = path.filter(|path| !path.is_empty() && !program.is_empty()).into_iter().flat_map(|path| {
        path.split(':').map(|directory| format!("{}/{program}", if directory.is_empty() { "." } else { directory }))
    });
    candidates.into_iter().find(|candidate| executable(candidate).is_ok()).ok_or(LookupError::NotInPath)
}

/// Whether the effective user may execute this file.
fn executable(path: &str) -> rustix::io::Result<()> {
    if FileType::from_raw_mode(rustix::fs::stat(path)?.st_mode) != FileType::RegularFile {
        return Err(Errno::ACCESS);
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn file(path: &std::path::Path, mode: u32) {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_executable_regular_file_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let directory = |name: &str| root.path().join(name);
        for name in ["a", "b", "c", "a/tool"] {
            fs::create_dir(directory(name)).unwrap();
        }
        file(&directory("b/tool"), 0o644);
        file(&directory("c/tool"), 0o755);
        let at = |name: &str| directory(name).to_str().unwrap().to_owned();
        let path = format!("{}:{}:{}", at("a"), at("b"), at("c"));

        assert_eq!(find("tool", Some(&path)).unwrap(), at("c/tool"));
        assert_eq!(find(&at("c/tool"), None).unwrap(), at("c/tool"));
        for (program, path) in [("other", Some(&*path)), ("", Some(&path)), ("tool", Some("")), ("tool", None)] {
            assert!(matches!(find(program, path), Err(LookupError::NotInPath)), "{program:?} in {path:?}");
        }
        for (program, kind) in [
            (at("b/tool"), io::ErrorKind::PermissionDenied),
            (at("a/tool"), io::ErrorKind::PermissionDenied),
            (at("a/none"), io::ErrorKind::NotFound),
        ] {
            let Err(LookupError::Unusable(error)) = find(&program, None) else { panic!("{program} was found") };
            assert_eq!(error.kind(), kind, "{program}");
        }
    }
}

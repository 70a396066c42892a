//! The files and directories that options name, as a module gets them: each in a directory of its own, which is not the container's.

use super::module_options::{CHECKPOINT, CONFIG, IMAGE, RESUME, SECCOMP, STATE};
use super::output::folder;
use crate::engine::Directory;
use anyhow::{Context, Result};
use runtime::host::container::seccomp::Choice;
use runtime::host::options::Options;
use std::path::Path;

/// What a module calls the directories.
const DIRECTORY: &str = "/.prelift";

/// Files of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// Directories for the module.
    pub(super) directories: Vec<Directory>,
    /// The module's options that name them.
    pub(super) words: Vec<String>,
}

impl Files {
    /// Those that the options name, and the image's, `image`, unless they name another.
    ///
    /// # Errors
    /// If a path has no file's name.
    pub(super) fn of(options: &Options, image: Option<&Path>) -> Result<Files> {
        let mut files = Files::default();
        if let Some(path) = options.image.as_deref().or(image) {
            files.add(IMAGE, path, true)?;
        }
        if let Some(path) = &options.resume {
            files.add(RESUME, path, true)?;
        }
        if let Some(path) = &options.config {
            files.add(CONFIG, path, true)?;
        }
        if let Some(path) = options.seccomp.as_ref().and_then(Choice::file) {
            files.add(SECCOMP, path, true)?;
        }
        if let Some(checkpoint) = options.checkpoint.as_ref().filter(|of| !of.path.as_os_str().is_empty()) {
            files.add(CHECKPOINT, &checkpoint.path, false)?;
        }
        if let Some(directory) = &options.state {
            let guest = files.share(STATE, directory, false);
            files.words.push(format!("{STATE}={guest}"));
        }
        Ok(files)
    }

    fn add(&mut self, option: &str, path: &Path, read_only: bool) -> Result<()> {
        let expected = || format!("{option} {}: expected the path of a file", path.display());
        let name = path.file_name().and_then(|name| name.to_str()).with_context(expected)?;
        let guest = self.share(option, folder(path), read_only);
        self.words.push(format!("{option}={guest}/{name}"));
        Ok(())
    }

    /// Gives the module a directory for an option; what it calls it.
    fn share(&mut self, option: &str, directory: &Path, read_only: bool) -> String {
        let guest = format!("{DIRECTORY}/{}", option.trim_start_matches('-').replace('=', "/"));
        self.directories.push(Directory { host: directory.to_owned(), guest: guest.clone(), read_only });
        guest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_in_a_directory_of_its_own() {
        let words = ["--resume=a/b", "--checkpoint", "c", "--security-opt", "seccomp=/d/e"].map(str::to_owned);
        let files = Files::of(&Options::parse(words).unwrap(), None).unwrap();
        let own = ["--resume=/.prelift/resume/b", "--security-opt=seccomp=/.prelift/security-opt/seccomp/e"];
        assert_eq!(files.words, [&own[..], &["--checkpoint=/.prelift/checkpoint/c"]].concat());
        let directory =
            |host: &str, guest: &str, read_only| Directory { host: host.into(), guest: guest.into(), read_only };
        let expected = [
            directory("a", "/.prelift/resume", true),
            directory("/d", "/.prelift/security-opt/seccomp", true),
            directory(".", "/.prelift/checkpoint", false),
        ];
        assert_eq!(files.directories, expected);
        let state = Files::of(&Options::parse(["--state=d/e".to_owned()]).unwrap(), None).unwrap();
        assert_eq!(
            (state.words, state.directories),
            (vec!["--state=/.prelift/state".to_owned()], vec![directory("d/e", "/.prelift/state", false)],)
        );
        let beside = Path::new("d/own.erofs");
        for (words, host, word) in [
            (vec![], "d", "--image=/.prelift/image/own.erofs"),
            (vec!["--image=other".to_owned()], ".", "--image=/.prelift/image/other"),
        ] {
            let files = Files::of(&Options::parse(words).unwrap(), Some(beside)).unwrap();
            assert_eq!(
                (files.words, files.directories),
                (vec![word.to_owned()], vec![directory(host, "/.prelift/image", true)])
            );
        }
        let error = Files::of(&Options::parse(["--resume=..".to_owned()]).unwrap(), None).unwrap_err();
        assert_eq!(error.to_string(), "--resume ..: expected the path of a file");
    }
}

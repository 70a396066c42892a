//! Where the kernel's source comes from: Debian's package, or a tree or archive of the user's.

use crate::cache::Recipe;
use crate::packages::{Package, run};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's package of Linux 6.1's source.
pub(crate) const PACKAGE: Package = Package::file("linux-source-6.1", ARCHIVE);
const ARCHIVE: &str = "/usr/src/linux-source-6.1.tar.xz";

/// The kernel's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Debian's `linux-source-6.1`, installed if need be.
    Debian,
    /// A source tree, or an archive of one that `tar` reads. A tree is built as it is, with its output elsewhere; it
    /// must hold no earlier output (`make mrproper`).
    Path(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Source::Debian => Path::new(ARCHIVE),
            Source::Path(path) => path,
        }
    }

    /// Adds the source's contents to `recipe`: an archive's bytes, or a tree's names and contents (without `.git`).
    pub(crate) fn add_to(&self, recipe: Recipe) -> Result<Recipe> {
        let path = self.path();
        if !path.is_dir() {
            return recipe.file("source archive", path);
        }
        let mut files = Vec::new();
        list(path, &mut files)?;
        files.sort();
        files.iter().try_fold(recipe.text("source tree", ""), |recipe, file| {
            let name = file.strip_prefix(path).unwrap_or(file).to_string_lossy();
            if !file.is_symlink() {
                return recipe.file(&name, file);
            }
            let target = fs::read_link(file).with_context(|| format!("read link {}", file.display()))?;
            Ok(recipe.text(&name, &target.to_string_lossy()))
        })
    }

    /// The source's tree; an archive is unpacked below `work`.
    pub(crate) fn unpack(&self, work: &Path, progress: &dyn Fn(&str)) -> Result<PathBuf> {
        let path = self.path();
        let tree = if path.is_dir() {
            fs::canonicalize(path).with_context(|| format!("find {}", path.display()))?
        } else {
            progress(&format!("kernel: unpacking {}", path.display()));
            let tree = work.join("source");
            fs::create_dir(&tree).with_context(|| format!("create {}", tree.display()))?;
            let mut tar = Command::new("tar");
            tar.arg("--extract").arg("--strip-components=1").arg("--file").arg(path).arg("--directory").arg(&tree);
            run(&mut tar, &mut |_| ()).with_context(|| format!("unpack {}", path.display()))?;
            tree
        };
        ensure!(
            tree.join("Kbuild").is_file() && tree.join("arch/x86/Kconfig").is_file(),
            "{}: expected the source of Linux (Kbuild, arch/x86/Kconfig) at its top",
            path.display()
        );
        Ok(tree)
    }
}

/// All files and links below `folder`. The list of folders to visit stands in for recursion.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() && entry.file_name() == ".git" => {}
                kind if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    Ok(())
}

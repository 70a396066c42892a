//! Runs the host's programs and finds files of its Debian packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// Runs `command` to its end; errors carry what it wrote to its standard error.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}; is its Debian package installed?"))?;
    let said = String::from_utf8_lossy(&stderr);
    ensure!(status.success(), "{program} ended with {status}: {}", said.trim_end());
    Ok(stdout)
}

/// The file of the Debian package `package` that has one of these paths: installed, or else from the package itself, which
/// apt downloads.
pub(crate) fn package_file(package: &str, paths: &[&str]) -> Result<Vec<u8>> {
    let listed = run(Command::new("dpkg-query").args(["--listfiles", package])).unwrap_or_default();
    if let Some(path) = paths.iter().find(|path| listed.split(|&b| b == b'\n').any(|line| line == path.as_bytes())) {
        return fs::read(path).with_context(|| format!("cannot read {path}"));
    }
    downloaded(package, &[], paths)
}

/// The same of a package for another architecture, from the sources that apt has. The host's apt is not told of the
/// architecture: lists of its packages are fetched into a directory of their own.
pub(crate) fn foreign_package_file(architecture: &str, package: &str, paths: &[&str]) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let place = |name: &str| dir.path().join(name).display().to_string();
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(place(name)).context("cannot make a temporary directory")?;
    }
    let options = [
        format!("-oAPT::Architecture={architecture}"),
        format!("-oAPT::Architectures={architecture}"),
        "-oAPT::Sandbox::User=".to_owned(),
        "-oAcquire::Languages=none".to_owned(),
        format!("-oDir::State::lists={}", place("lists")),
        format!("-oDir::Cache={}", place("cache")),
    ];
    // Some lists may be out of reach, and the package in others.
    let updated = run(Command::new("apt-get").args(&options).args(["update", "--quiet"]));
    downloaded(package, &options, paths).map_err(|error| updated.err().unwrap_or(error))
}

/// The file of a package that apt downloads.
fn downloaded(package: &str, options: &[String], paths: &[&str]) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    from_archive(&download(package, options, dir.path())?, paths).with_context(|| format!("package {package}"))
}

/// The files of Debian packages, which are not installed, in a new directory.
pub(crate) fn unpack_packages(packages: &[&str]) -> Result<TempDir> {
    let root = tempfile::tempdir().context("cannot make a temporary directory")?;
    for package in packages {
        let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
        let archive = download(package, &[], dir.path())?;
        run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(root.path()))?;
    }
    Ok(root)
}

/// The archive of a package, which apt puts into an empty directory.
fn download(package: &str, options: &[String], dir: &Path) -> Result<PathBuf> {
    run(Command::new("apt-get").args(options).args(["download", "--quiet", package]).current_dir(dir))?;
    let entry = fs::read_dir(dir)?.next().with_context(|| format!("apt-get download {package} left no file"))?;
    Ok(entry?.path())
}

/// Members of a package's archive are named `./bin/…`.
fn from_archive(archive: &Path, paths: &[&str]) -> Result<Vec<u8>> {
    let tar = run(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(archive))?;
    for entry in tar::Archive::new(&tar[..]).entries()? {
        let mut entry = entry?;
        let name = entry.path_bytes();
        if paths.iter().any(|path| name.strip_prefix(b".") == Some(path.as_bytes())) {
            let mut bytes = Vec::new();
            std::io::copy(&mut entry, &mut bytes)?;
            return Ok(bytes);
        }
    }
    bail!("has none of the files {paths:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_from_a_package_archive() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("DEBIAN")).unwrap();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/tool"), b"tool").unwrap();
        let control =
            "Package: tool\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: t\n";
        fs::write(root.join("DEBIAN/control"), control).unwrap();
        let archive = dir.path().join("tool.deb");
        run(Command::new("dpkg-deb").arg("--build").arg(&root).arg(&archive)).unwrap();
        assert_eq!(from_archive(&archive, &["/usr/bin/tool", "/bin/tool"]).unwrap(), b"tool");
        assert!(from_archive(&archive, &["/bin/other"]).unwrap_err().to_string().contains("/bin/other"));
    }
}

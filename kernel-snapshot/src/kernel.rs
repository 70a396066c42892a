//! Builds the guest kernel: source and [`CONFIG`] to an ELF `vmlinux` with its symbol table.
//!
//! The result depends on the digest of source, configuration and tools alone: user, host, time and build number
//! that Linux writes into itself are fixed, and the environment is not passed on. Only the target `vmlinux` is made:
//! no `bzImage`, no modules.

use crate::cache::{Cache, Digest, Entry, Recipe};
use crate::packages::{self, Package, run};
pub use crate::source::Source;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The configuration: `KCONFIG_ALLCONFIG` for `make allnoconfig`.
pub const CONFIG: &str = include_str!("../kernel.config");

/// Changes to the source as (name, unified diff for `patch -p1`); a tree of the user's own stays as it is. Without the
/// first, an image mapped as memory is not seen.
const PATCHES: &[(&str, &str)] = &[
    ("pmem-without-pci", include_str!("../patches/pmem-without-pci.patch")),
    ("erofs-dax-fault-around", include_str!("../patches/erofs-dax-fault-around.patch")),
    ("dax-private-copy", include_str!("../patches/dax-private-copy.patch")),
];

/// What the build needs of Debian, the source aside.
#[rustfmt::skip]
const TOOLS: &[Package] = &[
    Package::command("gcc",       "gcc"),
    Package::command("binutils",  "ld"),
    Package::command("make",      "make"),
    Package::command("bc",        "bc"),      // kernel/time/timeconst.bc
    Package::command("flex",      "flex"),    // Kconfig's parser
    Package::command("bison",     "bison"),
    Package::command("patch",     "patch"),
    Package::command("xz-utils",  "xz"),      // the source archive
    Package::file("libc6-dev",    "/usr/include/stdio.h"),
    Package::file("libelf-dev",   "/usr/include/libelf.h"), // objtool
];

/// The variables that Linux writes into itself, fixed.
#[rustfmt::skip]
const FIXED_ENVIRONMENT: &[(&str, &str)] = &[
    ("KBUILD_BUILD_USER",      "prelift"),
    ("KBUILD_BUILD_HOST",      "prelift"),
    ("KBUILD_BUILD_VERSION",   "1"),
    ("KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970"),
    ("LC_ALL",                 "C"),
    ("TZ",                     "UTC"),
];

/// Files compiled between two lines of progress.
const PROGRESS_STEP: usize = 50;

/// Which kernel to build, and where to keep it.
#[derive(Debug, Clone)]
pub struct KernelRequest<'a> {
    /// The source.
    pub source: Source,
    /// Where finished kernels are looked for and kept.
    pub cache: &'a Cache,
}

/// A finished kernel.
#[derive(Debug)]
pub struct Kernel {
    /// Digest of everything that it was made from.
    pub digest: Digest,
    entry: Entry,
}

impl Kernel {
    /// Path of the ELF file.
    pub fn vmlinux(&self) -> PathBuf {
        self.entry.path().join("vmlinux")
    }

    /// Path of the complete configuration (`.config`) that it was built with.
    pub fn config(&self) -> PathBuf {
        self.entry.path().join("config")
    }
}

/// Finds the kernel in the cache or builds it: 7 minutes of processor time, 1.5 GB of disk while it lasts.
///
/// Missing packages are installed (see [`packages::ensure`]). `progress` hears a line of text at every step.
///
/// # Errors
/// When a package is missing and cannot be installed, the source cannot be read, a line of [`CONFIG`] cannot be
/// honoured by Debian's source (for another source that is only reported), or the build fails: with its last lines.
pub fn build(request: &KernelRequest<'_>, progress: &dyn Fn(&str)) -> Result<Kernel> {
    ensure!(cfg!(target_arch = "x86_64"), "building the kernel: expected an x86-64 host");
    let mut needed = TOOLS.to_vec();
    if request.source == Source::Debian {
        needed.push(crate::source::PACKAGE);
    }
    packages::ensure(&needed, progress)?;
    let digest = digest(&request.source)?;
    let make = |directory: &Path| make_entry(&request.source, directory, progress);
    let entry = request.cache.entry("kernel", digest, progress, make)?;
    Ok(Kernel { digest, entry })
}

fn digest(source: &Source) -> Result<Digest> {
    let mut recipe = Recipe::new("kernel 1").text("configuration", CONFIG);
    for (name, value) in FIXED_ENVIRONMENT {
        recipe = recipe.text(name, value);
    }
    for (name, patch) in PATCHES {
        recipe = recipe.text(name, patch);
    }
    for tool in ["gcc", "ld"] {
        recipe = recipe.bytes(tool, &version(tool)?);
    }
    Ok(source.add_to(recipe)?.digest())
}

fn version(tool: &str) -> Result<Vec<u8>> {
    let output = Command::new(tool).arg("--version").output().with_context(|| format!("run {tool} --version"))?;
    ensure!(output.status.success(), "{tool} --version failed ({})", output.status);
    Ok(output.stdout)
}

/// Fills `directory` with `vmlinux` and `config`.
fn make_entry(source: &Source, directory: &Path, progress: &dyn Fn(&str)) -> Result<()> {
    let work = directory.join("work");
    fs::create_dir(&work).with_context(|| format!("create {}", work.display()))?;
    let build = Build { tree: source.unpack(&work, progress)?, output: work.join("output") };
    let strict = *source == Source::Debian;
    if build.tree.starts_with(&work) {
        apply_patches(&build.tree, &work, strict, progress)?;
    }
    build.configure(strict, progress)?;
    build.compile(progress)?;

    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(directory.join("vmlinux")).arg(build.output.join("vmlinux"));
    run(&mut strip, &mut |_| ()).context("strip the kernel")?;
    fs::copy(build.output.join(".config"), directory.join("config")).context("keep the kernel's .config")?;
    fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))
}

/// Applies [`PATCHES`] to the unpacked `tree`. One that does not fit exactly is an error where `strict`, else reported.
fn apply_patches(tree: &Path, work: &Path, strict: bool, progress: &dyn Fn(&str)) -> Result<()> {
    for (name, text) in PATCHES {
        let file = work.join(name);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let patch = |arguments: &[&str]| {
            let mut patch = Command::new("patch");
            patch.args(["-p1", "--batch", "--forward", "--fuzz=0"]).args(arguments);
            run(patch.arg("-i").arg(&file).arg("-d").arg(tree), &mut |_| ())
        };
        match patch(&["--dry-run"]) {
            Ok(()) => patch(&[]).with_context(|| format!("apply {name} to the kernel's source"))?,
            Err(error) if strict => return Err(error.context(format!("apply {name} to the kernel's source"))),
            Err(_) => progress(&format!("kernel: {name} does not fit this source and is left out")),
        }
    }
    Ok(())
}

/// A source tree and the directory that it is built in.
struct Build {
    tree: PathBuf,
    output: PathBuf,
}

impl Build {
    /// Writes `.config` and checks it against [`CONFIG`].
    fn configure(&self, strict: bool, progress: &dyn Fn(&str)) -> Result<()> {
        progress("kernel: configuring");
        fs::create_dir_all(&self.output).with_context(|| format!("create {}", self.output.display()))?;
        let fragment = self.output.join("fragment.config");
        fs::write(&fragment, CONFIG).with_context(|| format!("write {}", fragment.display()))?;
        let mut make = self.make();
        make.arg("allnoconfig").env("KCONFIG_ALLCONFIG", &fragment);
        run(&mut make, &mut |_| ()).context("configure the kernel")?;

        let path = self.output.join(".config");
        let written = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let ignored = ignored_lines(CONFIG, &written).join(", ");
        ensure!(!strict || ignored.is_empty(), "kernel.config: this source does not honour {ignored}");
        if !ignored.is_empty() {
            progress(&format!("kernel: this source does not honour {ignored}"));
        }
        Ok(())
    }

    fn compile(&self, progress: &dyn Fn(&str)) -> Result<()> {
        // One more than there are processors, for those that wait for the disk.
        let jobs = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        let mut compiled = 0;
        let mut count = |line: &str| {
            if line.trim_start().starts_with("CC ") {
                compiled += 1;
                if compiled % PROGRESS_STEP == 0 {
                    progress(&format!("kernel: {compiled} files compiled"));
                }
            }
        };
        run(self.make().arg(format!("-j{jobs}")).arg("vmlinux"), &mut count).context("build the kernel")
    }

    fn make(&self) -> Command {
        let mut make = Command::new("make");
        make.env_clear();
        make.envs(["PATH", "HOME", "TMPDIR"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        make.envs(FIXED_ENVIRONMENT.iter().copied());
        let mut output = std::ffi::OsString::from("O=");
        output.push(&self.output);
        make.arg("-C").arg(&self.tree).arg(output).arg("ARCH=x86_64");
        make
    }
}

/// The settings of `fragment` that the complete configuration `written` lacks.
fn ignored_lines<'a>(fragment: &'a str, written: &str) -> Vec<&'a str> {
    let written: std::collections::HashSet<&str> = written.lines().collect();
    fragment.lines().filter(|line| line.starts_with("CONFIG_") && !written.contains(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::{CONFIG, ignored_lines};

    #[test]
    fn ignored_settings_are_found() {
        let fragment = "# why\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_C=\"x\"\n";
        assert_eq!(ignored_lines(fragment, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x\"\n"), ["CONFIG_B=y"]);
    }

    #[test]
    fn configuration_names_each_symbol_once() {
        let mut symbols: Vec<&str> = CONFIG
            .lines()
            .filter(|line| line.starts_with("CONFIG_"))
            .filter_map(|line| line.split('=').next())
            .collect();
        let count = symbols.len();
        symbols.sort_unstable();
        symbols.dedup();
        assert_eq!(symbols.len(), count);
    }
}

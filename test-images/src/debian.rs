//! Debian 12 with its essential packages and some more, installed by mmdebstrap.
//!
//! Documentation, manual pages and translations are left out. Works with and without root: mmdebstrap chooses how.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use kernel_snapshot::cache::{self, Cache};
use kernel_snapshot::packages::{self, Package};
use serde_json::json;

use crate::host::run;
use crate::layer::MTIME;
use crate::pack::Recipe;

const NEEDS: &[Package] = &[Package::command("mmdebstrap", "mmdebstrap")];
const SUITE: &str = "bookworm";
const LEFT_OUT: [&str; 4] = ["/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*"];
/// The JDK's scripts link manual pages in this directory, which nothing else makes when such pages are left out.
const MANUALS: &str = r#"mkdir -p "$1/usr/share/man/man1""#;
/// Changes whenever the way of installing does.
const KIND: &str = "debian 1";
const LAYER: &str = "layer.tar";

/// An image of Debian packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debian {
    /// The image is `debian-NAME:bookworm`.
    pub name: &'static str,
    /// What is installed beside the essential packages.
    pub packages: &'static [&'static str],
    /// The image's command.
    pub command: &'static str,
}

/// Python alone.
pub const PYTHON: Debian = Debian { name: "python", packages: &["python3-minimal"], command: "python3" };

/// Languages and tools that compute, small ones.
pub const LANGUAGES: Debian = Debian {
    name: "languages",
    packages: &[
        "bc",
        "dc",
        "libpython3.11-testsuite",
        "lua5.4",
        "luajit",
        "openssl",
        "perl",
        "php-cli",
        "python3",
        "python3-gmpy2",
        "ruby",
        "sqlite3",
    ],
    command: "sh",
};

/// Servers, and what asks them.
pub const SERVERS: Debian = Debian {
    name: "servers",
    packages: &["busybox", "curl", "nginx-light", "openssl", "postgresql-15", "redis-server"],
    command: "sh",
};

/// A compiler and a debugger.
pub const TOOLS: Debian =
    Debian { name: "tools", packages: &["gcc", "gdb", "libc6-dev", "libgmp-dev", "libmpfr-dev"], command: "sh" };

/// Node.js.
pub const NODE: Debian = Debian { name: "node", packages: &["nodejs"], command: "node" };

/// OpenJDK with its compiler.
pub const JAVA: Debian = Debian { name: "java", packages: &["openjdk-17-jdk-headless"], command: "java" };

impl Debian {
    /// The image. Its layer is kept in `cache`; `say` is told when it has to be made. mmdebstrap is installed if it
    /// is missing. Errors if that cannot be, or it fails, for example without network.
    pub fn recipe(&self, cache: &Cache, say: &dyn Fn(&str)) -> Result<Recipe> {
        let packages = self.packages.join(",");
        let digest = cache::Recipe::new(KIND).text("suite", SUITE).text("packages", &packages).digest();
        let entry = cache.entry("images", digest, say, |directory| {
            packages::ensure(NEEDS, say)?;
            say(&format!("installing Debian {SUITE} with {packages} (a minute or two)"));
            install(&packages, &directory.join(LAYER))
        })?;
        let path = entry.path().join(LAYER);
        let layer = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let config = json!({ "Cmd": [self.command], "Env": [crate::busybox::PATH], "WorkingDir": "/" });
        Ok(Recipe { name: format!("debian-{}:{SUITE}", self.name), config, layers: vec![layer] })
    }
}

fn install(packages: &str, layer: &Path) -> Result<()> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=essential", &format!("--include={packages}")]);
    command.args(LEFT_OUT.map(|files| format!("--dpkgopt=path-exclude={files}")));
    command.arg(format!("--essential-hook={MANUALS}"));
    command.arg(SUITE).arg(layer).env("SOURCE_DATE_EPOCH", MTIME.to_string());
    run(&mut command)?;
    Ok(())
}

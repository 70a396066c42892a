//! Virtio-console ports, found by name (virtio 1.2, 5.3: the name comes in a control message, so it may be late).

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CLASS: &str = "/sys/class/virtio-ports";
/// How often to look for a port that is not there yet,
const ATTEMPTS: usize = 5000;
/// and the time in between.
const PAUSE: Duration = Duration::from_millis(1);

/// Opens the port of this name, waiting (up to five seconds) for it to appear. A port can be opened once at a time.
pub(crate) fn open(name: &str, access: OFlags) -> Result<OwnedFd> {
    for _ in 0..ATTEMPTS {
        if let Some(port) = find(Path::new(CLASS), name)? {
            match rustix::fs::open(&port, access | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty()) {
                Err(Errno::NOENT) => {}
                opened => return opened.with_context(|| format!("open {} ({name})", port.display())),
            }
        }
        std::thread::sleep(PAUSE);
    }
    bail!("no virtio-console port has the name {name}")
}

/// The device file of the port whose `name` attribute below `class` is `name`.
fn find(class: &Path, name: &str) -> Result<Option<PathBuf>> {
    let ports = match std::fs::read_dir(class) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        ports => ports.with_context(|| format!("read {}", class.display()))?,
    };
    for port in ports {
        let port = port.with_context(|| format!("read {}", class.display()))?;
        let found = std::fs::read_to_string(port.path().join("name")).unwrap_or_default();
        if found.trim_end() == name {
            return Ok(Some(Path::new("/dev").join(port.file_name())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_by_its_whole_name() {
        let class = tempfile::tempdir().unwrap();
        for (port, name) in [("vport0p1", "prelift.std"), ("vport0p2", "prelift.stdin\n"), ("vport0p3", "")] {
            std::fs::create_dir(class.path().join(port)).unwrap();
            std::fs::write(class.path().join(port).join("name"), name).unwrap();
        }
        std::fs::create_dir(class.path().join("vport0p0")).unwrap();
        assert_eq!(find(class.path(), "prelift.stdin").unwrap(), Some("/dev/vport0p2".into()));
        assert_eq!(find(class.path(), "prelift.stdout").unwrap(), None);
        assert_eq!(find(&class.path().join("absent"), "x").unwrap(), None);
    }
}

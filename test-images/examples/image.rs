//! Writes a test image as a `docker save` archive: `image busybox|busybox-i386|modes|bench|python OUTPUT`.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use test_images::Format;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, output] = &words[..] else { bail!("expected: image busybox|busybox-i386|modes|bench|python OUTPUT") };
    let output = Path::new(output);
    match name.as_str() {
        "busybox" => test_images::busybox()?.write(Format::DockerSave, output),
        "busybox-i386" => {
            let directory = output.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            test_images::busybox_i386(&directory)?.write(Format::DockerSave, output)
        }
        "modes" => test_images::modes()?.write(Format::DockerSave, output),
        "bench" => test_images::bench()?.write(Format::DockerSave, output),
        "python" => {
            let directory = output.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            let made = test_images::debian_python(&directory, |line| eprintln!("{line}"))?;
            std::fs::rename(&made, output).with_context(|| format!("move {} to {}", made.display(), output.display()))
        }
        other => bail!("{other}: expected busybox, busybox-i386, modes, bench or python"),
    }
}

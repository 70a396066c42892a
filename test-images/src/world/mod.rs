//! Busybox with a configuration that says all that one can about a container, and a probe that prints what it sees of its
//! world.

use anyhow::Result;
use serde_json::json;

use crate::pack::Recipe;

/// The probe, `/bin/world` of the image: a script for busybox's shell. Its arguments are part of what it prints.
pub const PROBE: &str = include_str!("world.sh");

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:Application:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
";
const GROUP: &[u8] = b"root:x:0:
tty:x:5:
audio:x:29:other,app
wheel:x:30:root
app:x:1000:
nogroup:x:65534:
";

/// The image `world:latest`. Errors if there is no busybox.
pub fn world() -> Result<Recipe> {
    let mut layer = crate::layer::LayerBuilder::new();
    layer.file("etc/passwd", 0o644, PASSWD)?.file("etc/group", 0o644, GROUP)?.file(
        "bin/world",
        0o755,
        PROBE.as_bytes(),
    )?;
    // Files that are no programs, one for each reason.
    layer.file("bin/locked", 0o644, b"#!/bin/sh\n")?.file("bin/damaged", 0o755, b"\x7fELF")?;
    layer.file("bin/lost", 0o755, b"#!/no/such/shell\n")?;
    let config = json!({
        "Entrypoint": ["/bin/world"],
        "Cmd": ["default argument"],
        "Env": [crate::busybox::PATH, "FROM=image", "EMPTY="],
        "Hostname": "image-host",
        "StopSignal": "SIGQUIT",
        "User": "app",
        "Volumes": { "/data/volume": {}, "/tmp": {} },
        "WorkingDir": "/srv/work",
    });
    let layers = vec![crate::busybox::base()?.finish()?, layer.finish()?];
    Ok(Recipe { name: "world:latest".to_owned(), config, layers })
}

//! The modules that the tests run: Debian's busybox, and an image whose configuration says all about its container.

use kernel_snapshot::cache::Cache;
use kernel_snapshot::testing;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use test_images::layer::LayerBuilder;
use test_images::{Format, Recipe};
use translator::Mapping;
use translator::convert::{
    self, CodeChoices, Entrypoint, ExternalImage, GuestRequest, KernelChoice, Request, Training, Until,
};
use translator::discover::Coverage;

/// A shell at work, so that there is translated code.
const TRAINING: &str = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i | cat; id";

/// Path of the module of busybox, converted on first use.
pub(crate) fn busybox() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    let command = ["sh", "-c", TRAINING].map(str::to_owned).into();
    let busybox = || test_images::busybox().unwrap();
    MODULE.get_or_init(|| converted("busybox", &busybox(), command, None, CodeChoices::default()))
}

/// Path of the module of busybox in the middle of a shell that waits for a line, converted on first use.
pub(crate) fn entrypoint() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    const SCRIPT: &str = "echo ready; echo on stderr >&2; read line; echo got $line; date +%s; cat /proc/uptime;
        head -c 16 /dev/urandom | md5sum; exit 3";
    let command: Vec<String> = ["sh", "-c", SCRIPT].map(str::to_owned).into();
    let entrypoint = Entrypoint { command: Some(command.clone()), ..Entrypoint::default() };
    let busybox = || test_images::busybox().unwrap();
    MODULE.get_or_init(|| converted("entrypoint", &busybox(), command, Some(entrypoint), small()))
}

/// Path of the module of a program that has made code, and waits for a line, converted on first use. Trained without that.
pub(crate) fn generated() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    let command = |case: &str| vec!["/bin/smc".to_owned(), case.to_owned()];
    let entrypoint = Entrypoint { command: Some(command("generated")), ..Entrypoint::default() };
    let image = || test_images::smc().unwrap();
    MODULE.get_or_init(|| converted("generated", &image(), command("child"), Some(entrypoint), small()))
}

/// Path of the module of a server that listens, beside a program that never rests, converted on first use.
pub(crate) fn listening() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    const SCRIPT: &str = "echo starting; while :; do :; done & busy=$!; nc -l -p 7000 & read line;
        echo $line | nc 127.0.0.1 7000; kill $busy; wait";
    let command: Vec<String> = ["sh", "-c", SCRIPT].map(str::to_owned).into();
    let entrypoint =
        Entrypoint { command: Some(command.clone()), until: Until::Listens(7000), ..Entrypoint::default() };
    let busybox = || test_images::busybox().unwrap();
    MODULE.get_or_init(|| converted("listening", &busybox(), command, Some(entrypoint), small()))
}

/// Little translated code.
fn small() -> CodeChoices {
    let mut code = CodeChoices::default();
    (code.discover.coverage, code.discover.max_bytes) = (Coverage::Hot, 256 << 10);
    code
}

/// Path of the module of the image that says all about its container, converted on first use; with little translated code.
pub(crate) fn world() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    let command = || vec!["/bin/world".to_owned()];
    MODULE.get_or_init(|| converted("world", &test_images::world().unwrap(), command(), None, small()))
}

/// Path of a module of busybox whose image is outside, in a file of the same name with the extension `erofs`, converted on first
/// use. The image has a file of 4 MiB, `/data`.
pub(crate) fn outside(access: Access) -> &'static Path {
    static MODULES: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    MODULES[access as usize].get_or_init(|| {
        let mut recipe = test_images::busybox().unwrap();
        let mut layer = LayerBuilder::new();
        layer.file("data", 0o644, &data()).unwrap();
        recipe.layers.push(layer.finish().unwrap());
        let file = tempfile::NamedTempFile::new_in(directory()).unwrap();
        let name = access.name();
        let path = directory().join(name).with_extension("wasm");
        let image = Some((ExternalImage { file: file.as_file(), name: &format!("{name}.erofs") }, access));
        let module = convert(name, &recipe, vec!["true".to_owned()], None, small(), image);
        file.persist(path.with_extension("erofs")).unwrap();
        publish(&path, &module);
        path
    })
}

/// How a guest has an image that is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As memory.
    Mapped,
    /// As a drive.
    Drive,
}

impl Access {
    pub(crate) const ALL: [Access; 2] = [Access::Mapped, Access::Drive];

    fn name(self) -> &'static str {
        match self {
            Access::Mapped => "mapped",
            Access::Drive => "drive",
        }
    }
}

/// What [`outside`] has in `/data`: numbers, so that no two parts are the same.
pub(crate) fn data() -> Vec<u8> {
    (0..1u32 << 20).flat_map(u32::to_le_bytes).collect()
}

/// Where the tests keep files that others may read again.
pub(crate) fn directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Writes a file that appears whole.
pub(crate) fn publish(path: &Path, bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new_in(directory()).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file.persist(path).unwrap();
}

/// Converts an image, trained with a command, and publishes the module.
fn converted(
    name: &str,
    recipe: &Recipe,
    command: Vec<String>,
    entrypoint: Option<Entrypoint>,
    code: CodeChoices,
) -> PathBuf {
    let path = directory().join(name).with_extension("wasm");
    publish(&path, &convert(name, recipe, command, entrypoint, code, None));
    path
}

fn convert(
    name: &str,
    recipe: &Recipe,
    command: Vec<String>,
    entrypoint: Option<Entrypoint>,
    code: CodeChoices,
    outside: Option<(ExternalImage<'_>, Access)>,
) -> Mapping {
    let image = tempfile::NamedTempFile::new_in(directory()).unwrap();
    recipe.write(Format::DockerSave, image.path()).unwrap();
    let kernel = KernelChoice::Vmlinux(testing::vmlinux().unwrap());
    let (external_image, access) = outside.unzip();
    let guest = GuestRequest { kernel, image_drive: access == Some(Access::Drive), ..GuestRequest::default() };
    let training = Training { command: Some(command), ..Training::default() };
    let request = Request { image: image.path(), guest, training, entrypoint, code, external_image, output: None };
    let cache = Cache::of_user().unwrap();
    convert::convert(&request, &cache, &|text| eprintln!("{name}: {text}")).unwrap().module
}

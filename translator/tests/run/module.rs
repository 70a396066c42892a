//! The module that all tests run: Debian's busybox.

use kernel_snapshot::cache::Cache;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use test_images::Format;
use translator::convert::{self, CodeChoices, GuestRequest, KernelChoice, Request, Training};

/// A shell at work, so that there is translated code.
const TRAINING: &str = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i | cat; id";

/// Path of the module, converted on first use.
pub(crate) fn busybox() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = directory().join("busybox.wasm");
        publish(&path, &converted());
        path
    })
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

fn converted() -> Vec<u8> {
    let image = tempfile::NamedTempFile::new_in(directory()).unwrap();
    test_images::busybox().unwrap().write(Format::DockerSave, image.path()).unwrap();
    let kernel = std::env::var_os("PRELIFT_TEST_VMLINUX");
    let kernel = kernel.map_or(KernelChoice::Debian, |path| KernelChoice::Vmlinux(path.into()));
    let guest = GuestRequest { kernel, ..GuestRequest::default() };
    let command = ["sh", "-c", TRAINING].map(str::to_owned).into();
    let training = Training { command: Some(command), ..Training::default() };
    let request = Request { image: image.path(), guest, training, code: CodeChoices::default() };
    convert::convert(&request, &Cache::of_user().unwrap(), &|text| eprintln!("busybox: {text}")).unwrap().module
}

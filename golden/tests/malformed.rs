//! Inputs that are not what they should be: an error that names the file and what was expected, and no output.

use golden::images::kernel;
use kernel_snapshot::cache::Cache;
use runtime::snapshot::Snapshot;
use std::path::Path;
use test_images::Format;
use translator::convert::{CodeChoices, GuestRequest, KernelChoice, Request, Root, Training, convert, prepare};
use translator::engine::Engine;
use translator::link::{Runtime, Summary};

/// Numbers without a pattern that any format would take for its own.
fn garbage(size: usize) -> Vec<u8> {
    (0..size as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Lengths to cut a file to: its beginnings, and points all through it.
fn cuts(size: usize) -> Vec<usize> {
    [0, 1, 7, 100, 511, 513].into_iter().chain((1..8).map(|part| size * part / 8)).filter(|&cut| cut < size).collect()
}

/// The error of getting a guest ready, which must not succeed.
fn prepare_error(image: &Path, kernel: KernelChoice) -> String {
    let cache = Cache::of_user().unwrap();
    let root = Root::read(image, None, &|_| ()).unwrap();
    let ready = kernel
        .vmlinux(&cache, &|_| ())
        .and_then(|vmlinux| prepare(root, &vmlinux, &GuestRequest::default(), &cache, &|_| ()));
    format!("{:#}", ready.expect_err("malformed input was taken"))
}

#[test]
fn images_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.tar");
    std::fs::write(&path, garbage(10_000)).unwrap();
    let error = translator::image::open(&path, |_| ()).unwrap_err();
    assert!(format!("{error:#}").contains("image.tar"), "{error:#}");
    test_images::busybox().unwrap().write(Format::DockerSave, &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in cuts(whole.len()) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let error = translator::image::open(&path, |_| ()).expect_err("a truncated image was taken");
        assert!(format!("{error:#}").contains("image.tar"), "{cut} bytes: {error:#}");
    }
    let missing = translator::image::open(&directory.path().join("none.tar"), |_| ()).unwrap_err();
    assert!(format!("{missing:#}").contains("none.tar"), "{missing:#}");
}

/// Runtime and kernel, which take minutes to make, come after what a user may have got wrong.
#[test]
fn an_image_that_is_not_there_is_refused_first() {
    let directory = tempfile::tempdir().unwrap();
    let (image, vmlinux) = (directory.path().join("none.tar"), directory.path().join("vmlinux"));
    let guest = GuestRequest { kernel: KernelChoice::Vmlinux(vmlinux), ..GuestRequest::default() };
    let (training, code) = (Training::default(), CodeChoices::default());
    let request =
        Request { image: &image, guest, training, entrypoint: None, code, external_image: None, output: None };
    let error = convert(&request, &Cache::of_user().unwrap(), &|_| ()).expect_err("a conversion of nothing");
    assert!(format!("{error:#}").contains("none.tar: is not there; `docker save"), "{error:#}");
}

#[test]
fn kernels_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (image, vmlinux) = (directory.path().join("image.tar"), directory.path().join("vmlinux"));
    test_images::busybox().unwrap().write(Format::DockerSave, &image).unwrap();
    let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &garbage(5000)].concat();
    for bytes in [Vec::new(), garbage(5000), elf] {
        std::fs::write(&vmlinux, bytes).unwrap();
        let error = prepare_error(&image, KernelChoice::Vmlinux(vmlinux.clone()));
        assert!(error.contains("boot the guest") && error.contains("ELF"), "{error}");
    }
    let error = prepare_error(&image, KernelChoice::Vmlinux(directory.path().join("none")));
    assert!(error.contains("none"), "{error}");
}

#[test]
fn snapshots_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image.tar");
    test_images::busybox().unwrap().write(Format::DockerSave, &image).unwrap();
    let cache = Cache::of_user().unwrap();
    let vmlinux = kernel().vmlinux(&cache, &|_| ()).unwrap();
    let root = Root::read(&image, None, &|_| ()).unwrap();
    let guest = prepare(root, &vmlinux, &GuestRequest::default(), &cache, &|_| ()).unwrap();
    let mut whole = Vec::new();
    guest.snapshot.write(&mut whole).unwrap();
    assert!(Snapshot::read(&mut whole.as_slice()).is_ok());
    for cut in cuts(whole.len()) {
        let error = Snapshot::read(&mut &whole[..cut]).expect_err("a truncated snapshot was taken").to_string();
        assert!(error.starts_with("snapshot"), "{cut} bytes: {error}");
    }
    let error = Snapshot::read(&mut garbage(10_000).as_slice()).unwrap_err().to_string();
    assert!(error.contains("expected"), "{error}");
}

#[test]
fn modules_are_refused() {
    let engine = Engine::new().unwrap();
    let empty = b"\0asm\x01\0\0\0".as_slice();
    for bytes in [b"".as_slice(), b"\0asm", &garbage(5000), &[empty, &garbage(500)].concat()] {
        assert!(engine.load(bytes, &Cache::Refused, &|_| ()).is_err());
        assert!(Runtime::parse(bytes).is_err());
        assert!(Summary::read(bytes).is_err());
    }
    let error = format!("{:#}", Runtime::parse(empty).expect_err("a module that is no runtime was taken"));
    assert!(error.contains("PRELIFT_") || error.contains("expected"), "{error}");
}

#[test]
fn layers_are_refused() {
    let recipe = test_images::Recipe { layers: vec![garbage(1024)], ..test_images::busybox().unwrap() };
    let cache = Cache::of_user().unwrap();
    let error =
        golden::images::module(GuestRequest::default(), &recipe, &golden::images::training("true"), &cache, &|_| ())
            .expect_err("a damaged layer was taken");
    assert!(format!("{error:#}").contains("layer"), "{error:#}");
}

//! What must be refused, with an error that says where and what was expected, and never a panic.

use std::fs;

use serde_json::Value;
use tar::EntryType;
use test_images::pack::Coding;

use super::choice::Layout;
use super::*;

/// The error of an image of these layers.
fn layer_error(layers: Vec<Vec<u8>>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    recipe(layers).write(Format::DockerSave, &path).unwrap();
    error(&path)
}

#[test]
fn blobs_are_verified() {
    let layout = Layout::new();
    let layer = layout.layer();
    fs::write(&layer, Coding::Gzip.encode(b"something else").unwrap()).unwrap();
    let message = error(&layout.path());
    assert!(message.contains("blobs/sha256/") && message.contains("expected sha256:"), "{message}");
    fs::remove_file(&layer).unwrap();
    let message = error(&layout.path());
    assert!(message.contains("cannot open blobs/sha256/"), "{message}");

    let message = Layout::new().with_index(|index| index["manifests"][0]["size"] = json!(1));
    assert!(message.contains("its descriptor says 1"), "{message}");
    let message = Layout::new().with_index(|index| index["manifests"][0]["digest"] = json!("sha256:../../x"));
    assert!(message.contains("lower-case hexadecimal"), "{message}");
}

#[test]
fn contents_of_layers_are_verified_where_blobs_have_no_digest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    recipe(vec![layer(|l| l.file("f", 0o644, b"needle"))]).write(Format::DockerSave, &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|window| window == b"needle").unwrap();
    bytes[at] = b'N';
    fs::write(&path, bytes).unwrap();
    let message = error(&path);
    assert!(message.contains("/layer.tar: contents of the layer") && message.contains("expected sha256:"), "{message}");
}

#[test]
fn documents_and_media_types_are_checked() {
    let message = Layout::new().with_index(|index| index["manifests"][0]["mediaType"] = json!("text/plain"));
    assert!(message.contains("media type \"text/plain\", expected one of"), "{message}");
    let layout = Layout::new();
    fs::write(layout.path().join("index.json"), b"{").unwrap();
    assert!(error(&layout.path()).contains("index.json: expected an OCI image index"));
    fs::remove_file(layout.path().join("index.json")).unwrap();
    assert!(error(&layout.path()).contains("cannot open index.json"));
}

#[test]
fn indexes_have_an_end() {
    let message = Layout::new().with_index(|index| {
        let manifest = index["manifests"][0].clone();
        index["manifests"] = Value::Array(vec![manifest; 2000]);
    });
    assert!(message.contains("more than 1024 manifests"), "{message}");
}

#[test]
fn archives_of_something_else_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        error(&path)
    };
    assert!(refused(&layer(|l| l.file("bin/sh", 0o755, b""))).contains("neither index.json (OCI) nor manifest.json"));
    assert!(refused(&[b'x'; 600]).contains("expected a tar archive: tar header at offset 0: not a tar header"));
    assert!(refused(b"\x1f\x8b\x08").contains("cannot decompress"));
    assert!(refused(b"\x28\xb5\x2f\xfd\xff").contains("malformed zstd"));
    assert!(refused(b"").contains("neither index.json"));
    assert!(refused(&layer(|l| l.file("manifest.json", 0o644, b"[]"))).contains("holds 0 images, expected one"));
    let looping = layer(|l| l.symlink("index.json", "index.json"));
    assert!(refused(&looping).contains("more than 8 times"));
    assert!(error(&dir.path().join("absent")).contains("absent"));
}

#[test]
fn members_that_escape_or_lie_are_refused() {
    let refused = |build: &dyn Fn(&mut LayerBuilder) -> Result<&mut LayerBuilder>, expected: &str| {
        let message = layer_error(vec![layer(build)]);
        assert!(message.contains(expected) && message.contains("layer.tar"), "{message}");
    };
    refused(&|l| l.file("../etc/passwd", 0o644, b""), "member \"../etc/passwd\"");
    refused(&|l| l.hard_link("a", "../../etc/shadow"), "climbs above the root");
    refused(&|l| l.hard_link("a", "/etc/shadow"), "hard link to \"/etc/shadow\", which no member");
    refused(&|l| l.directory("d", 0o755)?.hard_link("a", "d"), "hard link to the directory");
    refused(&|l| l.symlink("a", "b")?.symlink("b", "a")?.file("a/x", 0o644, b""), "more than 40 symbolic links");
    refused(&|l| l.file("f", 0o644, b"")?.file("f/x", 0o644, b""), "\"f\" on the way is not a directory");
    refused(
        &|l| {
            let deep = vec!["d"; 1500].join("/");
            l.directory(&deep, 0o755)?.symlink("s", &deep)?.directory(&format!("s/{deep}"), 0o755)
        },
        "with links followed, at most 4095",
    );
    refused(&|l| l.symlink("a", ""), "symbolic link target of 0 bytes");
    refused(&|l| l.device("a", EntryType::Char, 4096, 0), "exceeds 4095:1048575");
    refused(&|l| l.member("a", EntryType::new(b'Z'), 0o644, "", b""), "type 'Z' is not known");
    refused(&|l| l.pax("mtime", b"soon").file("a", 0o644, b""), "member \"a\"");
    refused(&|l| l.pax("size", b"18446744073709551615").file("a", 0o644, b""), "out of range");
    refused(&|l| l.pax("size", b"70000000000").file("a", 0o644, b""), "exceed 64 GiB");
    refused(
        &|l| l.pax("GNU.sparse.size", b"9").pax("GNU.sparse.map", b"0,512").file("a", 0o644, &[0; 512]),
        "beyond the file's 9",
    );
    refused(&|l| l.pax("x", &vec![b'x'; 2 << 20]).file("a", 0o644, b""), "at most 1048576 expected");
    let global = [b"1000000 a=".to_vec(), vec![b'x'; 999_989], b"\n".to_vec()].concat();
    let kind = EntryType::XGlobalHeader;
    refused(
        &|l| l.member("g", kind, 0o644, "", &global)?.file("f", 0o644, b"")?.member("g", kind, 0o644, "", &global),
        "global headers exceed",
    );
    refused(&|l| l.file("./", 0o644, b"")?.symlink(".", "x"), "the root is not a directory");
    refused(&|l| l.file(".wh.", 0o644, b""), "whiteout");
}

#[test]
fn any_cut_or_flipped_byte_is_an_error_or_a_tree_but_never_a_panic() {
    let whole = everything();
    for end in (0..whole.len()).step_by(97) {
        let _ = apply_alone(&whole[..end]);
    }
    assert!(apply_alone(&whole[..1000]).unwrap_err().to_string().contains("ends within"));
    let mut seed = 1u64;
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = (seed >> 20) as u8;
            repair_checksum(&mut bytes, at);
        }
        let _ = apply_alone(&bytes);
    }
}

fn apply_alone(bytes: &[u8]) -> Result<Tree> {
    let mut tree = Tree::new()?;
    layer::apply(&mut tree, BufReader::new(bytes))?;
    Ok(tree)
}

/// Makes the block around `at` a valid header again, so that the fields behind the check sum are tried too.
fn repair_checksum(bytes: &mut [u8], at: usize) {
    let block = &mut bytes[at / 512 * 512..][..512];
    if block[257..262] == *b"ustar" {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

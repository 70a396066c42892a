//! The same image in every format.

use std::fs;

use test_images::pack::Coding;

use super::*;

const FORMATS: [Format; 8] = [
    Format::OciLayout(Coding::Plain),
    Format::OciLayout(Coding::Gzip),
    Format::OciLayout(Coding::Zstd),
    Format::OciArchive(Coding::Plain),
    Format::OciArchive(Coding::Gzip),
    Format::OciArchive(Coding::Zstd),
    Format::DockerSave,
    Format::DockerSaveOci,
];

#[test]
fn every_format_gives_the_same_image() {
    let recipe = recipe(vec![everything(), layer(|layer| layer.file("bin/more", 0o755, &[1; 300_000]))]);
    let images: Vec<_> = FORMATS.iter().map(|&format| open_packed(&recipe, format)).collect();
    assert_eq!(images[0].config.cmd, ["sh"]);
    assert_eq!(contents(&images[0].tree, "bin/more").len(), 300_000);
    for (image, format) in images.iter().zip(FORMATS) {
        assert_eq!(image.digest, images[0].digest, "{format:?}");
        assert_eq!(image.config, images[0].config, "{format:?}");
    }
}

#[test]
fn digests_tell_images_apart() {
    let digest = |mode, bytes: &[u8]| {
        open_packed(&recipe(vec![layer(|layer| layer.file("f", mode, bytes))]), Format::DockerSave).digest
    };
    assert_eq!(digest(0o644, b"a"), digest(0o644, b"a"));
    assert_ne!(digest(0o644, b"a"), digest(0o644, b"b"));
    assert_ne!(digest(0o644, b"a"), digest(0o600, b"a"));
    assert_ne!(digest(0o644, b""), digest(0o644, b"\0"));
}

#[test]
fn streams_of_several_members_are_read_to_the_end() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let mut coded = coding.encode(b"one ").unwrap();
        if coding == Coding::Zstd {
            coded.extend(b"\x50\x2a\x4d\x18\x03\0\0\0skp");
        }
        coded.extend(coding.encode(b"two").unwrap());
        let mut text = String::new();
        compression::decompress(&coded[..]).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two", "{coding:?}");
    }
}

#[test]
fn root_directories_are_read_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("bin")).unwrap();
    fs::write(path("bin/a"), b"contents").unwrap();
    fs::hard_link(path("bin/a"), path("bin/b")).unwrap();
    std::os::unix::fs::symlink("bin/a", path("link")).unwrap();
    let sparse = fs::File::create(path("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 1 << 20).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();

    let mut warnings = Vec::new();
    let image = open(dir.path(), |progress| warnings.push(progress)).unwrap();
    assert_eq!(paths(&image.tree), "/bin /bin/a /bin/b /link /sparse");
    assert!(matches!(&warnings[..], [Progress::Warning(text)] if text.contains("socket is left out")), "{warnings:?}");
    assert_eq!(image.tree.find("bin/a").unwrap(), image.tree.find("bin/b").unwrap());
    let sparse = contents(&image.tree, "sparse");
    assert_eq!((sparse.len(), &sparse[1 << 20..]), ((1 << 20) + 3, &b"end"[..]));
    let host = std::os::unix::fs::MetadataExt::mtime(&fs::symlink_metadata(path("link")).unwrap());
    assert_eq!(inode(&image.tree, "link").meta.mtime.seconds, host);
}

#[test]
fn old_archives_may_share_layers_by_links() {
    let recipe = recipe(vec![layer(|layer| layer.file("f", 0o644, b"x"))]);
    let dir = tempfile::tempdir().unwrap();
    recipe.write(Format::DockerSave, &dir.path().join("plain")).unwrap();
    let mut linked = LayerBuilder::new();
    for entry in tar::Archive::new(fs::File::open(dir.path().join("plain")).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        if name.ends_with("layer.tar") {
            linked.symlink(&name, "../shared/layer.tar").unwrap().file("shared/layer.tar", 0o644, &bytes).unwrap();
        } else {
            linked.file(&name, 0o644, &bytes).unwrap();
        }
    }
    let path = dir.path().join("linked");
    fs::write(&path, linked.finish().unwrap()).unwrap();
    assert_eq!(open_quietly(&path).unwrap().digest, open_packed(&recipe, Format::DockerSave).digest);
}

//! Images built in temporary directories: every kind of input, every kind of file, and what must be refused.

mod choice;
mod formats;
mod layers;
mod malformed;
mod mount;
mod written;

use std::path::Path;

use serde_json::json;
use test_images::layer::LayerBuilder;
use test_images::{Format, Recipe};

use super::*;

/// An image of these layers.
fn recipe(layers: Vec<Vec<u8>>) -> Recipe {
    Recipe { name: "test:latest".to_owned(), config: json!({ "Cmd": ["sh"], "Env": ["A=b"] }), layers }
}

/// Packs and opens; panics with the whole error.
fn open_packed(recipe: &Recipe, format: Format) -> Image {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    recipe.write(format, &path).unwrap();
    open_quietly(&path).unwrap_or_else(|error| panic!("{format:?}: {error:#}"))
}

fn open_quietly(path: &Path) -> Result<Image> {
    open(path, |_| {})
}

/// The whole message of the error that the image at `path` gives.
fn error(path: &Path) -> String {
    match open_quietly(path) {
        Ok(image) => panic!("accepted: {}", paths(&image.tree)),
        Err(error) => format!("{error:#}"),
    }
}

/// The tree that these layers make.
fn tree(layers: Vec<Vec<u8>>) -> Tree {
    open_packed(&recipe(layers), Format::DockerSave).tree
}

fn layer(build: impl FnOnce(&mut LayerBuilder) -> Result<&mut LayerBuilder>) -> Vec<u8> {
    let mut layer = LayerBuilder::new();
    build(&mut layer).unwrap();
    layer.finish().unwrap()
}

/// All paths but the root, separated by blanks.
fn paths(tree: &Tree) -> String {
    let paths: Vec<_> = tree.walk().skip(1).map(|(path, _)| String::from_utf8(path).unwrap()).collect();
    paths.join(" ")
}

fn inode<'a>(tree: &'a Tree, path: &str) -> &'a Inode {
    tree.inode(tree.find(path).unwrap().unwrap_or_else(|| panic!("no {path} among {}", paths(tree))))
}

fn contents(tree: &Tree, path: &str) -> Vec<u8> {
    match &inode(tree, path).kind {
        Kind::File(content) => tree.read(content, 1 << 24).unwrap(),
        other => panic!("{path} is {other:?}"),
    }
}

/// A layer with every kind of file, as odd as they come.
fn everything() -> Vec<u8> {
    let long = format!("{}/{}", "d".repeat(150), "n".repeat(255));
    layer(|layer| {
        layer
            .directory("bin", 0o755)?
            .pax("SCHILY.xattr.security.capability", b"\x01\0\0\x02\n\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
            .pax("SCHILY.xattr.user.note", b"a=b\n")
            .pax("mtime", b"1600000000.123456789")
            .file("bin/program", 0o4755, &[0x7f; 10_000])?
            .hard_link("bin/alias", "bin/program")?
            .symlink("bin/link", "/bin/program")?
            .pax("uid", b"100000")
            .pax("gid", b"4294967294")
            .file("owned", 0o640, b"x")?
            .file("empty", 0o600, b"")?
            .fifo("fifo", 0o622)?
            .device("null", tar::EntryType::Char, 1, 3)?
            .device("disk", tar::EntryType::Block, 259, 70000)?
            .directory("tmp", 0o1777)?
            .symlink("long-link", &"t".repeat(4095))?
            .pax("mtime", b"-2.5")
            .file(&long, 0o644, b"long")
    })
}

//! Version, attach, walk, clunk; what a snapshot keeps.

use super::*;
use crate::snapshot::codec::{Reader, Writer};
use std::fs;

#[test]
fn versions_and_sizes_are_agreed() {
    let mut client = Client::new();
    assert_eq!(client.version(8192, "9P2000.L").unwrap().0, 8192);
    assert_eq!(client.version(u32::MAX, "9P2000.L").unwrap().0, MAX_MESSAGE);
    assert_eq!(client.version(8192, "9P2000").unwrap().1, "unknown");
    assert_eq!(client.version(100, "9P2000.L"), Err(Errno::INVAL));
    assert_eq!(client.fids(), 0, "a version ends the session before it");
}

#[test]
fn walks_go_as_far_as_there_are_names() {
    let mut client = Client::new();
    fs::create_dir_all(client.path("a/b")).unwrap();
    fs::write(client.path("a/b/file"), "x").unwrap();
    assert_eq!(client.walk(DIR, 5, &["a", "b", "file"]), Ok(3));
    assert_eq!(client.walk(DIR, 6, &["a", "missing", "file"]), Ok(1));
    assert!(!client.has(6), "a walk that does not arrive makes no fid");
    assert_eq!(client.walk(DIR, 6, &["missing"]), Err(Errno::NOENT));
    assert_eq!(client.walk(5, 6, &["x"]), Err(Errno::NOTDIR));
    assert_eq!(client.walk(DIR, 5, &[]), Err(Errno::BADF), "5 is in use");
    assert_eq!(client.walk(9, 10, &[]), Err(Errno::BADF));
    assert_eq!(client.walk(DIR, DIR, &["a"]), Ok(1));
    assert_eq!(client.walk(DIR, 7, &["b"]), Ok(1), "the fid moved");
    assert_eq!(client.walk(7, 8, &["..", "b", "file"]), Ok(3));
    client.clunk(5).unwrap();
    assert_eq!(client.clunk(5), Err(Errno::BADF));
}

#[test]
fn the_top_has_a_directory_for_each_index() {
    let mut client = Client::new();
    for name in ["1", "", "x", "-1", "00000000000000000000000"] {
        assert_eq!(client.walk(TOP, 5, &[name]).is_ok(), name.starts_with("000"), "{name}");
    }
    assert_eq!(client.mkdir(TOP, "new"), Err(Errno::PERM));
    client.walk(TOP, 6, &[]).unwrap();
    client.open(6, 0).unwrap();
    let names: Vec<_> = client.readdir(6, 0, 1000).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".", "..", "0"]);
    assert_eq!(client.attributes(TOP).unwrap().mode, 0o40_755);
}

#[test]
fn fids_are_bounded() {
    let mut client = Client::new();
    let most = super::super::fid::MAX_FIDS as u32;
    let refused = (2..most + 10).find(|&fid| client.walk(DIR, fid, &[]) == Err(Errno::NFILE));
    assert_eq!(refused, Some(most));
}

#[test]
fn a_snapshot_opens_its_files_again() {
    let mut client = Client::new();
    client.new_file(5, "file");
    client.write(5, 0, b"content").unwrap();
    client.set(5, 1, [0o600, 0, 0], 0, [0; 4]).unwrap();
    client.walk(DIR, 6, &[]).unwrap();
    client.open(6, 0).unwrap();
    let saved = |server: &Server| {
        let mut writer = Writer::new();
        server.save(&mut writer);
        writer.into_bytes()
    };
    let bytes = saved(&client.server);
    let load = |directories| {
        let mut server = Server::new(directories);
        server.load(&mut Reader::new(&bytes)).map(|()| server)
    };

    client.server = load(vec![shared(client.host.path(), false)]).unwrap();
    assert!(saved(&client.server) == bytes);
    assert_eq!(client.read(5, 3, 10).unwrap(), b"tent");
    assert_eq!(client.attributes(5).unwrap().mode, 0o100_600);
    assert_eq!(client.readdir(6, 0, 1000).unwrap().len(), 3);

    let error = load(Vec::new()).err().unwrap().to_string();
    assert!(error.contains("directories of the host"), "{error}");
    fs::remove_file(client.path("file")).unwrap();
    let error = load(vec![shared(client.host.path(), false)]).err().unwrap().to_string();
    assert!(error.contains("an open file"), "{error}");
}

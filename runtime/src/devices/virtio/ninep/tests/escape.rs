//! Nothing leads out of a shared directory.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

/// A client whose directory is `shared`, beside a file `secret` that it must not come to.
fn client() -> (Client, PathBuf) {
    let mut client = Client::new();
    let outside = client.host.path().to_owned();
    fs::create_dir(outside.join("shared")).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    fs::create_dir(outside.join("private")).unwrap();
    client.server = Server::new(vec![shared(&outside.join("shared"), false)]);
    client.begin();
    (client, outside)
}

#[test]
fn dots_stay_inside() {
    let (mut client, outside) = client();
    assert_eq!(client.walk(DIR, 5, &["..", "secret"]), Ok(1), "the parent of the directory is itself");
    assert_eq!(client.walk(DIR, 5, &["..", "..", ".."]), Ok(3));
    assert_eq!(client.attributes(5).unwrap().identity, client.attributes(DIR).unwrap().identity);
    for name in ["../secret", "/etc/passwd", ".", "", "a/b", "nul\0"] {
        assert_eq!(client.walk(DIR, 6, &[name]), Err(Errno::INVAL), "{name:?}");
        assert!(client.create(DIR, name, 0o102, 0).is_err());
    }
    for name in ["..", "../made", "."] {
        assert_eq!(client.mkdir(DIR, name), Err(Errno::INVAL));
        assert_eq!(client.symlink(DIR, name, "x"), Err(Errno::INVAL));
        assert_eq!(client.rmdir(DIR, name), Err(Errno::INVAL));
        assert_eq!(client.unlink(DIR, name), Err(Errno::INVAL));
        assert_eq!(client.link(DIR, DIR, name), Err(Errno::INVAL));
        assert_eq!(client.renameat((DIR, name), (DIR, "x")), Err(Errno::INVAL));
        assert_eq!(client.renameat((DIR, "x"), (DIR, name)), Err(Errno::INVAL));
    }
    assert_eq!(fs::read_dir(outside).unwrap().count(), 3);
}

#[test]
fn symbolic_links_are_not_followed() {
    let (mut client, outside) = client();
    symlink(outside.join("secret"), outside.join("shared/file")).unwrap();
    symlink("..", outside.join("shared/up")).unwrap();
    assert_eq!(client.walk(DIR, 5, &["up", "secret"]), Ok(1));
    assert_eq!(client.walk(DIR, 5, &["up"]), Ok(1));
    assert_eq!(client.walk(5, 6, &["secret"]), Err(Errno::NOTDIR));
    assert_eq!(client.create(5, "made", 0o102, 0o600), Err(Errno::NOTDIR));
    assert_eq!(client.mkdir(5, "made"), Err(Errno::NOTDIR));
    assert_eq!(client.unlink(5, "secret"), Err(Errno::NOTDIR));
    client.walk(DIR, 7, &["file"]).unwrap();
    assert_eq!(client.open(7, 0), Err(Errno::LOOP));
    assert!(client.set(7, 8, [0; 3], 0, [0; 4]).is_err());
    client.walk(DIR, 8, &[]).unwrap();
    assert_eq!(client.create(8, "file", 0o1102, 0o600), Err(Errno::LOOP));
    // Times of the link itself.
    client.set(7, 0x1b0, [0; 3], 0, [1, 0, 1, 0]).unwrap();
    assert!(
        fs::metadata(outside.join("secret"))
            .unwrap()
            .modified()
            .unwrap()
            .elapsed()
            .is_ok_and(|age| age.as_secs() < 1000)
    );
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert!(!outside.join("made").exists());
}

/// A directory that the client has a fid for becomes a link, behind its back.
#[test]
fn a_directory_that_becomes_a_link_leads_nowhere() {
    let (mut client, outside) = client();
    client.mkdir(DIR, "d").unwrap();
    fs::write(outside.join("shared/d/secret"), "inside").unwrap();
    client.walk(DIR, 5, &["d"]).unwrap();
    client.walk(5, 6, &["secret"]).unwrap();
    client.walk(5, 7, &[]).unwrap();
    fs::remove_dir_all(outside.join("shared/d")).unwrap();
    symlink(&outside, outside.join("shared/d")).unwrap();
    assert_eq!(client.open(6, 0), Err(Errno::NOTDIR));
    assert_eq!(client.walk(5, 8, &["secret"]), Err(Errno::NOTDIR));
    assert_eq!(client.create(5, "made", 0o102, 0o600), Err(Errno::NOTDIR));
    assert_eq!(client.unlink(5, "secret"), Err(Errno::NOTDIR));
    assert_eq!(client.rmdir(5, "private"), Err(Errno::NOTDIR));
    assert_eq!(client.renameat((5, "secret"), (DIR, "stolen")), Err(Errno::NOTDIR));
    client.open(7, 0).unwrap();
    assert_eq!(client.readdir(7, 0, 1000), Err(Errno::NOTDIR));
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
}

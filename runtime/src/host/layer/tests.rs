//! Layers that are made, opened again, and refused.

use super::*;

const IMAGE: [u8; 32] = [0xab; 32];

/// What is said of a layer whose file holds these bytes.
fn refusal(change: impl FnOnce(&File), image: &[u8; 32]) -> String {
    let directory = tempfile::tempdir().unwrap();
    drop(Layer::open(directory.path(), &IMAGE).unwrap());
    let path = directory.path().join(FILE);
    change(&File::options().write(true).open(&path).unwrap());
    let before = fs::metadata(&path).unwrap().len();
    let text = Layer::open(directory.path(), image).unwrap_err().to_string();
    assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().len(), before, "a file that is refused is left alone");
    text
}

#[test]
fn what_is_written_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("new/state");
    let mut layer = Layer::open(&place, &IMAGE).unwrap();
    let last = layer.length() - 512;
    layer.write(last, &[7; 512]).unwrap();
    layer.flush().unwrap();
    drop(layer);
    let mut layer = Layer::open(&place, &IMAGE).unwrap();
    let mut sector = [0; 512];
    layer.read(last, &mut sector).unwrap();
    assert_eq!(sector, [7; 512]);
    layer.read(MAGIC_AT / 512 * 512, &mut sector).unwrap();
    assert_eq!(sector[(MAGIC_AT % 512) as usize..][..2], MAGIC.to_le_bytes());
    assert!(!place.join(PARTIAL).exists());
}

#[test]
fn one_run_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let layer = Layer::open(directory.path(), &IMAGE).unwrap();
    let text = Layer::open(directory.path(), &IMAGE).unwrap_err().to_string();
    assert_eq!(
        text,
        format!("{}: another run has this state: expected to be the only one", directory.path().display())
    );
    drop(layer);
    Layer::open(directory.path(), &IMAGE).unwrap();
}

#[test]
fn other_files_are_refused_with_what_was_expected() {
    let text = refusal(|_| (), &[0xcd; 32]);
    let expected = format!("expected image sha256:{}, found sha256:{}", "cd".repeat(32), "ab".repeat(32));
    assert!(text.ends_with(&expected), "{text}");
    for (change, what) in [
        ((|mut file| file.write_all(b"something else").unwrap()) as fn(&File), "begins with \"prelift layer 1\\nimage"),
        (|file| file.set_len(0).unwrap(), "found \"\""),
        (|file| file.set_len(50).unwrap(), "found \"prelift layer 1\\nimage sha256:abab"),
        (|file| file.set_len(1 << 20).unwrap(), "expected a size in bytes of 0x400001000, found 0x100000"),
        (
            |mut file| drop((file.seek(SeekFrom::Start(head::SIZE + 1024)), file.write_all(&[0; 512]))),
            "expected ext4's magic number 0xef53, found 0x0",
        ),
    ] {
        let text = refusal(change, &IMAGE);
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn what_a_killed_run_left_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(PARTIAL), vec![0xff; 1 << 20]).unwrap();
    drop(Layer::open(directory.path(), &IMAGE).unwrap());
    let mut layer = Layer::open(directory.path(), &IMAGE).unwrap();
    let mut byte = [1; 512];
    layer.read(512 << 10, &mut byte).unwrap();
    assert_eq!(byte, [0; 512], "nothing of what was there before");
    fs::create_dir(directory.path().join("taken")).unwrap();
    fs::create_dir(directory.path().join("taken").join(PARTIAL)).unwrap();
    let text = Layer::open(&directory.path().join("taken"), &IMAGE).unwrap_err().to_string();
    assert!(text.contains("layer.partial: "), "{text}");
}

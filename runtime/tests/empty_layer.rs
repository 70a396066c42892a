//! The file system of a new layer is what `mke2fs` makes of it, and `e2fsck` finds nothing wrong with it.
//!
//! `BLESS=1 cargo test --release -p runtime --test empty_layer` writes `src/host/layer/empty.txt`. Both commands are those of Debian's
//! e2fsprogs; other versions of it than the listing's may lay a file system out otherwise, so that it is compared with this one only.

use kernel_snapshot::testing::skipped;
use runtime::host::layer::Layer;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

const LISTING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/host/layer/empty.txt");
const VERSION: &str = "mke2fs 1.47.0";
const SIZE: u64 = 16 << 30;
/// Where a layer has its file system.
const HEAD: u64 = 4096;
const BLOCK: usize = 4096;

/// All blocks of tables in one place and none of them written (they are zeros), one superblock, a journal of 16 MiB, and nothing
/// that depends on when and where it is made.
#[rustfmt::skip]
const OPTIONS: &[&str] = &[
    "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "16384", "-G", "128", "-m", "0", "-J", "size=16",
    "-O", "none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super2,large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
    "-E", "hash_seed=70726c66-7400-4000-8000-000000000002,root_owner=0:0,assume_storage_prezeroed=1,num_backup_sb=0,nodiscard,packed_meta_blocks=1",
    "-U", "70726c66-7400-4000-8000-000000000001",
];

/// Zeros between two runs, and equal bytes that are counted.
const GAP: usize = 16;

/// Makes the file system; false where this version of the command is not there.
fn make(path: &Path) -> bool {
    let version = Command::new("mke2fs").arg("-V").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stderr).starts_with(VERSION)) {
        skipped(&format!("the listing of the empty layer is not compared: no {VERSION} here"));
        return false;
    }
    File::create(path).unwrap().set_len(SIZE).unwrap();
    let mut make = Command::new("mke2fs");
    make.args(OPTIONS).arg(path).env("MKE2FS_CONFIG", "/dev/null").env("E2FSPROGS_FAKE_TIME", "1704067200");
    let output = make.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// All that is not zero in a file.
fn listing(file: &File) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        at = rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(data)).unwrap();
        for address in (data..at).step_by(BLOCK) {
            let mut block = [0; BLOCK];
            file.read_exact_at(&mut block, address).unwrap();
            list_block(&mut text, address, &block);
        }
    }
    text
}

/// A line for each run of bytes without many zeros in between.
fn list_block(text: &mut String, address: u64, block: &[u8]) {
    let mut from = 0;
    while let Some(skipped) = block[from..].iter().position(|&byte| byte != 0) {
        let start = from + skipped;
        let zeros = block[start..].windows(GAP).position(|window| window.iter().all(|&byte| byte == 0));
        let end = zeros.map_or(block.len(), |zeros| start + zeros);
        let end = end - block[start..end].iter().rev().take_while(|&&byte| byte == 0).count();
        write!(text, "{:x}", address + start as u64).unwrap();
        list_bytes(text, &block[start..end]);
        text.push('\n');
        from = end;
    }
}

fn list_bytes(text: &mut String, bytes: &[u8]) {
    let mut after_count = true;
    for same in bytes.chunk_by(|a, b| a == b) {
        let counted = same.len() >= GAP;
        if counted || after_count {
            text.push(' ');
        }
        after_count = counted;
        match counted {
            true => write!(text, "{:02x}*{}", same[0], same.len()).unwrap(),
            false => same.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap()),
        }
    }
}

#[test]
fn it_is_what_mke2fs_makes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made");
    if !make(&path) {
        return;
    }
    let made = listing(&File::open(&path).unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(LISTING, &made).unwrap();
    }
    assert!(std::fs::read_to_string(LISTING).unwrap() == made, "empty.txt is not what mke2fs makes: BLESS=1 writes it");
}

#[test]
fn a_new_layer_is_sound_and_small() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    drop(Layer::open(directory.path(), &[1; 32]).unwrap());
    let path = directory.path().join("layer");
    let size = std::fs::metadata(&path).unwrap();
    assert!(size.len() == HEAD + SIZE && size.blocks() * 512 < 1 << 20, "{size:?}");
    let mut check = Command::new("e2fsck");
    match check.arg("-fn").arg(format!("{}?offset={HEAD}", path.display())).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(reason) => skipped(&format!("a new layer is not checked: e2fsck cannot be run: {reason}")),
    }
}

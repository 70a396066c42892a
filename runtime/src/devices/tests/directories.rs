//! The device that gives directories of the host, as its driver sees it.

use super::*;
use crate::devices::virtio::mock::INDIRECT_DESCRIPTORS;
use crate::devices::virtio::ninep::SharedDirectory;
use crate::host::tree::UnixTree;

const SLOT: usize = 4;
const TAG: u16 = 0x1234;

fn guest(directories: Vec<SharedDirectory>) -> Guest {
    let mut guest = Guest::new(Backends { directories: Some(directories), ..Backends::default() });
    guest.start(SLOT, 1, 1);
    guest
}

/// Sends a message of this type and these fields; type and fields of the reply.
fn ask(guest: &mut Guest, kind: u8, fields: &[&[u8]], room: usize) -> (u8, Vec<u8>) {
    let fields = fields.concat();
    let size = (7 + fields.len() as u32).to_le_bytes();
    guest.offer(SLOT, 0, &[&size[..], &[kind], &TAG.to_le_bytes(), &fields].concat(), room);
    let used = guest.used(SLOT, 0).expect("messages are answered at once");
    let reply = &used.bytes[..used.length as usize];
    assert_eq!((&reply[..4], &reply[5..7]), (&used.length.to_le_bytes()[..], &TAG.to_le_bytes()[..]));
    (reply[4], reply[7..].to_vec())
}

const FID: [u8; 4] = [1, 0, 0, 0];

#[test]
fn a_file_is_read_through_the_queue() {
    for indirect in [false, true] {
        let host = tempfile::tempdir().unwrap();
        std::fs::write(host.path().join("file"), "content").unwrap();
        let tree = Box::new(UnixTree::open(host.path()).unwrap());
        let mut guest = guest(vec![SharedDirectory { guest: "/data".into(), read_only: false, tree }]);
        guest.start(SLOT, if indirect { 1 | INDIRECT_DESCRIPTORS } else { 1 }, 1);
        guest.indirect = indirect;
        let tag: Vec<u8> = (0..2).flat_map(|word| guest.read(SLOT, 0x100 + 4 * word).to_le_bytes()).collect();
        assert_eq!((guest.read(SLOT, 8), &tag[..]), (9, &b"\x07\0prelif"[..]));
        assert_eq!(ask(&mut guest, 100, &[&[0, 32, 0, 0], b"\x08\09P2000.L"], 100).0, 101);
        assert_eq!(ask(&mut guest, 104, &[&FID, &[0xff; 4], &[0; 4], &[0; 4]], 100).0, 105);
        assert_eq!(ask(&mut guest, 110, &[&FID, &FID, &[2, 0], b"\x01\x000", b"\x04\0file"], 100).0, 111);
        assert_eq!(ask(&mut guest, 12, &[&FID, &[0; 4]], 100).0, 13);
        let read = |count: u32| [3u64.to_le_bytes().to_vec(), count.to_le_bytes().to_vec()].concat();
        assert_eq!(ask(&mut guest, 116, &[&FID, &read(100)], 100), (117, b"\x04\0\0\0tent".to_vec()));
        assert_eq!(ask(&mut guest, 116, &[&FID, &read(100)], 13), (117, b"\x02\0\0\0te".to_vec()), "as there is room");
        assert_eq!(ask(&mut guest, 24, &[&FID, &[0; 8]], 11), (7, vec![90, 0, 0, 0]), "EMSGSIZE");
        assert!(!guest.broken(SLOT));
    }
}

#[test]
fn messages_that_are_none() {
    let mut guest = guest(Vec::new());
    assert_eq!(ask(&mut guest, 120, &[&[0; 3]], 100), (7, vec![71, 0, 0, 0]), "EPROTO");
    assert_eq!(ask(&mut guest, 118, &[&vec![0; 600_000]], 100), (7, vec![90, 0, 0, 0]), "EMSGSIZE");
    assert!(!guest.broken(SLOT));
    guest.offer(SLOT, 0, &[6, 0, 0, 0, 120, 0], 100);
    assert!(guest.broken(SLOT), "no header");
    guest.start(SLOT, 1, 1);
    assert!(!guest.broken(SLOT));
    guest.offer(SLOT, 0, &[7, 0, 0, 0, 120, 0, 0], 10);
    assert!(guest.broken(SLOT), "no room for an error");
}

#[test]
fn a_device_without_directories_answers() {
    let mut guest = guest(Vec::new());
    assert_eq!(ask(&mut guest, 104, &[&FID, &[0xff; 4], &[0; 4], &[0; 4]], 100).0, 105);
    assert_eq!(ask(&mut guest, 110, &[&FID, &[2; 4], &[1, 0], b"\x01\x000"], 100), (7, vec![2, 0, 0, 0]), "ENOENT");
    guest.write(SLOT, 0x70, 0);
    guest.start(SLOT, 1, 1);
    assert_eq!(ask(&mut guest, 120, &[&FID], 100), (7, vec![9, 0, 0, 0]), "a reset forgets all fids");
}

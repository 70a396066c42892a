//! Block and entropy devices.

use super::*;
use std::io::Cursor;

const IN: u32 = 0;
const OUT: u32 = 1;

fn header(kind: u32, sector: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &[0; 4], &sector.to_le_bytes()].concat()
}

fn image() -> Vec<u8> {
    (0..256 * 512u32).map(|index| (index / 512 + index) as u8).collect()
}

fn with_disk(read_only: bool) -> Guest {
    let disk: Box<dyn Disk> = match read_only {
        true => Box::new(ReadOnlyDisk::new(Cursor::new(image()), "serial-7").unwrap()),
        false => Box::new(WritableDisk::new(Cursor::new(image()), "serial-7").unwrap()),
    };
    let mut guest = Guest::new(Backends { disk: Some(disk), ..Backends::default() });
    guest.start(1, 0, 1);
    guest
}

fn request(guest: &mut Guest, readable: &[u8], writable: usize) -> Used {
    guest.offer(1, 0, readable, writable);
    guest.used(1, 0).expect("requests complete at once")
}

#[test]
fn reads_what_was_written() {
    let mut guest = with_disk(false);
    assert_eq!(guest.read(1, 0x100), 256, "capacity in sectors");
    let all = request(&mut guest, &header(IN, 0), 256 * 512 + 1);
    assert_eq!(all.length, 256 * 512 + 1);
    assert!(all.bytes[..256 * 512] == image() && all.bytes[256 * 512] == 0);
    let data = vec![0xa5; 1024];
    assert_eq!(request(&mut guest, &[header(OUT, 254), data.clone()].concat(), 1), Used { length: 1, bytes: vec![0] });
    assert_eq!(request(&mut guest, &header(IN, 254), 1025).bytes[..1024], data);
    assert_eq!(request(&mut guest, &header(4, 0), 1).bytes, [0], "flush");
    let zero = [header(13, 0), 254u64.to_le_bytes().to_vec(), 1u32.to_le_bytes().to_vec(), vec![0; 4]].concat();
    assert_eq!(request(&mut guest, &zero, 1).bytes, [0]);
    assert_eq!(request(&mut guest, &header(IN, 254), 1025).bytes[..1024], [vec![0; 512], vec![0xa5; 512]].concat());
    assert_eq!(&request(&mut guest, &header(8, 0), 21).bytes[..9], b"serial-7\0");
}

#[test]
fn refuses_what_is_outside_or_unknown() {
    let mut guest = with_disk(true);
    let rows = [
        (header(IN, 255), 1025, 1),
        (header(IN, u64::MAX), 513, 1),
        (header(IN, 0), 100, 1),
        ([header(OUT, 0), vec![0; 512]].concat(), 1, 1),
        (header(77, 0), 1, 2),
    ];
    for (readable, writable, status) in rows {
        let used = request(&mut guest, &readable, writable);
        assert_eq!((used.bytes.last(), used.length), (Some(&status), 0), "{readable:?}");
    }
    assert!(!guest.broken(1));
    let mut guest = with_disk(false);
    let used = request(&mut guest, &[header(OUT, 256), vec![0; 512]].concat(), 1);
    assert_eq!(used.bytes, [1], "a file behind the disk must not grow");
}

#[test]
fn a_request_without_status_byte_needs_a_reset() {
    let mut guest = with_disk(true);
    guest.offer(1, 0, &header(IN, 0), 0);
    assert!(guest.broken(1));
    guest.start(1, 0, 1);
    assert!(!guest.broken(1));
}

#[test]
fn seeded_entropy_is_chacha20() {
    // RFC 8439, A.1, test vector 1: key, nonce and counter 0.
    let mut bytes = [0; 8];
    SeededEntropy::new([0; 32]).fill(&mut bytes);
    assert_eq!(bytes, [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
    let (mut whole, mut cut) = ([0; 200], [0; 200]);
    SeededEntropy::new([7; 32]).fill(&mut whole);
    let mut pieces = SeededEntropy::new([7; 32]);
    cut.chunks_mut(33).for_each(|piece| pieces.fill(piece));
    assert_eq!(whole, cut);
}

#[test]
fn entropy_fills_requests() {
    let mut guest =
        Guest::new(Backends { entropy: Some(Box::new(SeededEntropy::new([0; 32]))), ..Backends::default() });
    guest.start(2, 0, 1);
    guest.offer(2, 0, &[], 4);
    assert_eq!(guest.used(2, 0), Some(Used { length: 4, bytes: vec![0x76, 0xb8, 0xe0, 0xad] }));
}

#[test]
fn slots_without_backend_are_placeholders() {
    let mut guest = guest();
    let ids: Vec<u32> = (0..8).map(|slot| guest.read(slot, 0x08)).collect();
    assert_eq!(ids, [3, 0, 0, 0, 0, 0, 0, 0]);
    assert!((0..8).all(|slot| guest.read(slot, 0) == 0x7472_6976 && guest.read(slot, 4) == 2));
}

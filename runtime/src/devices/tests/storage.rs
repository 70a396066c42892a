//! Block and entropy devices.

use super::*;
use std::cell::RefCell;
use std::io::{self, Cursor};
use std::rc::Rc;

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

/// A disk of 256 sectors that notes what is asked of it, and fails from some sector on.
struct Noted {
    log: Rc<RefCell<Vec<String>>>,
    fails_from: u64,
}

impl Noted {
    fn note(&self, what: &str, offset: u64) -> io::Result<()> {
        self.log.borrow_mut().push(format!("{what} {}", offset / 512));
        if offset < 512 * self.fails_from { Ok(()) } else { Err(io::Error::other("no room on the host")) }
    }
}

impl Disk for Noted {
    fn length(&self) -> u64 {
        256 * 512
    }
    fn is_read_only(&self) -> bool {
        false
    }
    fn serial(&self) -> &str {
        "noted"
    }
    fn read(&mut self, offset: u64, _into: &mut [u8]) -> io::Result<()> {
        self.note("read", offset)
    }
    fn write(&mut self, offset: u64, _bytes: &[u8]) -> io::Result<()> {
        self.note("write", offset)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.note("flush", 0)
    }
    fn discard(&mut self, offset: u64, _length: u64) -> io::Result<()> {
        self.note("discard", offset)
    }
}

fn with_empty_drive() -> Guest {
    let mut guest = Guest::new(Backends { disk: Some(Box::new(EmptyDrive)), ..Backends::default() });
    guest.start(1, 0, 1);
    guest
}

#[test]
fn a_disk_is_put_in_later() {
    let mut guest = with_empty_drive();
    assert_eq!((guest.read(1, 0x100), guest.read(1, 0x60)), (0, 0), "no sectors, and nothing has changed");
    assert_eq!(request(&mut guest, &header(IN, 0), 513).bytes[512], 1);
    guest.write(1, 0x64, 1);
    assert!(guest.devices.insert_disk(Box::new(WritableDisk::new(Cursor::new(image()), "").unwrap())));
    assert_eq!((guest.read(1, 0x60), guest.read(1, 0xfc), guest.read(1, 0x100)), (2, 1, 256), "the driver is told");
    assert!(request(&mut guest, &header(IN, 3), 513).bytes[..512] == image()[3 * 512..4 * 512]);
    assert_eq!(request(&mut guest, &[header(OUT, 9), vec![7; 512]].concat(), 1).bytes, [0]);
    assert_eq!(request(&mut guest, &header(IN, 9), 513).bytes[..512], [7; 512]);
    assert!(!super::guest().devices.insert_disk(Box::new(EmptyDrive)), "a machine without the device");
}

#[test]
fn a_flush_comes_after_what_was_written_before_it() {
    let mut guest = with_empty_drive();
    let log = Rc::new(RefCell::new(Vec::new()));
    guest.devices.insert_disk(Box::new(Noted { log: Rc::clone(&log), fails_from: 256 }));
    let discard = [header(11, 0), 6u64.to_le_bytes().to_vec(), 1u32.to_le_bytes().to_vec(), vec![0; 4]].concat();
    let write = |sector| [header(OUT, sector), vec![1; 512]].concat();
    for asked in [write(5), header(4, 0), write(7), discard, header(4, 0)] {
        assert_eq!(request(&mut guest, &asked, 1).bytes, [0]);
    }
    assert_eq!(*log.borrow(), ["write 5", "flush 0", "write 7", "discard 6", "flush 0"]);
}

#[test]
fn an_error_of_the_storage_is_the_guests_and_is_told() {
    let mut guest = with_empty_drive();
    guest.devices.insert_disk(Box::new(Noted { log: Rc::default(), fails_from: 9 }));
    assert_eq!(request(&mut guest, &[header(OUT, 8), vec![1; 512]].concat(), 1).bytes, [0]);
    assert_eq!(request(&mut guest, &[header(OUT, 9), vec![1; 512]].concat(), 1).bytes, [1]);
    assert_eq!(request(&mut guest, &header(IN, 9), 513).bytes[512], 1);
    let told = guest.devices.take_log();
    assert_eq!(told, ["virtio blk: write: no room on the host", "virtio blk: read: no room on the host"]);
    assert_eq!(guest.read(1, 0x70) & 0x40, 0, "the device goes on");
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
    assert_eq!(ids, [3, 0, 0, 0, 0, 24, 0, 0]);
    assert!((0..8).all(|slot| guest.read(slot, 0) == 0x7472_6976 && guest.read(slot, 4) == 2));
}

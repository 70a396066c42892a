//! The memory device: blocks that are offered, plugged, unplugged and asked for.

use super::*;
use crate::memory::{ADDED_BASE, ADDED_BLOCK, ADDED_REGION};

const SLOT: usize = 5;
const PLUG: u16 = 0;
const UNPLUG: u16 = 1;
const UNPLUG_ALL: u16 = 2;
const STATE: u16 = 3;

/// A request for `count` blocks, from an address of the region on.
fn request(guest: &mut Guest, kind: u16, offset: u64, count: u16) -> (u8, u8) {
    let words = [kind.into(), ADDED_BASE.0.wrapping_add(offset), count.into()];
    let readable: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    guest.offer(SLOT, 0, &readable, 10);
    let used = guest.used(SLOT, 0).expect("requests complete at once");
    assert_eq!((used.length, &used.bytes[1..8]), (10, &[0; 7][..]));
    (used.bytes[0], used.bytes[8])
}

/// A field of the configuration space.
fn config(guest: &mut Guest, offset: u64) -> u64 {
    let (low, high) = (guest.read(SLOT, 0x100 + offset), guest.read(SLOT, 0x104 + offset));
    u64::from(high) << 32 | u64::from(low)
}

/// Bytes that may be used, that are plugged, and that are to be.
fn sizes(guest: &mut Guest) -> [u64; 3] {
    [32, 40, 48].map(|offset| config(guest, offset) / ADDED_BLOCK)
}

fn offered(blocks: u64) -> Guest {
    let mut guest = guest();
    guest.start(SLOT, 0, 1);
    guest.devices.add_memory(blocks * ADDED_BLOCK);
    guest
}

#[test]
fn memory_is_offered_to_a_driver_that_waits() {
    let mut guest = guest();
    guest.start(SLOT, 0, 1);
    let fixed = [0, 8, 16, 24].map(|offset| config(&mut guest, offset));
    assert_eq!(fixed, [ADDED_BLOCK, 0, ADDED_BASE.0, ADDED_REGION]);
    assert_eq!(
        (sizes(&mut guest), guest.read(SLOT, 0x60)),
        ([0, 0, 0], 0),
        "nothing at first, and nothing has changed"
    );
    assert_eq!(request(&mut guest, PLUG, 0, 1), (3, 0));
    guest.write(SLOT, 0x64, 1);
    guest.devices.add_memory(3 * ADDED_BLOCK);
    assert_eq!((guest.read(SLOT, 0x60), guest.read(SLOT, 0xfc)), (2, 1), "the driver is told");
    assert_eq!(sizes(&mut guest), [3, 0, 3]);
    assert_eq!(request(&mut guest, PLUG, 0, 2), (0, 0));
    assert_eq!(sizes(&mut guest), [3, 2, 3]);
}

#[test]
fn blocks_have_states() {
    let mut guest = offered(4);
    #[rustfmt::skip]
    let rows = [
        (PLUG,       1, 2, (0, 0)),
        (STATE,      1, 2, (0, 0)),
        (STATE,      0, 1, (0, 1)),
        (STATE,      0, 4, (0, 2)),
        (PLUG,       2, 2, (3, 0)),   // one of them is plugged
        (UNPLUG,     0, 2, (3, 0)),   // one of them is not
        (UNPLUG,     1, 1, (0, 0)),
        (STATE,      1, 1, (0, 1)),
        (PLUG,       3, 1, (0, 0)),
        (UNPLUG_ALL, 9, 9, (0, 0)),
        (STATE,      0, 4, (0, 1)),
        (PLUG,       0, 4, (0, 0)),
    ];
    for (kind, first, count, expected) in rows {
        assert_eq!(request(&mut guest, kind, first * ADDED_BLOCK, count), expected, "{kind} {first} {count}");
    }
    guest.start(SLOT, 0, 1);
    assert_eq!(sizes(&mut guest), [4, 4, 4], "what is plugged stays over a reset");
}

#[test]
fn requests_outside_are_errors() {
    let mut guest = offered(32);
    for kind in [PLUG, UNPLUG, STATE, 4, u16::MAX] {
        for (offset, count) in [
            (0, 0),
            (4096, 1),
            (0, 33),
            (31 * ADDED_BLOCK, 2),
            (31 * ADDED_BLOCK, u16::MAX),
            (ADDED_REGION, 1),
            (0u64.wrapping_sub(ADDED_BLOCK), 1),
            ((u64::MAX - ADDED_BASE.0) & !(ADDED_BLOCK - 1), u16::MAX),
        ] {
            assert_eq!(request(&mut guest, kind, offset, count), (3, 0), "{kind} {offset:#x} {count}");
        }
    }
    assert_eq!(request(&mut guest, PLUG, 0, 32), (0, 0));
    assert_eq!(sizes(&mut guest), [32; 3]);
    guest.offer(SLOT, 0, &[0; 23], 10);
    assert!(guest.broken(SLOT), "a request that is cut");
    guest.start(SLOT, 0, 1);
    guest.offer(SLOT, 0, &[0; 24], 9);
    assert!(guest.broken(SLOT), "no room for the answer");
}

#[test]
fn a_loaded_device_has_its_blocks() {
    let saved = |devices: &Devices| {
        let mut writer = Writer::new();
        devices.save(&mut writer);
        writer.into_bytes()
    };
    let mut guest = offered(5);
    request(&mut guest, PLUG, ADDED_BLOCK, 2);
    let bytes = saved(&guest.devices);
    guest.devices = Devices::load(&mut Reader::new(&bytes), Backends::default()).unwrap();
    assert!(saved(&guest.devices) == bytes);
    assert_eq!(request(&mut guest, STATE, ADDED_BLOCK, 2), (0, 0));
    assert_eq!(sizes(&mut guest), [5, 2, 5]);
    let plugged = bytes.windows(8).rposition(|word| word == [5, 0, 0, 0, 6, 0, 0, 0]).unwrap() + 4;
    let mut damaged = bytes;
    damaged[plugged] |= 1 << 5;
    let error = Devices::load(&mut Reader::new(&damaged), Backends::default()).err().unwrap().to_string();
    assert!(error.contains("plugged blocks among those that are offered"), "{error}");
}

//! Rings that a driver should never make: each asks for a reset, and none panics or hangs.

use super::*;
use crate::devices::virtio::mock::{INDIRECT_DESCRIPTORS, QUEUE_SIZE};

const TRANSMIT: usize = 1;

/// Starts the console, lets `damage` write descriptors, and offers descriptor `head`.
fn offered(head: u16, damage: impl FnOnce(&mut Guest, u64)) -> Guest {
    let mut guest = guest();
    guest.start(0, INDIRECT_DESCRIPTORS, 2);
    damage(&mut guest, Guest::table(0, TRANSMIT));
    guest.make_available(0, TRANSMIT, head);
    guest
}

#[test]
fn loops_and_wrong_shapes() {
    type Row = (&'static str, &'static [(u16, (u64, u32), u16, u16)]);
    #[rustfmt::skip]
    let rows: [Row; 10] = [
        ("loop of one",             &[(0, (0x1000, 1), 1, 0)]),
        ("loop of two",             &[(0, (0x1000, 1), 1, 1), (1, (0x1000, 1), 1, 0)]),
        ("next outside",            &[(0, (0x1000, 1), 1, 16)]),
        ("address outside",         &[(0, (0x40_0000, 1), 0, 0)]),
        ("address wraps",           &[(0, (u64::MAX, 2), 0, 0)]),
        ("length outside",          &[(0, (0x1000, u32::MAX), 0, 0)]),
        ("readable after writable", &[(0, (0x1000, 1), 3, 1), (1, (0x1000, 1), 0, 0)]),
        ("indirect and next",       &[(0, (0x1000, 16), 5, 1)]),
        ("indirect of no length",   &[(0, (0x1000, 0), 4, 0)]),
        ("indirect too long",       &[(0, (0x1000, 17 * 16), 4, 0)]),
    ];
    for (name, descriptors) in rows {
        let mut guest = offered(0, |guest, table| {
            for &(index, buffer, flags, next) in descriptors {
                guest.descriptor(table, index, buffer, flags, next);
            }
        });
        // A buffer partly outside memory is found when its bytes are taken.
        while !guest.devices.take_output(&mut guest.ram, Stream::Terminal).is_empty() {}
        assert!(guest.broken(0), "{name}");
        assert_eq!(guest.read(0, 0x60) & 2, 2, "{name}: the driver is told");
    }
}

#[test]
fn indirect_inside_indirect() {
    let mut guest = offered(0, |guest, table| {
        guest.descriptor(table, 0, (0x1000, 16), 4, 0);
        guest.descriptor(0x1000, 0, (0x1100, 16), 4, 0);
        guest.descriptor(0x1100, 0, (0x1200, 1), 0, 0);
    });
    assert!(guest.broken(0));
}

#[test]
fn an_indirect_table_may_end_a_chain() {
    let mut guest = offered(0, |guest, table| {
        guest.descriptor(table, 0, (0x1200, 3), 1, 1);
        guest.descriptor(table, 1, (0x1000, 16), 4, 0);
        guest.descriptor(0x1000, 0, (0x1203, 2), 0, 0);
        guest.ram.0[0x1200..0x1205].copy_from_slice(b"chain");
    });
    assert_eq!(guest.devices.take_output(&mut guest.ram, Stream::Terminal), b"chain");
}

#[test]
fn heads_and_indices_outside() {
    assert!(offered(QUEUE_SIZE, |_, _| {}).broken(0));
    assert!(offered(0, |guest, table| guest.put_u16(table + 0x402, 100)).broken(0));
}

#[test]
fn an_empty_buffer_is_a_request_like_any_other() {
    let mut guest = offered(0, |guest, table| guest.descriptor(table, 0, (0x1000, 0), 0, 0));
    assert!(!guest.broken(0));
    assert_eq!(guest.get_u16(Guest::table(0, TRANSMIT) + 0x802), 1);
}

#[test]
fn unsound_queues_are_refused() {
    for (offset, value) in [(0x38, 3), (0x38, 0), (0x38, 0x1_0010), (0x38, 128), (0x80, 0x1001), (0xa4, u32::MAX)] {
        let mut guest = guest();
        guest.start(0, 0, 0);
        guest.write(0, offset, value);
        guest.write(0, 0xa0, u32::MAX - 3);
        guest.write(0, 0x44, 1);
        assert!(guest.broken(0), "{offset:#x} = {value:#x}");
        assert_eq!(guest.read(0, 0x44), 0);
    }
}

#[test]
fn any_register_write_is_survived() {
    let mut source = SeededEntropy::new([1; 32]);
    let entropy = Some(Box::new(SeededEntropy::new([2; 32])) as _);
    let disk = Some(Box::new(EmptyDrive) as _);
    let mut guest = Guest::new(Backends { disk, entropy, directories: Some(Vec::new()), image: None });
    for round in 0..40_000u32 {
        let mut bytes = [0; 16];
        source.fill(&mut bytes);
        let value = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let offset = u64::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let base = [virtio::MMIO_BASE + 0x1000 * u64::from(bytes[10] & 7), IOAPIC_BASE, LAPIC_BASE];
        let gpa = Gpa(base[usize::from(bytes[11] % 3)] + offset % 0x400);
        let width = Width::from_bytes(1 << (bytes[12] & 3)).unwrap();
        let value = if bytes[13] & 1 == 0 { value & 0x1f } else { value };
        let now = u64::from(round) * 1000;
        guest.devices.mmio_write(&mut guest.ram, now, gpa, width, value);
        guest.devices.mmio_read(now, gpa, width);
        let port = [0x20, 0x40, 0x60, 0x70, 0xa0, 0x3f8, 0x4d0][usize::from(bytes[14] % 7)] + u16::from(bytes[15] & 7);
        guest.devices.port_write(now, port, width, value as u32);
        guest.devices.port_read(now, port, width);
        guest.devices.acknowledge();
        guest.devices.next_deadline();
    }
    assert!(guest.devices.take_log().len() <= 257);
}

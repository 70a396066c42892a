//! Saved and loaded devices go on as the originals; a damaged snapshot is an error.

use super::*;
use crate::memory::ImageSource;
use std::io::Cursor;

fn backends() -> Backends {
    Backends {
        disk: Some(Box::new(ReadOnlyDisk::new(Cursor::new(vec![0; 4096]), "x").unwrap())),
        entropy: Some(Box::new(SeededEntropy::new([3; 32]))),
        directories: Some(Vec::new()),
        image: Some(ImageSource::of_bytes(vec![7; 4096])),
    }
}

/// A guest with something under way in every device.
fn busy() -> Guest {
    let mut guest = Guest::new(backends());
    super::interrupts::enable(&mut guest.devices);
    super::interrupts::route(&mut guest.devices, 5, 0x55);
    guest.start(0, 0, 2);
    guest.start(1, 0, 1);
    guest.start(2, 0, 1);
    guest.offer(0, 1, b"undelivered", 0);
    guest.devices.push_input(&mut guest.ram, Stream::Terminal, b"input");
    guest.devices.push_input(&mut guest.ram, Stream::Serial, b"serial");
    guest.offer(2, 0, &[], 10);
    guest.used(2, 0);
    guest.devices.port_write(0, 0x43, Width::Byte, 0x34);
    guest.devices.port_write(0, 0x40, Width::Byte, 0x77);
    guest
}

fn saved(devices: &Devices) -> Vec<u8> {
    let mut writer = Writer::new();
    devices.save(&mut writer);
    writer.into_bytes()
}

#[test]
fn a_loaded_machine_goes_on() {
    let mut guest = busy();
    let bytes = saved(&guest.devices);
    guest.devices = Devices::load(&mut Reader::new(&bytes), backends()).unwrap();
    assert!(saved(&guest.devices) == bytes, "saving again gives the same bytes");
    assert_eq!(guest.devices.acknowledge(), Some(0x55));
    assert_eq!(guest.devices.take_output(&mut guest.ram, Stream::Terminal), b"undelivered");
    guest.offer(0, 0, &[], 5);
    assert_eq!(guest.used(0, 0).unwrap().bytes, b"input");
    assert_eq!(guest.devices.port_read(0, 0x3f8, Width::Byte), u32::from(b's'));
    guest.offer(2, 0, &[], 4);
    let mut expected = [0; 14];
    SeededEntropy::new([3; 32]).fill(&mut expected);
    assert_eq!(guest.used(2, 0).unwrap().bytes, expected[10..], "the generator goes on where it was");
}

#[test]
fn a_disk_of_another_size_is_announced() {
    let guest = busy();
    let disk = Some(Box::new(ReadOnlyDisk::new(Cursor::new(vec![0; 8192]), "x").unwrap()) as Box<dyn Disk>);
    let bytes = saved(&guest.devices);
    let mut guest = Guest::new(Backends::default());
    guest.devices = Devices::load(&mut Reader::new(&bytes), Backends { disk, ..backends() }).unwrap();
    assert_eq!((guest.read(1, 0x60), guest.read(1, 0xfc), guest.read(1, 0x100)), (2, 1, 16));
}

#[test]
fn backends_have_to_match() {
    let bytes = saved(&busy().devices);
    let error = Devices::load(&mut Reader::new(&bytes), Backends::default()).err().unwrap();
    assert!(error.to_string().contains("device ID of the backend"), "{error}");
}

#[test]
fn damage_is_an_error_or_harmless() {
    let bytes = saved(&busy().devices);
    for length in 0..bytes.len() {
        assert!(Devices::load(&mut Reader::new(&bytes[..length]), backends()).is_err(), "cut at {length}");
    }
    for position in 0..bytes.len() {
        for value in [0xff, 0x80, bytes[position] ^ 1] {
            let mut damaged = bytes.clone();
            damaged[position] = value;
            let Ok(devices) = Devices::load(&mut Reader::new(&damaged), backends()) else { continue };
            let mut guest = Guest::new(Backends::default());
            guest.devices = devices;
            (0..3).for_each(|slot| guest.write(slot, 0x50, 0));
            guest.write(0, 0x50, 1);
            guest.devices.push_input(&mut guest.ram, Stream::Terminal, b"more");
            for port in [0x20, 0x40, 0x42, 0x61, 0x71, 0x3f8, 0x3fa, 0x3fd] {
                guest.devices.port_read(5000, port, Width::Byte);
            }
            guest.devices.advance(u64::MAX);
            guest.devices.next_deadline();
            while guest.devices.acknowledge().is_some() {}
        }
    }
}

//! The multi-port console: handshake, input after open, end of input after the last byte, bounded output.

use super::*;

const MULTIPORT: u64 = 2;
const STDIN: u32 = 2;
const RECEIVE: usize = 6;
const TRANSMIT_STDOUT: usize = 9;

fn control(id: u32, event: u16, value: u16) -> Vec<u8> {
    [&id.to_le_bytes()[..], &event.to_le_bytes(), &value.to_le_bytes()].concat()
}

fn message(guest: &mut Guest) -> Option<Vec<u8>> {
    guest.used(0, 2).map(|used| used.bytes[..used.length as usize].to_vec())
}

/// A guest that has gone through the handshake of all five ports.
fn started(features: u64) -> Guest {
    let mut guest = guest();
    guest.indirect = features & crate::devices::virtio::mock::INDIRECT_DESCRIPTORS != 0;
    guest.start(0, MULTIPORT | features, 12);
    (0..4).for_each(|_| guest.offer(0, 2, &[], 64));
    guest.offer(0, 3, &control(0, 0, 1), 0);
    (0..12).for_each(|_| guest.offer(0, 2, &[], 64));
    for id in 0..5 {
        assert_eq!(message(&mut guest), Some(control(id, 1, 0)), "PORT_ADD, although buffers ran out meanwhile");
    }
    guest
}

#[test]
fn handshake_names_ports_in_order() {
    let mut guest = started(0);
    guest.offer(0, 3, &control(0, 3, 1), 0);
    assert_eq!(message(&mut guest), Some(control(0, 4, 1)), "CONSOLE_PORT");
    assert_eq!(message(&mut guest), Some(control(0, 6, 1)), "PORT_OPEN");
    assert_eq!(message(&mut guest), Some([control(0, 5, 1), vec![80, 0, 24, 0]].concat()), "RESIZE");
    guest.offer(0, 3, &control(STDIN, 3, 1), 0);
    assert_eq!(message(&mut guest), Some([control(STDIN, 7, 1), b"prelift.stdin".to_vec()].concat()));
    assert_eq!(message(&mut guest), Some(control(STDIN, 6, 1)));
    assert_eq!(message(&mut guest), None);
}

#[test]
fn port_names_are_the_channels() {
    assert_eq!(crate::devices::virtio::console::PORT_NAMES[1], channel::CONFIG_PORT);
    assert_eq!(crate::devices::virtio::console::PORT_NAMES[2..], channel::STDIO_PORTS);
}

#[test]
fn input_waits_for_the_open_and_its_end_for_the_last_byte() {
    for features in [0, crate::devices::virtio::mock::EVENT_INDEX | crate::devices::virtio::mock::INDIRECT_DESCRIPTORS]
    {
        let mut guest = started(features);
        guest.offer(0, 3, &control(STDIN, 3, 1), 0);
        while message(&mut guest).is_some() {}
        guest.offer(0, RECEIVE, &[], 4);
        assert_eq!(guest.devices.push_input(&mut guest.ram, Stream::Stdin, b"hello"), 5);
        guest.devices.close_input(&mut guest.ram, Stream::Stdin);
        assert_eq!(guest.devices.push_input(&mut guest.ram, Stream::Stdin, b"late"), 0);
        assert_eq!(guest.used(0, RECEIVE), None, "Linux would throw it away before the open");
        guest.offer(0, 3, &control(STDIN, 6, 1), 0);
        assert_eq!(guest.used(0, RECEIVE), Some(Used { length: 4, bytes: b"hell".to_vec() }));
        assert_eq!(message(&mut guest), None, "one byte is still here");
        guest.offer(0, RECEIVE, &[], 4);
        assert_eq!(guest.used(0, RECEIVE), Some(Used { length: 1, bytes: b"o\0\0\0".to_vec() }));
        assert_eq!(message(&mut guest), Some(control(STDIN, 6, 0)));
        guest.devices.reopen_input(&mut guest.ram, Stream::Stdin);
        assert_eq!(message(&mut guest), Some(control(STDIN, 6, 1)));
    }
}

#[test]
fn output_is_bounded_and_complete() {
    #[derive(Default)]
    struct Collect(Vec<u8>);
    impl OutputSink for Collect {
        fn write(&mut self, stream: Stream, bytes: &[u8]) {
            assert_eq!(stream, Stream::Stdout);
            assert!(bytes.len() <= 64 << 10);
            self.0.extend(bytes);
        }
    }
    let mut guest = started(0);
    let data: Vec<u8> = (0..200_000u32).map(|index| (index % 251) as u8).collect();
    guest.offer(0, TRANSMIT_STDOUT, b"head", 0);
    assert!(guest.used(0, TRANSMIT_STDOUT).is_some());
    guest.offer(0, TRANSMIT_STDOUT, &data, 0);
    guest.offer(0, TRANSMIT_STDOUT, b"tail", 0);
    assert_eq!(guest.used(0, TRANSMIT_STDOUT), None, "the request is larger than what may pile up");
    let mut collect = Collect::default();
    guest.devices.flush_output(&mut guest.ram, &mut collect);
    assert!(collect.0 == [b"head", &data[..], b"tail"].concat());
    assert!(guest.used(0, TRANSMIT_STDOUT).is_some() && guest.used(0, TRANSMIT_STDOUT).is_some());
    assert!(!guest.devices.has_output());
}

#[test]
fn input_queue_is_bounded() {
    let mut guest = guest();
    let taken = guest.devices.push_input(&mut guest.ram, Stream::Config, &vec![0; 100_000]);
    assert_eq!((taken, guest.devices.input_space(Stream::Config)), (64 << 10, 0));
}

#[test]
fn a_driver_without_ports_has_a_plain_console() {
    let mut guest = guest();
    guest.start(0, 0, 2);
    guest.offer(0, 0, &[], 8);
    guest.devices.push_input(&mut guest.ram, Stream::Terminal, b"hi");
    assert_eq!(guest.used(0, 0).unwrap().length, 2);
    guest.offer(0, 1, b"out", 0);
    assert_eq!(guest.devices.take_output(&mut guest.ram, Stream::Terminal), b"out");
}

#[test]
fn event_index_suppresses_interrupts() {
    let mut guest = guest();
    guest.start(0, crate::devices::virtio::mock::EVENT_INDEX, 2);
    let used_event = Guest::table(0, 1) + 0x400 + 4 + 2 * 16;
    guest.put_u16(used_event, 1);
    guest.offer(0, 1, b"a", 0);
    assert_eq!(guest.read(0, 0x60), 0, "the driver asked for an interrupt after the second");
    guest.offer(0, 1, b"b", 0);
    assert_eq!(guest.read(0, 0x60), 1);
    let available_event = Guest::table(0, 1) + 0x800 + 4 + 8 * 16;
    assert_eq!(guest.get_u16(available_event), 2, "the device wants to hear of the third");
}

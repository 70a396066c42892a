//! The serial port as Linux's 8250 driver probes and uses it.

use super::*;

fn read(devices: &mut Devices, register: u16) -> u8 {
    devices.port_read(0, 0x3f8 + register, Width::Byte) as u8
}

fn write(devices: &mut Devices, register: u16, value: u8) {
    devices.port_write(0, 0x3f8 + register, Width::Byte, u32::from(value));
}

/// Devices whose GSI 4 gives vector 0x44, level-triggered, so that the line shows.
fn devices() -> Devices {
    let mut devices = Devices::new(1_000_000, 0, Backends::default());
    super::interrupts::enable(&mut devices);
    super::interrupts::route(&mut devices, 4, 0x44 | 1 << 15);
    devices
}

/// Whether the line is high: takes the interrupt, if there is one, and ends it.
fn interrupts(devices: &mut Devices) -> bool {
    let vector = devices.acknowledge();
    if vector.is_some() {
        super::interrupts::end(devices);
    }
    vector.is_some() && devices.pending_interrupt().is_some()
}

#[test]
fn probes_as_16550a() {
    let devices = &mut devices();
    write(devices, 1, 0xff);
    assert_eq!(read(devices, 1), 0x0f, "no sleep mode, no DMA");
    write(devices, 1, 0);
    write(devices, 4, 0x1a);
    assert_eq!(read(devices, 6) & 0xf0, 0x90, "loop-back of OUT2 and RTS");
    write(devices, 4, 0);
    write(devices, 2, 1);
    assert_eq!(read(devices, 2), 0xc1);
    write(devices, 3, 0x80);
    write(devices, 1, 0x12);
    assert_eq!(read(devices, 1), 0x12, "divisor latch");
    write(devices, 3, 3);
    assert_eq!(read(devices, 1), 0);
}

#[test]
fn transmits_with_interrupts() {
    let devices = &mut devices();
    write(devices, 4, 8);
    assert!(!interrupts(devices));
    write(devices, 1, 2);
    assert!(interrupts(devices), "enabling it while the transmitter is empty raises it");
    assert_eq!(read(devices, 2) & 0xf, 2);
    super::interrupts::drain(devices);
    assert!(!interrupts(devices), "reading the identification clears it");
    write(devices, 0, b'x');
    assert!(interrupts(devices));
    let mut ram = Ram(Vec::new());
    assert_eq!(devices.take_output(&mut ram, Stream::Serial), b"x");
}

#[test]
fn an_edge_comes_with_a_rising_line_alone() {
    let devices = &mut devices();
    let mut ram = Ram(Vec::new());
    super::interrupts::route(devices, 4, 0x44);
    write(devices, 4, 8);
    write(devices, 1, 1);
    devices.push_input(&mut ram, Stream::Serial, b"1");
    assert_eq!(devices.acknowledge(), Some(0x44));
    super::interrupts::end(devices);
    devices.push_input(&mut ram, Stream::Serial, b"2");
    assert_eq!(devices.pending_interrupt(), None, "the line was high already");
}

#[test]
fn receives_with_interrupts() {
    let devices = &mut devices();
    let mut ram = Ram(Vec::new());
    write(devices, 4, 8);
    write(devices, 2, 0x81);
    write(devices, 1, 1);
    devices.push_input(&mut ram, Stream::Serial, b"1234567");
    assert!(interrupts(devices));
    assert_eq!(read(devices, 2) & 0xf, 0xc, "below the trigger of 8: time-out");
    devices.push_input(&mut ram, Stream::Serial, b"8");
    assert_eq!(read(devices, 2) & 0xf, 4);
    let got: Vec<u8> = (0..8).map(|_| read(devices, 0)).collect();
    assert_eq!(got, b"12345678");
    assert_eq!(read(devices, 5), 0x60, "no data, transmitter empty");
    super::interrupts::drain(devices);
    assert!(!interrupts(devices));
}

#[test]
fn a_host_that_takes_nothing_keeps_the_transmitter_busy() {
    let devices = &mut devices();
    let mut ram = Ram(Vec::new());
    for _ in 0..64 << 10 {
        assert_eq!(read(devices, 5), 0x60);
        write(devices, 0, b'x');
    }
    assert_eq!(read(devices, 5), 0);
    assert_eq!(devices.take_output(&mut ram, Stream::Serial).len(), 64 << 10);
    assert_eq!(read(devices, 5), 0x60);
}

//! Interval timer, CMOS clock, paravirtual clock, resets.

use super::*;

const KHZ: u32 = 1_000_000;

fn read(devices: &mut Devices, now: u64, port: u16) -> u8 {
    devices.port_read(now, port, Width::Byte) as u8
}

fn write(devices: &mut Devices, now: u64, port: u16, value: u8) {
    devices.port_write(now, port, Width::Byte, u32::from(value));
}

/// The TSC tick at which the interval timer has made `ticks` ticks.
fn tsc(ticks: u64) -> u64 {
    (ticks * 1_000_000_000).div_ceil(1_193_182)
}

#[test]
fn channel_2_counts_down_for_calibration() {
    let mut devices = Devices::new(KHZ, 0, Backends::default());
    write(&mut devices, 0, 0x61, 0);
    write(&mut devices, 0, 0x43, 0xb0);
    write(&mut devices, 0, 0x42, 0xe8);
    write(&mut devices, 0, 0x42, 0x03);
    assert_eq!(read(&mut devices, tsc(5000), 0x61) & 0x20, 0, "the gate is closed");
    write(&mut devices, tsc(5000), 0x61, 1);
    assert_eq!(read(&mut devices, tsc(5999), 0x61) & 0x20, 0);
    write(&mut devices, tsc(5400), 0x43, 0x80);
    let latched = [0, 1].map(|_| read(&mut devices, tsc(5900), 0x42));
    assert_eq!(u16::from_le_bytes(latched), 600);
    assert_eq!(read(&mut devices, tsc(6000), 0x61) & 0x20, 0x20, "terminal count");
}

#[test]
fn channel_0_interrupts_at_its_rate() {
    let mut devices = Devices::new(KHZ, 0, Backends::default());
    super::interrupts::enable(&mut devices);
    write(&mut devices, 0, 0x43, 0x34);
    write(&mut devices, 0, 0x40, 0xe8);
    write(&mut devices, 0, 0x40, 0x03);
    assert_eq!(devices.next_deadline(), None, "nobody would hear it");
    super::interrupts::route(&mut devices, 0, 0x33);
    for period in 1..4 {
        assert_eq!(devices.next_deadline(), Some(tsc(period * 1000)));
        devices.advance(tsc(period * 1000) - 1);
        assert_eq!(devices.pending_interrupt(), None);
        devices.advance(tsc(period * 1000));
        assert_eq!(devices.acknowledge(), Some(0x33));
        super::interrupts::end(&mut devices);
    }
    write(&mut devices, tsc(3000), 0x43, 0x30);
    assert_eq!(devices.next_deadline(), None, "a new mode stops it");
}

#[test]
fn square_wave() {
    let mut devices = Devices::new(KHZ, 0, Backends::default());
    for (port, value) in [(0x61, 1), (0x43, 0xb6), (0x42, 10), (0x42, 0)] {
        write(&mut devices, 0, port, value);
    }
    let mut sample = |tick| {
        let output = read(&mut devices, tsc(tick), 0x61) >> 5 & 1;
        let count = [0, 1].map(|_| read(&mut devices, tsc(tick), 0x42));
        (output, u16::from_le_bytes(count))
    };
    assert_eq!([0, 1, 4, 5, 9, 10].map(&mut sample), [(1, 10), (1, 8), (1, 2), (0, 10), (0, 2), (1, 10)]);
}

#[test]
fn counts_in_bcd_and_reads_status_back() {
    let mut devices = Devices::new(KHZ, 0, Backends::default());
    write(&mut devices, 0, 0x43, 0x35);
    write(&mut devices, 0, 0x40, 0x00);
    write(&mut devices, 0, 0x40, 0x10);
    let now = tsc(1);
    write(&mut devices, now, 0x43, 0xc2);
    assert_eq!(read(&mut devices, now, 0x40), 0xb5, "output, access, mode 2, BCD");
    assert_eq!([read(&mut devices, now, 0x40), read(&mut devices, now, 0x40)], [0x99, 0x09]);
}

#[test]
fn cmos_tells_the_date() {
    // 2024-02-29 23:59:58 UTC, a Thursday.
    let mut devices = Devices::new(KHZ, 1_709_251_198 * 1_000_000_000, Backends::default());
    let mut time = |now| {
        [0x32u8, 0x09, 0x08, 0x07, 0x06, 0x04, 0x02, 0x00].map(|index| {
            write(&mut devices, now, 0x70, index);
            read(&mut devices, now, 0x71)
        })
    };
    assert_eq!(time(0), [0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x58]);
    assert_eq!(time(2_000_000_000), [0x20, 0x24, 0x03, 0x01, 6, 0, 0, 0]);
}

#[test]
fn paravirtual_clock() {
    assert_eq!(clock::tsc_scale(1_000_000), (1 << 31, 1));
    let mut ram = Ram(vec![0; 64]);
    let time = clock::SystemTime { tsc: 7, system_ns: 9, tsc_khz: 3_000_000, stopped: true };
    let gpa = clock::system_time_address(0x11).unwrap();
    clock::write_system_time(&mut ram, gpa, &time).unwrap();
    clock::write_system_time(&mut ram, gpa, &time).unwrap();
    let field = |start: usize| u32::from_le_bytes(ram.0[start..start + 4].try_into().unwrap());
    assert_eq!([field(16), field(24), field(32)], [4, 7, 9], "version, TSC, system time");
    assert_eq!((ram.0[44] as i8, ram.0[45]), (-1, 3));
    assert_eq!(((3_000_000_000u64 >> 1) * u64::from(field(40))) >> 32, 999_999_999);
    clock::write_wall_clock(&mut ram, Gpa(0), 5_000_000_006).unwrap();
    assert_eq!(ram.0[..12], [2, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0]);
    assert!(clock::write_system_time(&mut ram, Gpa(40), &time).is_err());
    assert!(clock::write_wall_clock(&mut ram, Gpa(u64::MAX), 0).is_err());
    assert_eq!(clock::ClockMsr::from_index(0x12), Some(clock::ClockMsr::SystemTime));
}

#[test]
fn resets_and_empty_ports() {
    let mut devices = Devices::new(KHZ, 0, Backends::default());
    for (port, value) in [(0x64, 0xfe), (0xcf9, 6), (0x92, 1)] {
        assert_eq!(devices.take_request(), None);
        write(&mut devices, 0, port, value);
        assert_eq!(devices.take_request(), Some(Request::Reset), "{port:#x}");
    }
    devices.set_tracing(true);
    assert_eq!(devices.port_read(0, 0xcfc, Width::Dword), u32::MAX);
    assert_eq!(devices.port_read(0, 0xcfc, Width::Byte), 0xff);
    assert_eq!(devices.take_log().len(), 4, "each port once");
}

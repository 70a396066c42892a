//! Local APIC, I/O APIC and 8259: priorities, triggers, ends of interrupts, and the APIC timer.

use super::*;

fn lapic(devices: &mut Devices, now: u64, offset: u64, value: u32) {
    devices.mmio_write(&mut Ram(Vec::new()), now, Gpa(LAPIC_BASE + offset), Width::Dword, u64::from(value));
}

fn lapic_read(devices: &mut Devices, now: u64, offset: u64) -> u32 {
    devices.mmio_read(now, Gpa(LAPIC_BASE + offset), Width::Dword) as u32
}

fn self_ipi(devices: &mut Devices, vector: u32) {
    lapic(devices, 0, 0x300, 1 << 18 | vector);
}

/// Enables the local APIC in software.
pub(super) fn enable(devices: &mut Devices) {
    lapic(devices, 0, 0xf0, 0x1ff);
}

/// Ends the highest interrupt in service.
pub(super) fn end(devices: &mut Devices) {
    lapic(devices, 0, 0xb0, 0);
}

/// Takes and ends all pending interrupts; needs their lines low.
pub(super) fn drain(devices: &mut Devices) {
    while devices.acknowledge().is_some() {
        end(devices);
    }
}

/// Writes the redirection entry of `pin`.
pub(super) fn route(devices: &mut Devices, pin: u32, entry: u32) {
    for (register, value) in [(0x11 + 2 * pin, 0), (0x10 + 2 * pin, entry)] {
        let ram = &mut Ram(Vec::new());
        devices.mmio_write(ram, 0, Gpa(IOAPIC_BASE), Width::Dword, u64::from(register));
        devices.mmio_write(ram, 0, Gpa(IOAPIC_BASE + 0x10), Width::Dword, u64::from(value));
    }
}

fn redirection(devices: &mut Devices, pin: u32) -> u64 {
    devices.mmio_write(&mut Ram(Vec::new()), 0, Gpa(IOAPIC_BASE), Width::Dword, u64::from(0x10 + 2 * pin));
    devices.mmio_read(0, Gpa(IOAPIC_BASE + 0x10), Width::Dword)
}

fn devices() -> Devices {
    let mut devices = Devices::new(1_000_000, 0, Backends::default());
    enable(&mut devices);
    devices
}

#[test]
fn priorities() {
    let devices = &mut devices();
    self_ipi(devices, 0x45);
    self_ipi(devices, 0x31);
    self_ipi(devices, 0x4a);
    assert_eq!(devices.acknowledge(), Some(0x4a));
    assert_eq!(devices.pending_interrupt(), None, "0x45 is of the class in service");
    self_ipi(devices, 0x50);
    assert_eq!(devices.acknowledge(), Some(0x50), "a higher class nests");
    assert_eq!(lapic_read(devices, 0, 0xa0), 0x50, "PPR");
    end(devices);
    end(devices);
    devices.set_task_priority(0x40);
    assert_eq!(devices.pending_interrupt(), None, "TPR holds class 4 back");
    devices.set_task_priority(0x3f);
    assert_eq!(devices.acknowledge(), Some(0x45));
    end(devices);
    assert_eq!(devices.pending_interrupt(), None, "0x31 is of TPR's class");
    devices.set_task_priority(0);
    assert_eq!(devices.acknowledge(), Some(0x31));
}

#[test]
fn software_disable_masks_and_holds() {
    let devices = &mut devices();
    lapic(devices, 0, 0x320, 0x20);
    lapic(devices, 0, 0xf0, 0xff);
    assert_eq!(lapic_read(devices, 0, 0x320), 0x1_0020);
    self_ipi(devices, 0x40);
    lapic(devices, 0, 0xf0, 0x1ff);
    assert_eq!(devices.pending_interrupt(), None);
}

#[test]
fn illegal_vectors_are_errors() {
    let devices = &mut devices();
    lapic(devices, 0, 0x370, 0xfe);
    self_ipi(devices, 5);
    assert_eq!(devices.acknowledge(), Some(0xfe));
    lapic(devices, 0, 0x280, 0);
    assert_eq!(lapic_read(devices, 0, 0x280), 0x20);
}

#[test]
fn logical_destinations() {
    let devices = &mut devices();
    lapic(devices, 0, 0xd0, 0x0400_0000);
    for (destination, reached) in [(0x04, true), (0x03, false), (0xff, true)] {
        lapic(devices, 0, 0x310, destination << 24);
        lapic(devices, 0, 0x300, 1 << 11 | 0x40);
        assert_eq!(devices.acknowledge().is_some(), reached, "{destination:#x}");
        end(devices);
    }
}

#[test]
fn level_triggered_lines_interrupt_until_they_fall() {
    let mut guest = guest();
    enable(&mut guest.devices);
    route(&mut guest.devices, 5, 0x60 | 1 << 15);
    guest.start(0, 0, 2);
    guest.offer(0, 1, b"x", 0);
    let devices = &mut guest.devices;
    assert_eq!(devices.acknowledge(), Some(0x60));
    assert_eq!(redirection(devices, 5) & 1 << 14, 1 << 14, "remote IRR");
    assert_eq!(devices.pending_interrupt(), None);
    end(devices);
    assert_eq!(devices.acknowledge(), Some(0x60), "the line is still high");
    guest.write(0, 0x64, 1);
    end(&mut guest.devices);
    assert_eq!(guest.devices.pending_interrupt(), None);
    assert_eq!(redirection(&mut guest.devices, 5) & 1 << 14, 0);
}

#[test]
fn edge_triggered_lines_interrupt_for_each_cause() {
    let mut guest = guest();
    enable(&mut guest.devices);
    route(&mut guest.devices, 5, 0x60);
    guest.start(0, 0, 2);
    for text in [b"a", b"b"] {
        guest.offer(0, 1, text, 0);
        assert_eq!(guest.devices.acknowledge(), Some(0x60), "although the status was not acknowledged between");
        end(&mut guest.devices);
        assert_eq!(guest.devices.pending_interrupt(), None);
    }
    route(&mut guest.devices, 5, 0x60 | 1 << 16);
    guest.offer(0, 1, b"c", 0);
    route(&mut guest.devices, 5, 0x60);
    assert_eq!(guest.devices.pending_interrupt(), None, "an edge on a masked pin is lost");
}

#[test]
fn timer_modes() {
    let devices = &mut devices();
    lapic(devices, 0, 0x3e0, 0x3); // divide by 16
    lapic(devices, 0, 0x320, 0x30);
    lapic(devices, 1000, 0x380, 100);
    let period = 100 * 16 * APIC_TSC_RATIO;
    assert_eq!(devices.next_deadline(), Some(1000 + period));
    assert_eq!(lapic_read(devices, 1000 + period / 2, 0x390), 50);
    devices.advance(1000 + period - 1);
    assert_eq!(devices.pending_interrupt(), None);
    devices.advance(1000 + period);
    assert_eq!((devices.acknowledge(), devices.next_deadline()), (Some(0x30), None));
    end(devices);

    lapic(devices, 0, 0x320, 1 << 17 | 0x31);
    lapic(devices, 0, 0x380, 100);
    devices.advance(period * 5 / 2);
    assert_eq!((devices.acknowledge(), devices.next_deadline()), (Some(0x31), Some(period * 3)));
    end(devices);
    assert_eq!(devices.pending_interrupt(), None, "missed periods are one interrupt");

    lapic(devices, 0, 0x320, 2 << 17 | 0x32);
    assert_eq!(devices.next_deadline(), None, "the change of mode disarms");
    devices.write_tsc_deadline(10, 5000);
    assert_eq!((devices.tsc_deadline(), devices.next_deadline()), (5000, Some(5000)));
    devices.advance(5000);
    assert_eq!((devices.acknowledge(), devices.tsc_deadline()), (Some(0x32), 0));
    end(devices);
    devices.write_tsc_deadline(6000, 5999);
    assert_eq!(devices.acknowledge(), Some(0x32), "a deadline in the past fires at once");
}

#[test]
fn x2apic_msrs_are_the_same_registers() {
    let devices = &mut devices();
    assert!(devices.apic_msr_write(0, 0x83f, 0x77));
    assert_eq!(devices.acknowledge(), Some(0x77));
    assert_eq!(devices.apic_msr_read(0, 0x80a), Some(0x70));
    assert!(devices.apic_msr_write(0, 0x80b, 0));
    assert_eq!(devices.apic_msr_read(0, 0x80a), Some(0));
    assert_eq!(devices.apic_msr_read(0, 0x80b), None, "EOI cannot be read");
    assert!(!devices.apic_msr_write(0, 0x802, 1), "the ID cannot be written");
    assert!(!devices.apic_msr_write(0, 0x80b, 1));
}

fn port(devices: &mut Devices, port: u16, value: u8) {
    devices.port_write(0, port, Width::Byte, u32::from(value));
}

#[test]
fn pic_probes_and_delivers_through_lint0() {
    let devices = &mut devices();
    for (number, value) in [(0x20, 0x11), (0x21, 0x30), (0x21, 4), (0x21, 1), (0x21, 0xfb)] {
        port(devices, number, value);
    }
    for (number, value) in [(0xa0, 0x11), (0xa1, 0x38), (0xa1, 2), (0xa1, 1), (0xa1, 0xff)] {
        port(devices, number, value);
    }
    assert_eq!(devices.port_read(0, 0x21, Width::Byte), 0xfb, "how Linux finds the chip");
    port(devices, 0x21, 0xfe);
    port(devices, 0x43, 0x34);
    port(devices, 0x40, 0);
    port(devices, 0x40, 0x10);
    devices.advance(10_000_000);
    assert_eq!(devices.pending_interrupt(), None, "LINT0 is masked");
    lapic(devices, 0, 0x350, 0x700);
    assert_eq!(devices.acknowledge(), Some(0x30));
    assert_eq!(devices.pending_interrupt(), None);
    devices.advance(20_000_000);
    assert_eq!(devices.pending_interrupt(), None, "in service until its end");
    port(devices, 0x20, 0x20);
    assert_eq!(devices.acknowledge(), Some(0x30));
}

//! Snapshots of a machine: round trip, lockstep of the loaded with the original, and damage of every kind.

use super::*;
use crate::cpu::state::SegmentRegister;
use crate::devices::{Gpa, SeededEntropy};
use crate::memory::{ADDED_BASE, ADDED_BLOCK, IMAGE_BASE, ReadAt};
use crate::session::{Event, Output};
use crate::vm::Vm;
use sha2::{Digest as _, Sha256};
use x86::Gpr;

const PAGE_TABLE: u64 = 0x1000;
const CODE: u64 = 0x8000;

struct Nowhere;

impl Output for Nowhere {
    fn write(&mut self, _: crate::devices::Stream, _: &[u8]) {}
}

fn backends() -> Backends {
    Backends { entropy: Some(Box::new(SeededEntropy::new([5; 32]))), ..Backends::default() }
}

fn store(memory: &mut Memory, at: u64, bytes: &[u8]) {
    let place = memory.place(Gpa(at)).unwrap();
    memory.bytes_mut(place, bytes.len()).copy_from_slice(bytes);
}

/// A machine in 64-bit mode with identity-mapped RAM, at a loop that counts, calculates, and writes what RDRAND gives.
fn session() -> Session {
    session_at(LOOP)
}

#[rustfmt::skip]
const LOOP: &[u8] = &[
    0x48, 0x0f, 0xc7, 0xf0,                   // rdrand rax
    0x48, 0x89, 0x04, 0xcd, 0, 0, 1, 0,       // mov [rcx * 8 + 0x10000], rax
    0xf2, 0x0f, 0x58, 0xc1,                   // addsd xmm0, xmm1
    0x0f, 0x31,                               // rdtsc
    0x48, 0x89, 0xc3,                         // mov rbx, rax
    0x48, 0xff, 0xc1,                         // inc rcx
    0x81, 0xe1, 0xff, 0x1f, 0, 0,             // and ecx, 0x1fff
    0xeb, 0xe0,                               // jmp to the beginning
];

/// The same with other code.
fn session_at(code: &[u8]) -> Session {
    let mut memory = Memory::new(1 << 20, 1 << 12).unwrap();
    store(&mut memory, PAGE_TABLE, &(PAGE_TABLE + 0x1000 + 7).to_le_bytes());
    store(&mut memory, PAGE_TABLE + 0x1000, &(PAGE_TABLE + 0x2000 + 7).to_le_bytes());
    store(&mut memory, PAGE_TABLE + 0x2000, &0x87u64.to_le_bytes());
    store(&mut memory, CODE, code);
    let image = memory.place(IMAGE_BASE).unwrap();
    memory.bytes_mut(image, 5).copy_from_slice(b"image");
    let mut vm = Vm::new(memory, 1_700_000_000_000_000_000, backends());
    let cpu = &mut vm.cpu;
    (cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer) = (0x8001_0013, PAGE_TABLE, 0x6a0, 0x500);
    cpu.segments[1] = SegmentRegister { selector: 0x10, rights: 0xa09b, limit: u32::MAX, base: 0 };
    cpu.rip = CODE;
    cpu.gpr[usize::from(Gpr::RSP.0)] = 0x7000;
    cpu.xmm[1] = [0.3f64.to_bits(), 0];
    (cpu.fpr[7], cpu.ftw, cpu.fsw) = ([1 << 63, 0x3fff], 0x80, 7 << 11);
    vm.start();
    vm.advance_tsc(77_777);
    Session::new(vm)
}

/// Bytes of an image that a file has lost.
struct Lost;

impl ReadAt for Lost {
    fn read_exact_at(&self, _: &mut [u8], _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

#[derive(Default)]
struct Serial(Vec<u8>);

impl Output for Serial {
    fn write(&mut self, stream: crate::devices::Stream, bytes: &[u8]) {
        assert_eq!(stream, crate::devices::Stream::Serial);
        self.0.extend(bytes);
    }
}

#[test]
fn a_machine_stops_where_its_image_cannot_be_read() {
    #[rustfmt::skip]
    const READS: &[u8] = &[
        0xba, 0xf8, 0x03, 0, 0,                      // mov edx, 0x3f8
        0xb0, b'A', 0xee,                            // mov al, 'A'; out dx, al
        0x48, 0xbe, 0, 0, 0, 0, 1, 0, 0, 0,          // mov rsi, IMAGE_BASE
        0x8a, 0x06,                                  // mov al, [rsi]
        0xb0, b'B', 0xee, 0xeb, 0xfb,                // mov al, 'B'; again: out dx, al; jmp again
    ];
    let jumps = [&READS[..18], &[0xff, 0xe6]].concat();
    for code in [READS, &jumps] {
        let mut session = session_at(code);
        // A page of 1 GiB at the image's address, with the rights of the others.
        store(&mut session.vm.memory, PAGE_TABLE + 0x1000 + 4 * 8, &(IMAGE_BASE.0 + 0x87).to_le_bytes());
        session.vm.memory.lend(ImageSource::new(Lost, "file", 1 << 12, [0; 32]));
        let mut serial = Serial::default();
        let error = loop {
            match session.step(10_000_000, &mut serial) {
                Ok(Event::Limit) => panic!("it went on"),
                Ok(_) => {}
                Err(error) => break error.to_string(),
            }
        };
        assert_eq!(error, "file: the image cannot be read, 4096 bytes at offset 0x0 of 4096: the file ends before");
        assert_eq!(serial.0, b"A");
        assert!(session.step(10_000_000, &mut serial).is_err(), "it does not go on later");
        assert!(session.vm.retired() < 20, "it stops at once, not after {} instructions", session.vm.retired());
    }
}

#[test]
fn a_device_gets_no_bytes_of_an_image_that_cannot_be_read() {
    let mut session = session();
    session.vm.memory.lend(ImageSource::new(Lost, "file", 1 << 12, [0; 32]));
    let read = session.vm.with_bus(|_, memory, _| memory.read(Gpa(IMAGE_BASE.0 + 5), &mut [0; 7]));
    assert!(read.is_err());
    assert!(matches!(session.step(1000, &mut Nowhere), Err(crate::session::SessionError::Image(_))));
}

fn run(session: &mut Session, limit: u64) {
    while session.step(limit, &mut Nowhere).unwrap() != Event::Limit {}
}

fn image() -> ImageSource {
    let mut image = b"image".to_vec();
    image.resize(1 << 12, 0);
    ImageSource::of_bytes(image)
}

fn written(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.write(&mut bytes).unwrap();
    bytes
}

/// With the checksum that fits, so that the sections themselves are tested.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let checksum = Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum);
    bytes
}

#[test]
fn a_loaded_machine_goes_on_as_the_original() {
    let mut original = session();
    run(&mut original, 12_347);
    let snapshot = Snapshot::take(&mut original, [9; 32]);
    let file = written(&snapshot);
    let read = Snapshot::read(&mut file.as_slice()).unwrap();
    assert_eq!(read, snapshot);
    let mut loaded = read.restore(&image(), backends()).unwrap();
    assert_eq!(written(&Snapshot::take(&mut loaded, [9; 32])), file, "saving again gives the same bytes");
    for session in [&mut original, &mut loaded] {
        run(session, 54_321);
    }
    let after = Snapshot::take(&mut original, [9; 32]);
    assert_eq!(original.vm.retired(), 54_321);
    assert_ne!(after.ram, snapshot.ram, "the loop writes RAM");
    assert_eq!(Snapshot::take(&mut loaded, [9; 32]), after);
}

#[test]
fn pages_of_zeros_are_dropped() {
    let ram = Snapshot::take(&mut session(), [0; 32]).ram;
    let runs: Vec<PageRun> = ram.runs().map(|(run, _)| run).collect();
    assert_eq!(runs, [PageRun { first: 1, count: 3 }, PageRun { first: 8, count: 1 }]);
    assert_eq!((ram.count(), ram.run_count(), ram.span()), (4, 2, 8));
}

#[test]
fn resuming_changes_random_numbers_only_forward() {
    let mut session = session();
    let snapshot = Snapshot::take(&mut session, [0; 32]);
    let numbers = |seed: Option<u64>| {
        let mut session = snapshot.restore(&image(), backends()).unwrap();
        if let Some(seed) = seed {
            session.vm.resume(crate::vm::Resume { wall_clock_ns: 1, seed });
        }
        run(&mut session, 1000);
        RamPages::of(&session.vm.memory)
    };
    assert_eq!(numbers(None), numbers(None));
    assert_ne!(numbers(Some(1)), numbers(Some(2)));
}

#[test]
fn a_machine_takes_the_place_of_another() {
    let mut original = session();
    run(&mut original, 12_347);
    let snapshot = Snapshot::take(&mut original, [9; 32]);
    let used = |ram_size: u64| {
        let mut memory = Memory::new(ram_size, 1 << 12).unwrap();
        for page in [0, 2, 5, 20] {
            store(&mut memory, page << 12, b"another machine's");
        }
        let image_place = memory.place(IMAGE_BASE).unwrap();
        memory.bytes_mut(image_place, 5).copy_from_slice(b"image");
        memory
    };
    let digest = snapshot.header.origin.image;
    let file = written(&snapshot);
    let restore_in = |memory, digest| Incoming::open(file.as_slice()).unwrap().restore_in(memory, digest, backends());
    let mut session = restore_in(used(1 << 20), digest).unwrap();
    assert_eq!(Snapshot::take(&mut session, [9; 32]), snapshot);
    let error = restore_in(used(1 << 20), [0; 32]).err().unwrap();
    assert!(matches!(error, SnapshotError::Image { .. }), "{error}");
    let error = restore_in(used(1 << 21), digest).err().unwrap();
    assert!(matches!(error, SnapshotError::Ram { expected: 0x10_0000, found: 0x20_0000 }), "{error}");
}

#[test]
fn added_ram_is_part_of_it() {
    let mut original = session();
    let before = Snapshot::take(&mut original, [9; 32]);
    original.vm.add_memory(2 * ADDED_BLOCK).unwrap();
    // The last page of RAM and the first that was added are one run: their numbers follow on each other.
    store(&mut original.vm.memory, (1 << 20) - 1, b"!");
    store(&mut original.vm.memory, ADDED_BASE.0, b"first");
    store(&mut original.vm.memory, ADDED_BASE.0 + 2 * ADDED_BLOCK - 4, b"last");
    run(&mut original, 12_347);
    let snapshot = Snapshot::take(&mut original, [9; 32]);
    assert_eq!((before.header.added_size, snapshot.header.added_size), (0, 2 * ADDED_BLOCK));
    let runs: Vec<PageRun> = snapshot.ram.runs().map(|(run, _)| run).collect();
    assert!(
        runs.ends_with(&[PageRun { first: 255, count: 2 }, PageRun { first: 255 + 0x1_0000, count: 1 }]),
        "{runs:?}"
    );
    let file = written(&snapshot);
    let read = Snapshot::read(&mut file.as_slice()).unwrap();
    let mut memory = Memory::new(1 << 20, 1 << 12).unwrap();
    store(&mut memory, 5 << 12, b"another machine's");
    memory.lend(image());
    let incoming = || Incoming::open(file.as_slice()).unwrap();
    let here = incoming().restore_in(memory, snapshot.header.origin.image, backends()).unwrap();
    let new = incoming().restore(&image(), backends()).unwrap();
    for mut loaded in [read.restore(&image(), backends()).unwrap(), here, new] {
        assert_eq!(written(&Snapshot::take(&mut loaded, [9; 32])), file, "saving again gives the same bytes");
        let mut streamed = Vec::new();
        save(&mut loaded, snapshot.header.origin, &mut streamed).unwrap();
        assert!(streamed == file, "so does saving page by page");
    }
    let mut smaller = read.clone();
    smaller.header.added_size = ADDED_BLOCK;
    let error = smaller.restore(&image(), backends()).err().unwrap().to_string();
    assert!(error.contains("expected pages below number 0x8100"), "{error}");
    smaller.header.added_size = 4 << 30;
    let error = smaller.restore(&image(), backends()).err().unwrap().to_string();
    assert!(error.contains("RAM to be added: expected a multiple of 128 MiB"), "{error}");
}

#[test]
fn another_image_is_refused() {
    let snapshot = Snapshot::take(&mut session(), [0; 32]);
    let error = snapshot.restore(&ImageSource::of_bytes(vec![0; 1 << 12]), backends()).err().unwrap();
    assert!(matches!(error, SnapshotError::Image { expected: 4096, found: 4096 }), "{error}");
}

#[test]
fn damage_is_named() {
    let file = written(&Snapshot::take(&mut session(), [0; 32]));
    let error = |bytes: &[u8]| Snapshot::read(&mut &*bytes).unwrap_err().to_string();
    assert!(error(b"").contains("this is no snapshot"));
    let mut other = file.clone();
    other[25] = 7;
    assert_eq!(error(&other), "snapshot section \"snapshot\", offset 16: expected version 4, found 7");
    let mut damaged = file.clone();
    damaged[200] ^= 1;
    assert!(error(&damaged).contains("the checksum does not match"), "{}", error(&damaged));
    let whole = format!("snapshot: expected a file of {} bytes, found ", file.len());
    assert_eq!(error(&sealed(file[..file.len() - 4096].to_vec())), whole.clone() + "fewer bytes");
    assert_eq!(error(&[&*file, b"!"].concat()), whole + "more bytes");
    let state = file.windows(6).position(|bytes| bytes == b"\x05state").unwrap();
    let mut damaged = file.clone();
    damaged[state + 1] ^= 1;
    assert!(error(&damaged).contains("the checksum does not match"), "{}", error(&damaged));
    assert!(error(&sealed(damaged)).contains("expected section \"state\", found \"rtate\""));
    for length in (0..file.len()).step_by(97) {
        assert!(Snapshot::read(&mut &file[..length]).is_err(), "cut at {length}");
    }
}

/// What passes the checksum may still say anything: it is refused, or restored and run, without a panic.
#[test]
fn sealed_damage_is_an_error_or_harmless() {
    let snapshot = Snapshot::take(&mut session(), [0; 32]);
    let file = written(&snapshot);
    let interesting = file.len() - 32 - snapshot.ram.count() * 4096;
    let mut restored = 0;
    for position in 0..interesting {
        for value in [0xff, 0x80, file[position] ^ 1] {
            let mut damaged = file.clone();
            damaged[position] = value;
            let Ok(read) = Snapshot::read(&mut sealed(damaged).as_slice()) else { continue };
            let Ok(mut session) = read.restore(&image(), backends()) else { continue };
            restored += 1;
            let limit = session.vm.retired().saturating_add(200);
            for _ in 0..4 {
                if session.step(limit, &mut Nowhere).is_err() {
                    break;
                }
            }
        }
    }
    assert!(restored > 1000, "only {restored} were restored: the test no longer tests the machine");
}

//! Places, what is added, and images that are read as they are touched.

use super::*;
use demand::CHUNK;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

#[test]
fn ram_and_image_have_places() {
    let mut memory = Memory::new(8 << 12, 2 << 12).unwrap();
    assert_eq!(memory.place(Gpa(0x7fff)), Some(Place(0x7fff)));
    assert_eq!(memory.place(Gpa(0x8000)), None);
    assert_eq!(memory.place(Gpa(IMAGE_BASE.0 + 0x1fff)), Some(Place(0x9fff)));
    assert_eq!(memory.place(Gpa(IMAGE_BASE.0 + 0x2000)), None);
    assert_eq!(memory.gpa(Place(0x9fff)), Gpa(IMAGE_BASE.0 + 0x1fff));
    memory.put(0x9ff8, 7u64.to_le_bytes());
    assert_eq!(memory.bytes(Place(0x9ff8), 1), [7]);
    assert_eq!(memory.range(Gpa(0x7ff0), 0x11), None);
}

#[test]
fn ram_is_added_behind_all_else() {
    let mut memory = Memory::new(8 << 12, 2 << 12).unwrap();
    memory.put(0x7ff8, 7u64.to_le_bytes());
    memory.put(0x9ff8, 9u64.to_le_bytes());
    assert_eq!(memory.place(ADDED_BASE), None);
    memory.add(2 * ADDED_BLOCK).unwrap();
    assert_eq!((memory.ram_size(), memory.added_size(), memory.ram_pages()), (8 << 12, 256 << 20, 8 + 65536));
    assert_eq!((memory.bytes(Place(0x7ff8), 1), memory.bytes(Place(0x9ff8), 1)), (&[7][..], &[9][..]));
    assert_eq!(memory.place(Gpa(0x8000)), None);
    assert_eq!(memory.place(Gpa(ADDED_BASE.0 + 5)), Some(Place(0xa005)));
    assert_eq!(memory.place(Gpa(ADDED_BASE.0 + 2 * ADDED_BLOCK)), None);
    assert_eq!((memory.gpa(Place(0xa005)), memory.gpa(Place(5))), (Gpa(ADDED_BASE.0 + 5), Gpa(5)));
    assert_eq!((memory.ram_page(7), memory.ram_page(9)), (Gpa(0x7000), Gpa(ADDED_BASE.0 + 0x1000)));
    assert_eq!(memory.bytes(Place(0xa000), 4096), [0; 4096]);
    // The parts of the slice touch, those of the address space do not.
    assert_eq!(memory.range(Gpa(IMAGE_BASE.0 + 0x1ff0), 0x11), None);
    assert_eq!(memory.range(Gpa(ADDED_BASE.0 + 0xff0), 0x20), Some(0xaff0..0xb010));
}

#[test]
fn what_cannot_be_added_is_an_error() {
    let mut memory = Memory::new(128 << 20, 0).unwrap();
    assert_eq!(memory.room(), (4 << 30) - 3 * ADDED_BLOCK);
    for size in [4096, memory.room() + ADDED_BLOCK, u64::MAX - 4095] {
        assert!(matches!(memory.add(size), Err(MemoryError::CannotAdd { .. })), "{size}");
    }
    memory.add(ADDED_BLOCK).unwrap();
    assert!(matches!(memory.add(ADDED_BLOCK), Err(MemoryError::CannotAdd { most: 0, .. })));
}

#[test]
fn impossible_sizes_are_errors() {
    assert!(matches!(Memory::new(100, 0), Err(MemoryError::Unaligned { what: "RAM", .. })));
    assert!(matches!(Memory::new(4 << 30, 0), Err(MemoryError::TooLarge { .. })));
}

/// Bytes that say where they are, which note what is read of them, and end somewhere.
#[derive(Clone)]
struct Noted {
    reads: Rc<RefCell<Vec<(u64, usize)>>>,
    end: Rc<Cell<u64>>,
}

impl ReadAt for Noted {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.reads.borrow_mut().push((offset, into.len()));
        (0..).zip(&mut *into).for_each(|(at, byte)| *byte = byte_at(offset + at));
        if offset + into.len() as u64 > self.end.get() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn byte_at(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Two pages of RAM, and an image of three chunks and a page.
const SIZE: u64 = 3 * CHUNK + PAGE as u64;

fn lent() -> (Memory, Noted) {
    let source = Noted { reads: Rc::default(), end: Rc::new(Cell::new(SIZE)) };
    let mut memory = Memory::new(2 << 12, SIZE).unwrap();
    memory.lend(ImageSource::new(source.clone(), "file", SIZE, [3; 32]));
    (memory, source)
}

/// What the image has at a place that a guest-physical address leads to.
fn at_image(memory: &Memory, offset: u64) -> Option<u8> {
    memory.place(Gpa(IMAGE_BASE.0 + offset)).map(|place| memory.bytes(place, 1)[0])
}

#[test]
fn an_image_is_read_where_it_is_touched() {
    let (mut memory, source) = lent();
    let reads = || source.reads.take();
    assert_eq!(memory.image_digest(), [3; 32]);
    assert!(memory.place(Gpa(0)).is_some() && reads().is_empty());
    for offset in [CHUNK - 1, 0, 2 * CHUNK, SIZE - 1] {
        assert_eq!(at_image(&memory, offset), Some(byte_at(offset)));
    }
    assert_eq!(reads(), [(0, CHUNK as usize), (2 * CHUNK, CHUNK as usize), (3 * CHUNK, PAGE)]);
    // What was written is not read again.
    let place = memory.place(Gpa(IMAGE_BASE.0 + 5)).unwrap();
    memory.put(place.0, [!byte_at(5)]);
    assert_eq!((at_image(&memory, 5), reads()), (Some(!byte_at(5)), vec![]));
    assert_eq!(at_image(&memory, SIZE), None);
    assert_eq!((memory.failed(), memory.failure()), (false, None));
}

#[test]
fn a_range_has_all_of_its_chunks() {
    let (memory, source) = lent();
    for (start, length, read) in [
        (CHUNK - 1, 1, vec![0]),
        (CHUNK - 1, 2, vec![CHUNK]),
        (CHUNK / 2, SIZE - CHUNK / 2, vec![2 * CHUNK, 3 * CHUNK]),
        (0, SIZE, vec![]),
    ] {
        let range = memory.range(Gpa(IMAGE_BASE.0 + start), length as usize).unwrap();
        let mut offsets: Vec<u64> = source.reads.take().into_iter().map(|(offset, _)| offset).collect();
        offsets.sort_unstable();
        assert_eq!(offsets, read, "{start:#x}+{length:#x}");
        let bytes = memory.bytes(Place(range.start), length as usize);
        assert!((start..).zip(bytes).all(|(at, byte)| *byte == byte_at(at)), "{start:#x}+{length:#x}");
    }
    assert_eq!(memory.range(Gpa(IMAGE_BASE.0 + SIZE - 1), 2), None);
}

#[test]
fn what_cannot_be_read_has_no_place() {
    let (memory, source) = lent();
    source.end.set(2 * CHUNK + 5);
    assert_eq!(at_image(&memory, CHUNK), Some(byte_at(CHUNK)));
    assert_eq!(memory.range(Gpa(IMAGE_BASE.0 + CHUNK), CHUNK as usize + 1), None);
    assert_eq!(at_image(&memory, 3 * CHUNK), None);
    let error = memory.failure().unwrap();
    assert_eq!((error.offset, error.length), (2 * CHUNK, CHUNK), "the first");
    let text = "file: the image cannot be read, 65536 bytes at offset 0x20000 of 200704: the file ends before";
    assert_eq!(error.to_string(), text);
    assert!(memory.failed());
}

#[test]
#[should_panic(expected = "outside the machine's memory")]
fn a_place_that_nobody_was_given_is_not_read() {
    let (memory, _) = lent();
    let place = memory.place(IMAGE_BASE).unwrap();
    memory.bytes(Place(place.0 + CHUNK as u32 - 1), 2);
}

#[test]
fn what_is_there_of_an_image_stays_when_ram_is_added() {
    let (mut memory, source) = lent();
    memory.put(0x1ff8, 7u64.to_le_bytes());
    let place = memory.place(Gpa(IMAGE_BASE.0 + SIZE - 1)).unwrap();
    memory.put(place.0, [!byte_at(SIZE - 1)]);
    memory.add(ADDED_BLOCK).unwrap();
    assert_eq!(source.reads.take().len(), 1);
    assert_eq!(at_image(&memory, SIZE - 1), Some(!byte_at(SIZE - 1)));
    assert_eq!(at_image(&memory, CHUNK), Some(byte_at(CHUNK)));
    assert_eq!(memory.bytes(Place(0x1ff8), 1), [7]);
}

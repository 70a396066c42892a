//! What ELF files tell, in an image and as a kernel.

use super::*;
use crate::discover::{ImageCode, elf};
use crate::image::erofs::{ErofsImage, FileExtent};
use runtime::memory::IMAGE_BASE;
use std::fs::File;
use std::io::Write;

/// Where [`image_of`] puts its file in the image.
const FILE: u64 = 0x2000;
/// Where [`tiny_elf`] puts the code in the file.
const CODE: u64 = 0x1000;
/// Where the code of such a file in such an image is.
pub(super) const CODE_IN_IMAGE: u64 = IMAGE_BASE.0 + FILE + CODE;

/// An executable with one segment of code at `address`, and symbols: name, offset in the code, size.
pub(super) fn tiny_elf(address: u64, code: &[u8], symbols: &[(&str, u64, u64)]) -> Vec<u8> {
    tiny_elf_with_data(address, code, &[], symbols)
}

/// The same with data behind the code, in its segment.
pub(super) fn tiny_elf_with_data(address: u64, code: &[u8], data: &[u8], symbols: &[(&str, u64, u64)]) -> Vec<u8> {
    let (text_size, code) = (code.len() as u64, [code, data].concat());
    let words = |words: &[(u64, usize)]| -> Vec<u8> {
        words.iter().flat_map(|&(word, size)| word.to_le_bytes().into_iter().take(size)).collect()
    };
    let mut names = vec![0];
    let mut table = vec![0; 24];
    for &(name, offset, size) in symbols {
        // Global functions.
        table.extend(words(&[(names.len() as u64, 4), (0x12, 1), (0, 1), (1, 2), (address + offset, 8), (size, 8)]));
        names.extend(name.as_bytes());
        names.push(0);
    }
    let table_at = CODE + code.len() as u64;
    let names_at = table_at + table.len() as u64;
    let sections_at = names_at + names.len() as u64;
    let section = |(kind, flags), address, at, size, link, entry| {
        words(&[(0, 4), (kind, 4), (flags, 8), (address, 8), (at, 8), (size, 8), (link, 4), (0, 4), (1, 8), (entry, 8)])
    };
    let sections = [
        section((0, 0), 0, 0, 0, 0, 0),
        section((2, 0), 0, table_at, table.len() as u64, 2, 24),
        section((3, 0), 0, names_at, names.len() as u64, 0, 0),
        // Code that is in memory.
        section((1, 6), address, CODE, text_size, 0, 0),
    ];
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(words(&[(2, 2), (62, 2), (1, 4), (address, 8), (64, 8), (sections_at, 8), (0, 4)]));
    file.extend(words(&[(64, 2), (56, 2), (1, 2), (64, 2), (4, 2), (2, 2)]));
    let size = code.len() as u64;
    file.extend(words(&[(1, 4), (5, 4), (CODE, 8), (address, 8), (address, 8), (size, 8), (size, 8), (0x1000, 8)]));
    file.resize(CODE as usize, 0);
    [&file[..], &code, &table, &names, &sections.concat()].concat()
}

/// An image that holds one file, `/bin/program`.
pub(super) fn image_of(bytes: &[u8]) -> (ErofsImage, File) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[0; FILE as usize]).unwrap();
    file.write_all(bytes).unwrap();
    let extent = FileExtent { path: "/bin/program".into(), offset: FILE, len: bytes.len() as u64 };
    let used = FILE + bytes.len() as u64;
    (ErofsImage { size: 2 << 20, used, inodes: 2, files: vec![extent] }, file)
}

fn names_and_bases(elf: &[u8], profile: &Profile) -> Vec<(String, u64, u32)> {
    let (layout, file) = image_of(elf);
    let image = Some(ImageCode { layout: &layout, bytes: &file });
    let found = discover(Inputs { profile, vmlinux: None, image }, &|_| false, &Options::default()).unwrap();
    found.regions.into_iter().map(|r| (r.name, r.base, r.entries[0])).collect()
}

#[test]
fn functions_of_a_file_in_the_image() {
    let code = [0xf8, 0xc3, 0xf8, 0xf8, 0xc3];
    let elf = tiny_elf(0x40_0000, &code, &[("one", 0, 2), ("two", 2, 3)]);
    let start = CodeAddress { mode: Mode::User, address: CODE_IN_IMAGE };
    // No page is known: the bytes are the file's.
    let profile = profile(start, &[], &[(0, block(2, 2, 1)), (2, block(3, 3, 1))]);
    let expected = [("bin/program:one".to_owned(), CODE_IN_IMAGE, 0), ("bin/program:two".to_owned(), CODE_IN_IMAGE, 2)];
    assert_eq!(names_and_bases(&elf, &profile), expected);
    // Without symbols what is close together is one function; what is no ELF file has no code that is known.
    let expected = [("bin/program:0x400000".to_owned(), CODE_IN_IMAGE, 0)];
    assert_eq!(names_and_bases(&tiny_elf(0x40_0000, &code, &[]), &profile), expected);
    assert_eq!(names_and_bases(&[0x90; 0x2000], &profile), []);
}

#[test]
fn code_is_the_kernels_or_a_files_or_in_memory() {
    let code = [0x90, 0xc3];
    let (layout, file) = image_of(&tiny_elf(0x40_0000, &code, &[("one", 0, 2)]));
    let in_file = CodeAddress { mode: Mode::User, address: CODE_IN_IMAGE };
    let in_memory = CodeAddress { mode: Mode::User, address: 0x5000 };
    let mut all = profile(KERNEL, &code, &[(0, block(2, 2, 3))]);
    for start in [in_file, in_memory] {
        let other = profile(start, &code, &[(0, block(2, 2, 5))]);
        all.blocks.extend(other.blocks);
        all.pages.extend(other.pages);
    }
    // Code that nobody knows ran, too.
    all.blocks.insert(at(in_memory, 0x9000), block(2, 1, 100));
    let image = Some(ImageCode { layout: &layout, bytes: &file });
    let found = discover(Inputs { profile: &all, vmlinux: None, image }, &|_| false, &Options::default()).unwrap();
    let binaries: Vec<_> = found.binaries.iter().map(|binary| (binary.mode, &*binary.name, binary.ran)).collect();
    let expected = [(Mode::Kernel, "kernel", 6), (Mode::User, "bin/program", 10), (Mode::User, "memory", 110)];
    assert_eq!(binaries, expected);
    for region in &found.regions {
        let binary = &found.binaries[region.binary.0 as usize];
        assert!(region.name.starts_with(&format!("{}:", binary.name)), "{} is of {}", region.name, binary.name);
    }
    assert_eq!(found.regions.len(), 3);
}

#[test]
fn the_profile_wins_over_the_kernel_file() {
    let elf = tiny_elf(KERNEL.address, &[0x90, 0x90, 0xc3], &[("patched", 0, 3)]);
    let profile = profile(KERNEL, &[0xf8, 0xf9, 0xc3], &[(0, block(3, 3, 1))]);
    let found =
        discover(Inputs { profile: &profile, vmlinux: Some(&elf), image: None }, &|_| false, &Options::default());
    let region = &found.unwrap().regions[0];
    assert_eq!((region.name.as_str(), &region.blocks[0].bytes[..]), ("kernel:patched", &[0xf8, 0xf9, 0xc3][..]));
}

#[test]
fn unwinding_tells_functions() {
    // This very program: `main` has a symbol and an FDE, which agree.
    let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let code = elf::parse(&bytes).unwrap();
    let main = code.candidates.iter().find(|c| c.name == "main").unwrap();
    let unwound = code.candidates.iter().find(|c| c.rank == 3 && c.start == main.start);
    assert_eq!(unwound.map(|c| c.size), Some(main.size));
}

#[test]
fn a_damaged_kernel_is_refused() {
    let profile = Profile::default();
    let inputs = Inputs { profile: &profile, vmlinux: Some(b"\x7fELF\x02\x01\x01"), image: None };
    let error = discover(inputs, &|_| false, &Options::default()).unwrap_err();
    assert!(format!("{error:#}").starts_with("vmlinux: "), "{error:#}");
}

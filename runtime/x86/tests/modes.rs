//! Decoding in compatibility mode: what 32-bit code means otherwise than the same bytes in 64-bit mode.

use x86::decode::Undecodable;
use x86::{CodeMode, Insn, Level, Mnemonic, Operand, Segment, Width, decode, decode_in};

fn narrow(bytes: &[u8]) -> Result<Insn, Undecodable> {
    decode_in(CodeMode::Compatibility, Level::V3, bytes)
}

#[test]
fn instructions_that_the_other_mode_has_not() {
    assert_eq!(narrow(&[0x48]).unwrap().mnemonic, Mnemonic::Dec);
    assert_eq!(narrow(&[0x48; 16]).unwrap().length, 1, "REX is no prefix");
    assert_eq!(narrow(&[0x06]).unwrap().operands[0], Operand::Segment(Segment::Es));
    assert_eq!(narrow(&[0xc5, 0xf9, 0x6f, 0xc1]).unwrap().mnemonic, Mnemonic::Vmovdqa);
    assert_eq!(narrow(&[0xc5, 0x01]).unwrap().mnemonic, Mnemonic::Lds);
    let mut swapgs = [0x90; 16];
    swapgs[..3].copy_from_slice(&[0x0f, 0x01, 0xf8]);
    assert_eq!(narrow(&swapgs), Err(Undecodable::Invalid));
    assert_eq!(narrow(&[0x66, 0x74, 0]), Err(Undecodable::Invalid), "a near branch of 16 bits");
}

#[test]
fn every_address_has_its_segment_and_width() {
    // [ebp]; fs:[bx + si]; [0x12345678]; in 64-bit mode [rbp].
    let stack = narrow(&[0x8b, 0x45, 0]).unwrap().mem;
    assert_eq!((stack.segment, stack.address_width), (Some(Segment::Ss), Width::W32));
    let word = narrow(&[0x64, 0x67, 0x8b, 0]).unwrap().mem;
    assert_eq!((word.segment, word.address_width), (Some(Segment::Fs), Width::W16));
    let absolute = narrow(&[0xa1, 0x78, 0x56, 0x34, 0x12]).unwrap().mem;
    assert_eq!((absolute.segment, absolute.disp, absolute.base), (Some(Segment::Ds), 0x1234_5678, None));
    let long = decode(&[0x8b, 0x45, 0]).unwrap().mem;
    assert_eq!((long.segment, long.address_width), (None, Width::W64));
    assert_eq!(narrow(&[0x67, 0xac]).unwrap().prefixes.address_width, Width::W16);
    assert_eq!(narrow(&[0xac]).unwrap().prefixes.address_width, Width::W32);
}

#[test]
fn targets_are_distances_and_far_pointers() {
    assert_eq!(narrow(&[0xeb, 0xfc]).unwrap().imm as i64, -2);
    assert_eq!(narrow(&[0xea, 0x21, 0x43, 0x65, 0x87, 0x33, 0]).unwrap().imm, 0x33_8765_4321);
}

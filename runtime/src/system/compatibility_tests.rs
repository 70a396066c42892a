//! Compatibility mode: segments, stack, transfers between modes, frames. What the instructions compute is compared with the
//! host's processor in `golden`.

use super::segments::Selector;
use crate::cpu::state::{SegmentRegister, TableRegister};
use crate::devices::{Backends, Gpa};
use crate::exception::{Exception, vector};
use crate::memory::{Memory, Place};
use crate::mmu::fault;
use crate::vm::{Pause, Vm};
use x86::{CodeMode, Gpr, Segment};

const TABLES: u32 = 0x1000;
const GDT: u32 = 0x4000;
const IDT: u32 = 0x5000;
const TSS: u32 = 0x6000;
const CODE: u64 = 0x8000;
const DATA: u64 = 0x9000;
const STACK: u64 = 0xa800;
const KERNEL_STACK: u64 = 0xb800;
const HANDLER: u64 = 0xc000;

const KERNEL_CODE: u16 = 0x10;
const USER_CODE_32: u16 = 0x23;
const USER_DATA: u16 = 0x2b;
const USER_CODE_64: u16 = 0x33;
/// 256 bytes from [`DATA`] on.
const SMALL: u16 = 0x3b;
const READ_ONLY: u16 = 0x43;
/// All but the first 0x9100 bytes.
const DOWN: u16 = 0x4b;
const CODE_16: u16 = 0x53;
const GATE: u16 = 0x5b;
const ABSENT: u16 = 0x63;
/// 32-bit code that ends with the 16th byte from [`CODE`] on.
const SMALL_CODE: u16 = 0x6b;

const DESCRIPTORS: [u64; 14] = [
    0,
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0x00cf_fb00_0000_ffff,
    0x00cf_f300_0000_ffff,
    0x00af_fb00_0000_ffff,
    0x0040_f300_9000_00ff,
    0x00cf_f100_0000_ffff,
    0x00c0_f700_0000_0008,
    0x000f_fb00_0000_ffff,
    0x0000_ec00_0010_c000,
    0x00cf_7b00_0000_ffff,
    0x0040_fb00_8000_000f,
];

fn put<const N: usize>(vm: &mut Vm, at: u32, bytes: [u8; N]) {
    vm.memory.bytes_mut(Place(at), N).copy_from_slice(&bytes);
}

fn quad(vm: &Vm, at: u64) -> u64 {
    u64::from_le_bytes(vm.memory.bytes(Place(at as u32), 8).try_into().unwrap())
}

/// A machine in 32-bit code at [`CODE`], with 2 MiB mapped where they are. Every vector leads to [`HANDLER`], in 64-bit mode.
fn machine(code: &[u8]) -> Vm {
    let mut vm = Vm::new(Memory::new(1 << 20, 0).unwrap(), 0, Backends::default());
    assert_eq!(vm.memory.place(Gpa(CODE)), Some(Place(CODE as u32)), "RAM begins at place 0");
    put(&mut vm, TABLES, (u64::from(TABLES) + 0x1007).to_le_bytes());
    put(&mut vm, TABLES + 0x1000, (u64::from(TABLES) + 0x2007).to_le_bytes());
    put(&mut vm, TABLES + 0x2000, 0x87u64.to_le_bytes());
    for (index, descriptor) in (0..).zip(DESCRIPTORS) {
        put(&mut vm, GDT + 8 * index, descriptor.to_le_bytes());
    }
    for index in 0..256 {
        let gate = HANDLER | u64::from(KERNEL_CODE) << 16 | 0xee00 << 32;
        put(&mut vm, IDT + 16 * index, gate.to_le_bytes());
    }
    put(&mut vm, TSS + 4, KERNEL_STACK.to_le_bytes());
    put(&mut vm, HANDLER as u32, [0xf4]);
    vm.memory.bytes_mut(Place(CODE as u32), code.len()).copy_from_slice(code);
    let cpu = &mut vm.cpu;
    (cpu.cr0, cpu.cr3, cpu.cr4, cpu.efer) = (0x8001_0013, TABLES.into(), 0x6a0, 0xd00);
    cpu.gdtr = TableRegister { base: GDT.into(), limit: 8 * DESCRIPTORS.len() as u64 - 1 };
    cpu.idtr = TableRegister { base: IDT.into(), limit: 0xfff };
    cpu.tr = SegmentRegister { selector: 0x70, rights: 0x8b, limit: 0x67, base: TSS.into() };
    cpu.cpl = 3;
    let flat = |selector, rights| SegmentRegister { selector, rights, limit: u32::MAX, base: 0 };
    cpu.segments = [flat(USER_DATA, 0xc0f3); 6];
    cpu.segments[Segment::Cs as usize] = flat(USER_CODE_32, 0xc0fb);
    cpu.gpr[usize::from(Gpr::RSP.0)] = STACK;
    cpu.gpr[usize::from(Gpr::RSI.0)] = DATA;
    cpu.rip = CODE;
    vm.start();
    vm
}

/// Loads a segment register.
fn with(mut vm: Vm, segment: Segment, selector: u16) -> Vm {
    super::segments::load_segment(&mut vm, segment, Selector(selector)).unwrap();
    vm
}

fn gpr(vm: &Vm, r: Gpr) -> u64 {
    vm.cpu.gpr[usize::from(r.0)]
}

/// Carries out as many instructions.
fn steps(vm: &mut Vm, count: usize) -> Result<(), Exception> {
    (0..count).try_for_each(|_| vm.execute_one())
}

#[test]
fn bytes_mean_what_the_mode_says() {
    // inc eax; dec eax; inc ecx — in 64-bit mode three bytes of prefixes.
    let mut vm = machine(&[0x40, 0x48, 0x41, 0x90]);
    vm.cpu.gpr[0] = 0xffff_ffff_ffff_ffff;
    steps(&mut vm, 1).unwrap();
    assert_eq!((gpr(&vm, Gpr::RAX), vm.cpu.rip), (0, CODE + 1));
    steps(&mut vm, 2).unwrap();
    assert_eq!((gpr(&vm, Gpr::RAX), gpr(&vm, Gpr::RCX)), (0xffff_ffff, 1));
}

#[test]
fn addresses_come_round_at_32_bits() {
    // mov eax, [ebx + esi - 8]; mov ax, [bx + 2] with 16-bit addresses; jmp to address 0x8000 - 0x8100 of 32 bits.
    let mut vm = machine(&[0x8b, 0x44, 0x33, 0xf8, 0x67, 0x66, 0x8b, 0x47, 2, 0xe9, 0xf2, 0x7e, 0xff, 0xff]);
    put(&mut vm, DATA as u32, 0x1122_3344u32.to_le_bytes());
    vm.cpu.gpr[usize::from(Gpr::RBX.0)] = 0xdead_0000_0000_0008;
    steps(&mut vm, 1).unwrap();
    assert_eq!(gpr(&vm, Gpr::RAX), 0x1122_3344);
    vm.cpu.gpr[usize::from(Gpr::RBX.0)] = 0x1_8fff_u64 << 16 | 0x8fff;
    steps(&mut vm, 1).unwrap();
    assert_eq!(gpr(&vm, Gpr::RAX), 0x1122_2233);
    steps(&mut vm, 1).unwrap();
    assert_eq!(vm.execute_one(), Err(Exception::page_fault(0xffff_ff00, fault::USER | fault::FETCH)));
    assert_eq!(vm.cpu.rip, 0xffff_ff00);
}

#[test]
fn data_segments_have_bases_limits_and_types() {
    // mov eax, gs:[esi]; mov gs:[esi], eax.
    const LOAD: &[u8] = &[0x65, 0x8b, 0x06];
    const STORE: &[u8] = &[0x65, 0x89, 0x06];
    let run = |code: &[u8], selector: u16, offset: u64| {
        let mut vm = with(machine(code), Segment::Gs, selector);
        put(&mut vm, DATA as u32 + 0xfc, 0x55u32.to_le_bytes());
        vm.cpu.gpr[usize::from(Gpr::RSI.0)] = offset;
        steps(&mut vm, 1).map(|()| gpr(&vm, Gpr::RAX))
    };
    let refused = Err(Exception::GP0);
    assert_eq!(run(LOAD, SMALL, 0xfc), Ok(0x55));
    assert_eq!(run(STORE, SMALL, 0xfc), Ok(0));
    assert_eq!(run(LOAD, SMALL, 0xfd), refused);
    assert_eq!(run(STORE, SMALL, 0xffff_fffe), refused);
    assert_eq!(run(LOAD, READ_ONLY, DATA + 0xfc), Ok(0x55));
    assert_eq!(run(STORE, READ_ONLY, DATA + 0xfc), refused);
    assert_eq!(run(LOAD, DOWN, DATA), Ok(0));
    assert_eq!(run(LOAD, DOWN, 0x8fff), refused);
    assert_eq!(run(LOAD, 0, DATA), refused);
    assert_eq!(run(LOAD, USER_DATA, 0xffff_fffd), refused, "behind the last address");
    // The string forms: rep movsb from ds to es, of which the second segment ends.
    let mut vm = with(machine(&[0xf3, 0xa4]), Segment::Es, SMALL);
    (vm.cpu.gpr[1], vm.cpu.gpr[7]) = (0x20, 0xf0);
    assert_eq!((steps(&mut vm, 1), vm.cpu.gpr[1], vm.cpu.gpr[7]), (refused.map(|_| ()), 0x10, 0x100));
}

#[test]
fn the_stack_is_an_offset_in_ss() {
    // push eax; pusha; popa; pushfd; pop ecx; enter 8, 1; leave; call +0; ret 4.
    let code = [0x50, 0x60, 0x61, 0x9c, 0x59, 0xc8, 8, 0, 1, 0xc9, 0xe8, 0, 0, 0, 0, 0xc2, 4, 0];
    let mut vm = with(machine(&code), Segment::Ss, SMALL);
    vm.cpu.gpr[usize::from(Gpr::RSP.0)] = 0xffff_0000_0000_0100;
    steps(&mut vm, 1).unwrap();
    assert_eq!(gpr(&vm, Gpr::RSP), 0xfc);
    let before = vm.cpu.gpr;
    steps(&mut vm, 1).unwrap();
    assert_eq!(quad(&vm, DATA + 0xe8) as u32, 0xfc, "the stack pointer as it was");
    steps(&mut vm, 1).unwrap();
    assert_eq!(vm.cpu.gpr, before);
    steps(&mut vm, 2).unwrap();
    assert_eq!((gpr(&vm, Gpr::RCX), gpr(&vm, Gpr::RSP)), (2, 0xfc));
    steps(&mut vm, 1).unwrap();
    assert_eq!((gpr(&vm, Gpr::RBP), gpr(&vm, Gpr::RSP), quad(&vm, DATA + 0xf4)), (0xf8, 0xec, 0xf8));
    steps(&mut vm, 2).unwrap();
    assert_eq!((gpr(&vm, Gpr::RSP), quad(&vm, DATA + 0xf8) as u32), (0xf8, CODE as u32 + 15));
    steps(&mut vm, 1).unwrap();
    assert_eq!((gpr(&vm, Gpr::RSP), vm.cpu.rip), (0x100, CODE + 15));
    // pop: the stack is empty; mov eax, [esp]: of the stack segment too.
    for code in [&[0x58][..], &[0x8b, 0x04, 0x24], &[0x61]] {
        let mut vm = with(machine(code), Segment::Ss, SMALL);
        vm.cpu.gpr[usize::from(Gpr::RSP.0)] = 0x100;
        assert_eq!(steps(&mut vm, 1), Err(Exception::SS0), "{code:x?}");
    }
}

#[test]
fn far_transfers_change_the_mode() {
    // ljmp 0x33:next; then inc rax; lret to 32-bit code, where inc eax.
    let code = [0xea, 0x07, 0x80, 0, 0, 0x33, 0, 0x48, 0xff, 0xc0, 0xcb, 0x40];
    let mut vm = machine(&code);
    vm.cpu.gpr[0] = 0xffff_ffff;
    put(&mut vm, STACK as u32, (0x800b | u64::from(USER_CODE_32) << 32).to_le_bytes());
    steps(&mut vm, 2).unwrap();
    assert_eq!((gpr(&vm, Gpr::RAX), vm.mode), (1 << 32, CodeMode::Long));
    steps(&mut vm, 2).unwrap();
    assert_eq!((gpr(&vm, Gpr::RAX), vm.mode, gpr(&vm, Gpr::RSP)), (1, CodeMode::Compatibility, STACK + 8));
    // lcall pushes segment and offset.
    let mut vm = machine(&[0x9a, 0, 0x90, 0, 0, 0x33, 0]);
    steps(&mut vm, 1).unwrap();
    assert_eq!((vm.cpu.rip, vm.cpu.segment(Segment::Cs).selector), (DATA, USER_CODE_64));
    assert_eq!(quad(&vm, STACK - 8), (CODE + 7) | (u64::from(USER_CODE_32) << 32));
    for (selector, fault) in [
        (CODE_16, vector::GP),
        (GATE, vector::GP),
        (USER_DATA, vector::GP),
        (KERNEL_CODE, vector::GP),
        (ABSENT, vector::NP),
    ] {
        let mut vm = machine(&[0xea, 0, 0x80, 0, 0, selector as u8, 0]);
        let error = Exception::with_error(fault, u32::from(selector & !3));
        assert_eq!((steps(&mut vm, 1), vm.cpu.rip), (Err(error), CODE), "{selector:x}");
    }
}

#[test]
fn code_ends_where_its_segment_does() {
    // ljmp to the segment whose base is here, at its nop; the last instruction goes on behind its 16 bytes.
    let mut vm = machine(&[0xea, 0x0d, 0, 0, 0, SMALL_CODE as u8, 0, 0, 0, 0, 0, 0, 0, 0x90, 0x66, 0x90, 0x90]);
    steps(&mut vm, 3).unwrap();
    assert_eq!(vm.cpu.rip, 0x10);
    assert_eq!(vm.execute_one(), Err(Exception::GP0));
    vm.cpu.rip = 0xf;
    vm.memory.bytes_mut(Place(CODE as u32 + 15), 2).copy_from_slice(&[0x66, 0x90]);
    assert_eq!(vm.execute_one(), Err(Exception::GP0));
    let mut vm = machine(&[0xea, 0x10, 0, 0, 0, SMALL_CODE as u8, 0]);
    assert_eq!(steps(&mut vm, 1), Err(Exception::GP0));
}

#[test]
fn handlers_have_64_bits_and_return_to_32() {
    // int 80h; inc eax; mov eax, gs:[0x100], which faults.
    let mut vm = with(machine(&[0xcd, 0x80, 0x40, 0x65, 0xa1, 0, 1, 0, 0]), Segment::Gs, SMALL);
    // mov ebx, [rsp]; iretq
    put(&mut vm, HANDLER as u32, [0x8b, 0x1c, 0x24, 0x48, 0xcf]);
    assert_eq!(vm.run(1), Pause::Budget);
    let frame = [0, 1, 2, 3, 4].map(|index| quad(&vm, KERNEL_STACK - 40 + 8 * index));
    let selectors = (u64::from(USER_CODE_32), u64::from(USER_DATA));
    assert_eq!(frame, [CODE + 2, selectors.0, 2, STACK, selectors.1]);
    assert_eq!((vm.mode, vm.cpu.rip, vm.cpu.cpl), (CodeMode::Long, HANDLER, 0));
    assert_eq!(vm.run(4), Pause::Budget);
    assert_eq!((vm.mode, gpr(&vm, Gpr::RBX), gpr(&vm, Gpr::RAX)), (CodeMode::Compatibility, CODE + 2, 1));
    vm.write_memory(Place(HANDLER as u32), &[0xf4]);
    assert_eq!(vm.run(100), Pause::Idle(None));
    let frame = [0, 1, 2, 3].map(|index| quad(&vm, KERNEL_STACK - 48 + 8 * index));
    assert_eq!(frame[..3], [0, CODE + 3, selectors.0]);
}

#[test]
fn what_64_bit_mode_has_alone_is_no_instruction() {
    // syscall, as on Intel's processors; a branch of 16 bits.
    for code in [&[0x0f, 0x05][..], &[0x66, 0x74, 0x00], &[0x0f, 0x01, 0xf8]] {
        assert_eq!(steps(&mut machine(code), 1), Err(Exception::UD), "{code:x?}");
    }
}

#[test]
fn a_region_found_in_64_bit_mode_is_not_one_of_compatibility_mode() {
    let mut vm = machine(&[0x90]);
    let compatibility = vm.generation();
    vm.cpu.segments[Segment::Cs as usize].rights = 0xa0fb;
    vm.follow_code_segment();
    let long = vm.generation();
    let entry = crate::translated::binding::EntryPoint { region: 0, entry: 0, offset: 0 };
    vm.translated.enter_jump(CODE, long, CODE, entry);
    assert!(vm.translated.known(CODE, long) && !vm.translated.known(CODE, compatibility));
    vm.translated.forget_jump(CODE, long);
}

#[test]
fn decimal_arithmetic() {
    // aaa; aas; daa; das; aam; aad 16; aam 0.
    for (code, before, carries, after) in [
        (&[0x37][..], 0x010b, 0, 0x0201),
        (&[0x37], 0x01f5, 0x10, 0x020b),
        (&[0x3f], 0x0305, 0x10, 0x010f),
        (&[0x27], 0x9a, 0, 0),
        (&[0x2f], 0x01, 0x11, 0x9b),
        (&[0xd4, 10], 0x63, 0, 0x0909),
        (&[0xd5, 16], 0x0304, 0, 0x34),
    ] {
        let mut vm = machine(code);
        vm.cpu.gpr[0] = before;
        super::flags::set_rflags(&mut vm, carries, 0x11);
        steps(&mut vm, 1).unwrap();
        assert_eq!(gpr(&vm, Gpr::RAX), after, "{code:x?}");
    }
    assert_eq!(steps(&mut machine(&[0xd4, 0]), 1), Err(Exception::plain(vector::DE)));
}

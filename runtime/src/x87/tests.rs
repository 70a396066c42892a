//! What no row of user mode shows: #NM, #GP, saved areas, pointers. Arithmetic is compared with the host's processor in `golden`.

use super::{CR0_EM, CR0_MP, CR0_TS, Done, execute};
use crate::devices::Backends;
use crate::exception::{Exception, vector};
use crate::memory::{Memory, Place};
use crate::vm::Vm;
use x86::{Gpr, decode};

const AREA: u64 = 0x2000;

/// A machine without paging; RDI is the area.
fn machine() -> Vm {
    let mut vm = Vm::new(Memory::new(0x4000, 0).unwrap(), 0, Backends::default());
    vm.cpu.gpr[usize::from(Gpr::RDI.0)] = AREA;
    vm.cpu.rip = 0x1000;
    vm
}

fn run(vm: &mut Vm, bytes: &[u8]) -> Done {
    vm.memory.bytes_mut(Place(0x1000), bytes.len()).copy_from_slice(bytes);
    execute(vm, &decode(bytes).unwrap())
}

const FLD1: &[u8] = &[0xd9, 0xe8];
const FXSAVE: &[u8] = &[0x0f, 0xae, 0x07];
const FXSAVE64: &[u8] = &[0x48, 0x0f, 0xae, 0x07];
const FXRSTOR64: &[u8] = &[0x48, 0x0f, 0xae, 0x0f];
const EMMS: &[u8] = &[0x0f, 0x77];
const WAIT: &[u8] = &[0x9b];
const NM: Done = Err(Exception::plain(vector::NM));

#[test]
fn a_saved_area_comes_back_and_has_its_layout() {
    let mut vm = machine();
    run(&mut vm, FLD1).unwrap();
    vm.cpu.xmm[15] = [7, 9];
    (vm.cpu.fip, vm.cpu.fdp) = (0x1_2345_6789, 0x2_3456_789a);
    run(&mut vm, FXSAVE64).unwrap();
    let area = vm.memory.bytes(Place(AREA as u32), 512).to_vec();
    assert_eq!(area[..6], [0x7f, 0x03, 0x00, 0x38, 0x80, 0]);
    assert_eq!(area[8..24], [0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0, 0x9a, 0x78, 0x56, 0x34, 2, 0, 0, 0]);
    assert_eq!(area[39..42], [0x80, 0xff, 0x3f]);
    let saved = (vm.cpu.fpr, vm.cpu.xmm, vm.cpu.fsw, vm.cpu.fip);
    vm.cpu.initialize_x87();
    (vm.cpu.fpr, vm.cpu.xmm) = Default::default();
    run(&mut vm, FXRSTOR64).unwrap();
    assert_eq!((vm.cpu.fpr, vm.cpu.xmm, vm.cpu.fsw, vm.cpu.fip), saved);
    run(&mut vm, FXSAVE).unwrap();
    assert_eq!(vm.memory.bytes(Place(AREA as u32), 16)[12], 0, "without REX.W the pointer has 32 bits");
}

#[test]
fn areas_that_are_not_aligned_and_reserved_bits_of_mxcsr_fault() {
    let mut vm = machine();
    vm.memory.bytes_mut(Place(AREA as u32), 512)[26] = 1;
    assert_eq!(run(&mut vm, FXRSTOR64), Err(Exception::GP0));
    assert_eq!((vm.cpu.fcw, vm.cpu.mxcsr), (0x37f, 0x1f80));
    vm.cpu.gpr[usize::from(Gpr::RDI.0)] = AREA + 8;
    assert_eq!(run(&mut vm, FXSAVE64), Err(Exception::GP0));
}

#[test]
fn a_unit_that_is_not_available_faults() {
    let mut vm = machine();
    vm.cpu.cr0 = CR0_TS;
    assert_eq!((run(&mut vm, FLD1), run(&mut vm, EMMS), run(&mut vm, FXSAVE)), (NM, NM, NM));
    assert_eq!(run(&mut vm, WAIT), Ok(()));
    vm.cpu.cr0 = CR0_TS | CR0_MP;
    assert_eq!(run(&mut vm, WAIT), NM);
    vm.cpu.cr0 = CR0_EM;
    assert_eq!((run(&mut vm, FLD1), run(&mut vm, EMMS)), (NM, Err(Exception::UD)));
    assert_eq!((vm.cpu.fsw, vm.cpu.ftw), (0, 0));
}

#[test]
fn an_exception_that_is_not_masked_waits_for_the_next_instruction_and_says_where_it_was() {
    let mut vm = machine();
    vm.cpu.fcw = 0x37f & !4;
    run(&mut vm, FLD1).unwrap();
    // fdiv dword ptr [rdi]: by 0.
    run(&mut vm, &[0xd8, 0x37]).unwrap();
    assert_eq!((vm.cpu.fsw & 0x80ff, vm.cpu.fop, vm.cpu.fip, vm.cpu.fdp), (0x8084, 0x037, 0x1000, AREA));
    assert_eq!(run(&mut vm, WAIT), Err(Exception::plain(vector::MF)));
    assert_eq!(run(&mut vm, FLD1), Err(Exception::plain(vector::MF)));
    // fnclex; fld1
    run(&mut vm, &[0xdb, 0xe2]).unwrap();
    assert_eq!(run(&mut vm, FLD1), Ok(()));
}

const XSAVE64: &[u8] = &[0x48, 0x0f, 0xae, 0x27];
const XSAVEC64: &[u8] = &[0x48, 0x0f, 0xc7, 0x27];
const XRSTOR64: &[u8] = &[0x48, 0x0f, 0xae, 0x2f];

/// A machine whose operating system uses XSAVE with all components; all are asked for.
fn xsave_machine() -> Vm {
    let mut vm = machine();
    (vm.cpu.cr4, vm.cpu.xcr0) = (1 << 18, 7);
    vm.cpu.gpr[usize::from(Gpr::RAX.0)] = 7;
    (vm.cpu.xmm[3], vm.cpu.ymm_high[15]) = ([1, 2], [3, 4]);
    vm
}

fn area(vm: &Vm, offset: u32, length: usize) -> &[u8] {
    vm.memory.bytes(Place(AREA as u32 + offset), length)
}

#[test]
fn xsave_saves_what_is_in_use_and_xrstor_resets_what_was_not() {
    for (save, layout) in [(XSAVE64, 0), (XSAVEC64, 1 << 63 | 7u64)] {
        let mut vm = xsave_machine();
        run(&mut vm, save).unwrap();
        assert_eq!(area(&vm, 512, 8), 6u64.to_le_bytes(), "SSE and AVX are in use, x87 is not");
        assert_eq!(area(&vm, 520, 8), layout.to_le_bytes());
        assert_eq!(area(&vm, 576 + 15 * 16, 9), [3, 0, 0, 0, 0, 0, 0, 0, 4]);
        run(&mut vm, FLD1).unwrap();
        (vm.cpu.xmm[3], vm.cpu.ymm_high[15], vm.cpu.ymm_high[1]) = Default::default();
        vm.cpu.ymm_high[1] = [5, 5];
        run(&mut vm, XRSTOR64).unwrap();
        assert_eq!((vm.cpu.xmm[3], vm.cpu.ymm_high[15], vm.cpu.ymm_high[1]), ([1, 2], [3, 4], [0, 0]));
        assert_eq!((vm.cpu.ftw, vm.cpu.fsw, vm.cpu.fpr), (0, 0, [[0; 2]; 8]), "x87 is as after reset");
    }
}

#[test]
fn xsave_faults_and_leaves_components_alone_that_are_not_asked_for() {
    let mut vm = xsave_machine();
    vm.cpu.gpr[usize::from(Gpr::RAX.0)] = 4;
    vm.memory.bytes_mut(Place(AREA as u32), 832).fill(0xee);
    vm.memory.bytes_mut(Place(AREA as u32 + 512), 64).fill(0);
    vm.memory.bytes_mut(Place(AREA as u32 + 512), 1)[0] = 3;
    run(&mut vm, XSAVE64).unwrap();
    assert_eq!((area(&vm, 512, 1)[0], area(&vm, 160, 1)[0]), (7, 0xee));
    vm.memory.bytes_mut(Place(AREA as u32 + 528), 1)[0] = 1;
    assert_eq!(run(&mut vm, XRSTOR64), Err(Exception::GP0), "a reserved byte of the header");
    vm.cpu.gpr[usize::from(Gpr::RDI.0)] = AREA + 16;
    assert_eq!(run(&mut vm, XSAVE64), Err(Exception::GP0), "not aligned");
    vm.cpu.cr0 = CR0_TS;
    assert_eq!(run(&mut vm, XSAVE64), NM);
    vm.cpu.cr4 = 0;
    assert_eq!(run(&mut vm, XSAVE64), Err(Exception::UD));
}

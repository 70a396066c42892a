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

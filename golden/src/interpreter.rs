//! The runtime's interpreter as an executor of cases: a machine whose page tables map exactly [`layout`].

use crate::case::{Access, Case, End, Fault, Outcome};
use crate::compare::Executor;
use crate::layout;
use crate::state::{FLAGS, STATUS_FLAGS, State};
use runtime::cpu::Cpu;
use runtime::cpu::state::SegmentRegister;
use runtime::devices::{Backends, Gpa};
use runtime::exception::{Exception, vector};
use runtime::memory::{Memory, Place};
use runtime::mmu::entry::{NO_EXECUTE, PRESENT, USER, WRITABLE};
use runtime::mmu::fault;
use runtime::snapshot::codec::Writer;
use runtime::vm::Vm;
use std::collections::BTreeMap;
use std::ops::Range;
use translator::lift::Privilege;
use x86::{Code, FlagOp, Flags, Insn, Level, Segment, Width, decode_for};

const PAGE: u64 = 0x1000;
const TABLES: u64 = 0x1000;
const DATA: u64 = 0x1_0000;
const CODE: u64 = 0x2_0000;
const RAM: u64 = 0x10_0000;
/// Steps after which a case counts as endless.
pub(crate) const MOST_STEPS: usize = 100_000;

/// The interpreter.
pub struct Interpreter {
    vm: Vm,
    /// Where the case's code is.
    code: Range<u64>,
    /// What had raised #UD for want of a body when the case was loaded, and how often.
    missing_before: BTreeMap<Code, u64>,
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}

impl Interpreter {
    /// A machine of the highest level in user mode, with the layout mapped.
    pub fn new() -> Interpreter {
        Interpreter::of(Level::V3, Privilege::User)
    }

    /// A machine with the layout mapped.
    ///
    /// # Panics
    /// Never: the sizes are constants that a machine can have.
    pub fn of(level: Level, privilege: Privilege) -> Interpreter {
        let memory = Memory::new(RAM, 0).expect("a multiple of the page size");
        let mut vm = Vm::new(memory, 0, Backends::default());
        map(&mut vm.memory);
        let cpu = &mut vm.cpu;
        cpu.cr0 = 0x8005_0033;
        cpu.cr3 = TABLES;
        // PAE, OSFXSR, OSXMMEXCPT, FSGSBASE; and OSXSAVE, with x87, SSE and AVX in XCR0, where there is XSAVE.
        (cpu.cr4, cpu.xcr0) = if level < Level::V3 { (0x1_0620, 1) } else { (0x5_0620, 7) };
        cpu.level = level as u8;
        // LME, LMA, NXE.
        cpu.efer = 0xd00;
        let [code, stack] = match privilege {
            Privilege::Kernel => [(0x10, 0xa09b), (0x18, 0xc093)],
            Privilege::User => [(0x33, 0xa0fb), (0x2b, 0xc0f3)],
        };
        cpu.cpl = if privilege == Privilege::Kernel { 0 } else { 3 };
        for (segment, (selector, rights)) in [(Segment::Cs, code), (Segment::Ss, stack)] {
            cpu.segments[segment as usize] = SegmentRegister { selector, rights, limit: u32::MAX, base: 0 };
        }
        vm.start();
        Interpreter { vm, code: 0..0, missing_before: BTreeMap::new() }
    }

    /// Runs a case for at most `steps` instructions. The end is [`End::Timeout`] if it goes on after them; the state is the one there.
    pub fn run_for(&mut self, case: &Case, steps: usize) -> Outcome {
        self.load(case);
        let end = (0..steps).find_map(|_| self.step()).unwrap_or(End::Timeout);
        self.outcome(end)
    }

    /// The instruction at RIP, if it lies in the code pages.
    pub(crate) fn next(&mut self) -> Option<Insn> {
        let offset =
            self.vm.cpu.rip.checked_sub(layout::CODE_PAGES).filter(|&offset| offset < layout::CODE_PAGES_LEN)?;
        let length = (layout::CODE_PAGES_LEN - offset).min(15) as usize;
        let level = self.vm.cpu.level();
        decode_for(level, self.vm.memory.bytes(self.place(CODE + offset), length)).ok()
    }

    /// All that an instruction may change, as bytes to compare; without the page tables, whose accessed and dirty bits a fault may leave.
    pub(crate) fn image(&mut self) -> Vec<u8> {
        let mut state = Writer::new();
        self.vm.save_state(&mut state);
        let mut image = state.into_bytes();
        image.extend(self.vm.memory.bytes(self.place(DATA), layout::DATA_LEN));
        image.extend(self.vm.memory.bytes(self.place(CODE), layout::CODE_PAGES_LEN as usize));
        image
    }

    fn place(&self, gpa: u64) -> Place {
        self.vm.memory.place(Gpa(gpa)).expect("inside RAM")
    }

    /// Puts the machine into the state before a case.
    pub(crate) fn load(&mut self, case: &Case) {
        self.code = layout::CODE..layout::CODE + case.code().len() as u64;
        self.missing_before = self.vm.unimplemented().collect();
        let mut code = vec![layout::CODE_FILL; layout::CODE_PAGES_LEN as usize];
        let start = (layout::CODE - layout::CODE_PAGES) as usize;
        code[start..start + case.code().len()].copy_from_slice(case.code());
        let mut data = vec![0; layout::DATA_LEN];
        for (address, byte) in case.state.memory.iter() {
            if let Some(offset) = layout::data_offset(address) {
                data[offset] = byte;
            }
        }
        self.vm.with_bus(|_, memory, _| {
            memory.write(Gpa(CODE), &code).and_then(|()| memory.write(Gpa(DATA), &data)).expect("inside RAM");
        });
        load_registers(&mut self.vm.cpu, &case.state);
    }

    fn store(&mut self) -> State {
        let mut state = store_registers(&self.vm.cpu);
        state.flags = self.vm.rflags() & FLAGS;
        let data = self.vm.memory.bytes(self.place(DATA), layout::DATA_LEN);
        for (offset, &byte) in data.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            state.memory.set_byte(layout::data_address(offset), byte);
        }
        state
    }

    /// Carries out the instruction at RIP; `Some` where the case ends with it.
    pub(crate) fn step(&mut self) -> Option<End> {
        let trapping = self.traps();
        if let Err(fault) = self.vm.execute_one() {
            return Some(ended(fault));
        }
        if trapping { Some(End::Fault(Fault::Debug)) } else { self.done() }
    }

    /// [`End::Done`] where RIP has left the code for another place in the code pages.
    pub(crate) fn done(&self) -> Option<End> {
        let pages = layout::CODE_PAGES..layout::CODE_PAGES + layout::CODE_PAGES_LEN;
        let rip = self.vm.cpu.rip;
        (!self.code.contains(&rip) && pages.contains(&rip)).then_some(End::Done)
    }

    /// Whether the trap flag is set: the next instruction ends in #DB.
    pub(crate) fn traps(&self) -> bool {
        self.vm.cpu.rflags & 1 << 8 != 0
    }

    /// The processor.
    pub(crate) fn cpu(&mut self) -> &mut Cpu {
        &mut self.vm.cpu
    }

    /// The data pages, as [`layout::data_offset`] counts.
    pub(crate) fn data(&mut self) -> &mut [u8] {
        let place = self.place(DATA);
        self.vm.memory.bytes_mut(place, layout::DATA_LEN)
    }

    /// The outcome of the case that was loaded last, which ended so.
    pub(crate) fn outcome(&mut self, end: End) -> Outcome {
        let before = |code| self.missing_before.get(&code).copied().unwrap_or(0);
        let missing = self.vm.unimplemented().find(|(code, count)| *count > before(*code));
        let end = missing.map_or(end, |(code, _)| End::Refused(format!("not implemented: {code:?}")));
        Outcome { end, rip: self.vm.cpu.rip.wrapping_sub(layout::CODE) as i64, state: self.store() }
    }
}

impl Executor for Interpreter {
    fn name(&self) -> &str {
        "interpreter"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        self.run_for(case, MOST_STEPS)
    }
}

/// Four levels of tables for addresses below 1 GiB: window, read-only page, alias and code pages.
fn map(memory: &mut Memory) {
    let upper = PRESENT | WRITABLE | USER;
    let mut set = |table: u64, index: u64, value: u64| {
        let place = memory.place(Gpa(table + index * 8)).expect("inside RAM");
        memory.bytes_mut(place, 8).copy_from_slice(&value.to_le_bytes());
    };
    set(TABLES, 0, (TABLES + PAGE) | upper);
    set(TABLES + PAGE, 0, (TABLES + 2 * PAGE) | upper);
    let mut page = |address: u64, physical: u64, rights: u64| {
        let directory = address >> 21;
        let table = TABLES + (3 + directory / 128) * PAGE;
        set(TABLES + 2 * PAGE, directory, table | upper);
        set(table, address >> 12 & 0x1ff, physical | rights | PRESENT | USER);
    };
    for offset in (0..layout::WINDOW_LEN).step_by(PAGE as usize) {
        page(layout::WINDOW + offset, DATA + offset, WRITABLE | NO_EXECUTE);
    }
    page(layout::READ_ONLY, DATA + layout::WINDOW_LEN, NO_EXECUTE);
    page(layout::ALIAS, DATA, WRITABLE | NO_EXECUTE);
    for offset in (0..layout::CODE_PAGES_LEN).step_by(PAGE as usize) {
        page(layout::CODE_PAGES + offset, CODE + offset, 0);
    }
}

fn load_registers(cpu: &mut Cpu, state: &State) {
    cpu.gpr = state.gpr;
    cpu.rip = layout::CODE;
    cpu.rflags = 0x202 | state.flags & FLAGS & !STATUS_FLAGS;
    let dst = state.flags & STATUS_FLAGS;
    cpu.set_lazy_flags(Flags { op: FlagOp::Explicit, width: Width::W64, dst, src: 0, carry: 0 });
    cpu.segments[Segment::Fs as usize].base = state.fs_base;
    cpu.segments[Segment::Gs as usize].base = state.gs_base;
    cpu.mxcsr = state.mxcsr;
    for (register, ymm) in cpu.xmm.iter_mut().zip(&state.ymm) {
        *register = [ymm[0], ymm[1]];
    }
    for (register, ymm) in cpu.ymm_high.iter_mut().zip(&state.ymm) {
        *register = [ymm[2], ymm[3]];
    }
    (cpu.fcw, cpu.fsw, cpu.ftw) = (state.x87.control, state.x87.status, state.x87.tags);
    for (register, value) in cpu.fpr.iter_mut().zip(&state.x87.registers) {
        *register = [*value as u64, (*value >> 64) as u64];
    }
}

fn store_registers(cpu: &Cpu) -> State {
    let mut state = State { gpr: cpu.gpr, mxcsr: cpu.mxcsr, ..State::default() };
    state.fs_base = cpu.segment(Segment::Fs).base;
    state.gs_base = cpu.segment(Segment::Gs).base;
    for (ymm, (low, high)) in state.ymm.iter_mut().zip(cpu.xmm.iter().zip(&cpu.ymm_high)) {
        *ymm = [low[0], low[1], high[0], high[1]];
    }
    (state.x87.control, state.x87.status, state.x87.tags) = (cpu.fcw, cpu.fsw, cpu.ftw);
    for (value, register) in state.x87.registers.iter_mut().zip(&cpu.fpr) {
        *value = u128::from(register[0]) | u128::from(register[1]) << 64;
    }
    state
}

fn ended(fault: Exception) -> End {
    let error = fault.error.unwrap_or(0) as u16;
    End::Fault(match fault.vector {
        vector::DE => Fault::Divide,
        vector::DB => Fault::Debug,
        vector::BP => Fault::Breakpoint,
        vector::UD => Fault::InvalidOpcode,
        vector::NP => Fault::NotPresent(error),
        vector::SS => Fault::Stack(error),
        vector::GP => Fault::Protection(error),
        vector::PF => page_fault(fault),
        vector::MF => Fault::X87,
        vector::AC => Fault::Alignment,
        vector::XM => Fault::Simd,
        other => return End::Refused(format!("exception {other}")),
    })
}

fn page_fault(exception: Exception) -> Fault {
    let error = exception.error.unwrap_or(0);
    let access = match error {
        e if e & fault::FETCH != 0 => Access::Execute,
        e if e & fault::WRITE != 0 => Access::Write,
        _ => Access::Read,
    };
    Fault::Page { address: exception.address, access, present: error & fault::PRESENT != 0 }
}

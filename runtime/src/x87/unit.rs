//! The unit as the bodies of its instructions see it: state, an operand in memory, flags.
//!
//! The interpreter's is [`Interpreted`], which reaches memory through the MMU. Translated code has reached it already, and
//! calls with the operand's bytes: [`Direct`].

use super::Done;
use super::environment;
use crate::cpu::Cpu;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::flags::Condition;
use x86::operands::{address, offset, write};
use x86::{FlagOp, Flags, Insn, Machine, Mnemonic, Operand, Width};

/// What a body has to know of its instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// What it does.
    pub mnemonic: Mnemonic,
    /// The stack registers that its operands name; 0 where one is no register.
    pub registers: [u8; 2],
    /// Size of the operand in memory, 0 where it has none.
    pub size: u16,
}

impl Form {
    /// The form of an instruction.
    pub fn of(insn: &Insn) -> Form {
        let register = |index: usize| match insn.operands[index] {
            Operand::St(i) => i,
            _ => 0,
        };
        let size = if insn.has_memory() { insn.mem_size } else { 0 };
        Form { mnemonic: insn.mnemonic, registers: [register(0), register(1)], size }
    }

    /// In one number, below 2^48.
    pub fn pack(self) -> u64 {
        let [a, b] = self.registers;
        self.mnemonic as u64 | u64::from(a) << 16 | u64::from(b) << 24 | u64::from(self.size) << 32
    }

    /// What [`Form::pack`] made a number of.
    pub fn unpack(packed: u64) -> Option<Form> {
        let mnemonic = Mnemonic::try_from((packed & 0xffff) as usize).ok()?;
        Some(Form { mnemonic, registers: [(packed >> 16) as u8, (packed >> 24) as u8], size: (packed >> 32) as u16 })
    }

    pub(super) fn has_memory(self) -> bool {
        self.size != 0
    }
}

/// What bodies work on. What can fault comes before what changes anything.
pub(super) trait Unit {
    fn cpu(&mut self) -> &mut Cpu;
    /// The operand in memory.
    fn load<const N: usize>(&mut self) -> Result<[u8; N], Exception>;
    fn store<const N: usize>(&mut self, bytes: [u8; N]) -> Done;
    /// Whether it could be stored.
    fn probe<const N: usize>(&mut self) -> Done;
    /// Writes 16 bits to the operand, which may be AX.
    fn write_word(&mut self, value: u16) -> Done;
    /// Whether a condition on RFLAGS holds.
    fn holds(&mut self, condition: Condition) -> bool;
    /// Sets RFLAGS to this word.
    fn set_flags(&mut self, word: u64);
    /// Keeps where instruction and operand are: see [`environment`].
    fn keep_pointers(&mut self, form: Form);
}

/// The interpreter's.
pub(super) struct Interpreted<'a> {
    pub(super) vm: &'a mut Vm,
    pub(super) insn: &'a Insn,
}

impl Unit for Interpreted<'_> {
    #[inline(always)]
    fn cpu(&mut self) -> &mut Cpu {
        &mut self.vm.cpu
    }

    fn load<const N: usize>(&mut self) -> Result<[u8; N], Exception> {
        let at = address(self.vm, self.insn);
        self.vm.load_bytes(at)
    }

    fn store<const N: usize>(&mut self, bytes: [u8; N]) -> Done {
        let at = address(self.vm, self.insn);
        self.vm.store_bytes(at, bytes)
    }

    fn probe<const N: usize>(&mut self) -> Done {
        let at = address(self.vm, self.insn);
        self.vm.probe_write(at, N as u64)
    }

    fn write_word(&mut self, value: u16) -> Done {
        write(self.vm, self.insn, 0, Width::W16, value.into())
    }

    fn holds(&mut self, condition: Condition) -> bool {
        let flags = self.vm.flags();
        x86::flags::holds(self.vm, flags, condition)
    }

    fn set_flags(&mut self, dst: u64) {
        self.vm.cpu.set_lazy_flags(Flags { op: FlagOp::Explicit, width: Width::W64, dst, src: 0, carry: 0 });
    }

    fn keep_pointers(&mut self, _form: Form) {
        let data = self.insn.has_memory().then(|| offset(self.vm, self.insn));
        environment::keep_pointers(&mut self.vm.cpu, data);
        environment::keep_opcode(self.vm, self.insn);
    }
}

//! The unit for translated code, which has the operand and takes the result.

use super::stack::EXCEPTIONS;
use super::unit::{Form, Unit};
use super::{Done, in_unit};
use crate::cpu::Cpu;
use crate::exception::Exception;
use x86::Mnemonic as Mn;
use x86::flags::Condition;

/// What an instruction moves between the unit and the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// Nothing.
    None,
    /// It loads its operand.
    Load,
    /// It stores its operand, which is AX where it is not in memory.
    Store,
    /// It sets RFLAGS.
    Flags,
    /// It asks for a condition on RFLAGS.
    Condition(Condition),
}

impl Form {
    /// What it moves, if [`execute_direct`] carries it out.
    pub fn transfer(self) -> Option<Transfer> {
        use Condition::{A, Ae, B, Be, E, Ne, Np, P};
        #[rustfmt::skip]
        let transfer = match self.mnemonic {
            Mn::Fst | Mn::Fstp if self.has_memory() => Transfer::Store,
            Mn::Fist | Mn::Fistp | Mn::Fisttp | Mn::Fbstp | Mn::Fnstcw | Mn::Fnstsw => Transfer::Store,
            Mn::Fcomi | Mn::Fcomip | Mn::Fucomi | Mn::Fucomip => Transfer::Flags,
            Mn::Fcmove   => Transfer::Condition(E),
            Mn::Fcmovne  => Transfer::Condition(Ne),
            Mn::Fcmovb   => Transfer::Condition(B),
            Mn::Fcmovbe  => Transfer::Condition(Be),
            Mn::Fcmovnb  => Transfer::Condition(Ae),
            Mn::Fcmovnbe => Transfer::Condition(A),
            Mn::Fcmovu   => Transfer::Condition(P),
            Mn::Fcmovnu  => Transfer::Condition(Np),
            _ if self.has_memory() => Transfer::Load,
            _ => Transfer::None,
        };
        super::is_of_unit(self).then_some(transfer)
    }
}

/// Carries out an instruction for translated code, which has loaded the operand, or found out the condition, and stores the
/// result. `None`: the interpreter has to do it, and nothing has changed. So it is where an exception is not masked.
pub(crate) fn execute_direct(cpu: &mut Cpu, packed: u64, rip: u64, data: u64, operand: [u8; 16]) -> Option<[u8; 16]> {
    let form = Form::unpack(packed)?;
    if cpu.fcw & EXCEPTIONS != EXCEPTIONS {
        return None;
    }
    let mut unit = Direct { cpu, rip, data, operand, result: [0; 16] };
    in_unit(&mut unit, form)?.ok()?;
    Some(unit.result)
}

/// The unit.
pub(super) struct Direct<'a> {
    cpu: &'a mut Cpu,
    /// Address of the instruction.
    rip: u64,
    /// Offset of the operand in its segment.
    data: u64,
    /// The operand; or 1 where the condition that the instruction asks for holds.
    operand: [u8; 16],
    /// What was stored, or the word of flags.
    result: [u8; 16],
}

impl Unit for Direct<'_> {
    #[inline(always)]
    fn cpu(&mut self) -> &mut Cpu {
        self.cpu
    }

    fn load<const N: usize>(&mut self) -> Result<[u8; N], Exception> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.operand[..N]);
        Ok(bytes)
    }

    fn store<const N: usize>(&mut self, bytes: [u8; N]) -> Done {
        self.result[..N].copy_from_slice(&bytes);
        Ok(())
    }

    fn probe<const N: usize>(&mut self) -> Done {
        Ok(())
    }

    fn write_word(&mut self, value: u16) -> Done {
        self.store(value.to_le_bytes())
    }

    fn holds(&mut self, _condition: Condition) -> bool {
        self.operand[0] != 0
    }

    fn set_flags(&mut self, word: u64) {
        self.result[..8].copy_from_slice(&word.to_le_bytes());
    }

    fn keep_pointers(&mut self, form: Form) {
        self.cpu.fip = self.rip;
        if form.has_memory() {
            self.cpu.fdp = self.data;
        }
    }
}

//! Functions of the runtime that translated code calls, with values and not with guest memory.
//!
//! They are no part of the machine: what they compute depends on their operands alone, or on the x87 unit's state, which
//! nothing else in a region touches. So no region has to test its stamp after a call. The linker finds them by name; each
//! shares its body with the interpreter.
//!
//! | helper | operands | result |
//! |---|---|---|
//! | [`Helper::Large`] | operation, three vectors | [`x86::vector::large::large`] of them |
//! | [`Helper::Integer`] | operation, two integers | [`x86::integer::compute`] of them |
//! | [`Helper::X87`] | [`Form`], RIP, offset of the operand in its segment, the operand's bits, low half first | 1 where the interpreter has to take the instruction (nothing has changed), else 0; what is to be stored, or the word of flags, in `PRELIFT_RESULT` |

use crate::cpu::Cpu;
pub use crate::x87::{Form, Transfer};
use x86::integer::{self, IntegerOp};
use x86::vector::LargeOp;
use x86::vector::large;

/// A helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Helper {
    /// A large operation on vectors.
    Large,
    /// A large operation on integers.
    Integer,
    /// An instruction of the x87 unit.
    X87,
}

/// Type of a parameter or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// 128 bits.
    V128,
}

impl Helper {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All, by number.
    pub const ALL: [Helper; Helper::COUNT] = [Helper::Large, Helper::Integer, Helper::X87];

    /// The exported function's name, parameters and result.
    pub fn signature(self) -> (&'static str, &'static [Kind], Kind) {
        use Kind::{I32, I64, V128};
        match self {
            Helper::Large => ("prelift_large", &[I32, V128, V128, V128], V128),
            Helper::Integer => ("prelift_integer", &[I32, I64, I64], I64),
            Helper::X87 => ("prelift_x87", &[I64, I64, I64, I64, I64], I32),
        }
    }
}

/// [`Helper::Large`].
pub fn large(op: u32, operands: [u128; 3]) -> u128 {
    LargeOp::unpack(op).map_or(0, |op| large::large(op, operands))
}

/// [`Helper::Integer`].
pub fn integer(op: u32, a: u64, b: u64) -> u64 {
    IntegerOp::unpack(op).map_or(0, |op| integer::compute(op, a, b))
}

/// [`Helper::X87`]: what is to be stored, unless the interpreter has to take the instruction.
pub fn x87(cpu: &mut Cpu, form: u64, rip: u64, data: u64, operand: [u64; 2]) -> Option<[u64; 2]> {
    let operand = u128::from(operand[1]) << 64 | u128::from(operand[0]);
    let result = u128::from_le_bytes(crate::x87::execute_direct(cpu, form, rip, data, operand.to_le_bytes())?);
    Some([result as u64, (result >> 64) as u64])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuCell;
    use x86::Mnemonic;

    fn form(mnemonic: Mnemonic, size: u16) -> u64 {
        let form = Form { mnemonic, registers: [0, 3], size };
        assert_eq!(Form::unpack(form.pack()), Some(form));
        form.pack()
    }

    #[test]
    fn the_unit_loads_computes_and_stores() {
        let mut cpu = CpuCell::new();
        cpu.fcw = 0x37f;
        assert_eq!(x87(&mut cpu, form(Mnemonic::Fninit, 0), 0, 0, [0; 2]), Some([0; 2]));
        assert_eq!(x87(&mut cpu, form(Mnemonic::Fld, 8), 0x1234, 0x5678, [1.5f64.to_bits(), 0]), Some([0; 2]));
        assert_eq!((cpu.fip, cpu.fdp), (0x1234, 0x5678));
        assert!(x87(&mut cpu, form(Mnemonic::Fadd, 4), 0, 0, [0.25f32.to_bits().into(), 0]).is_some());
        assert_eq!(x87(&mut cpu, form(Mnemonic::Fstp, 8), 0, 0, [0; 2]), Some([1.75f64.to_bits(), 0]));
        assert_eq!(cpu.ftw, 0);
    }

    #[test]
    fn what_may_trap_is_refused() {
        let mut cpu = CpuCell::new();
        cpu.fcw = 0x37f;
        assert_eq!(x87(&mut cpu, form(Mnemonic::Fninit, 0), 0, 0, [0; 2]), Some([0; 2]));
        let refused = |cpu: &mut Cpu, form| x87(cpu, form, 1, 1, [0; 2]).is_none() && (cpu.fip, cpu.ftw) == (0, 0);
        cpu.fcw &= !4;
        assert!(refused(&mut cpu, form(Mnemonic::Fld1, 0)), "an exception is not masked");
        cpu.fcw |= 4;
        cpu.cr0 = 8;
        assert!(refused(&mut cpu, form(Mnemonic::Fld1, 0)), "#NM");
        cpu.cr0 = 0;
        cpu.fsw = 0x8080;
        assert!(refused(&mut cpu, form(Mnemonic::Fld1, 0)), "#MF");
        cpu.fsw = 0;
        assert!(refused(&mut cpu, form(Mnemonic::Emms, 0)), "no instruction of the unit");
        assert!(!refused(&mut cpu, form(Mnemonic::Fld1, 0)));
    }
}

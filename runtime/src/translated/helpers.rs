//! Functions of the runtime that translated code calls, with values and not with guest memory.
//!
//! They are no part of the machine: what they compute depends on their operands alone, or on the x87 unit's state, which
//! nothing else in a region touches. So no region has to test its stamp after a call. The linker finds them by name; each
//! shares its body with the interpreter.
//!
//! | helper | operands | result |
//! |---|---|---|
//! | [`Helper::Large`] | operation, three vectors | [`x86::vector::large::large`] of them |
//! | [`Helper::Integer`] | operation, three integers | [`x86::integer::compute`] of them |
//! | [`Helper::Aes`] | a state | the round of it; the key is the caller's to add |
//! | [`Helper::X87`] | [`Form`], RIP, offset of the operand in its segment, the operand's bits, low half first | 1 where the interpreter has to take the instruction (nothing has changed), else 0; what is to be stored, or the word of flags, in `PRELIFT_RESULT` |
//! | [`Helper::X87Quick`] | the same, the form as [`Form::quick`] gives it | the same |

use crate::cpu::Cpu;
use crate::x87::quick::{self, Site};
pub use crate::x87::{Form, Quick, Transfer};
use x86::integer::{self, IntegerOp};
use x86::vector::LargeOp;
use x86::vector::large::{self, AesOp, aes};

/// A helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Helper {
    /// A large operation on vectors.
    Large,
    /// A large operation on integers.
    Integer,
    /// An instruction of the x87 unit.
    X87,
    /// A common one, most often in a common state.
    X87Quick(Quick),
    /// A round of AES, without its key.
    Aes(Round),
}

/// A round of AES.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Round {
    /// Of encryption.
    Encrypt,
    /// The last of encryption.
    EncryptLast,
    /// Of decryption.
    Decrypt,
    /// The last of decryption.
    DecryptLast,
}

impl Round {
    /// The round that an operation is.
    pub fn of(op: LargeOp) -> Option<Round> {
        Some(match op {
            LargeOp::Aes(AesOp::Encrypt) => Round::Encrypt,
            LargeOp::Aes(AesOp::EncryptLast) => Round::EncryptLast,
            LargeOp::Aes(AesOp::Decrypt) => Round::Decrypt,
            LargeOp::Aes(AesOp::DecryptLast) => Round::DecryptLast,
            _ => return None,
        })
    }
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
    pub const COUNT: usize = 12;
    /// All, by number.
    pub const ALL: [Helper; Helper::COUNT] = [
        Helper::Large,
        Helper::Integer,
        Helper::X87,
        Helper::X87Quick(Quick::Load),
        Helper::X87Quick(Quick::Store),
        Helper::X87Quick(Quick::Sum),
        Helper::X87Quick(Quick::Product),
        Helper::X87Quick(Quick::Quotient),
        Helper::Aes(Round::Encrypt),
        Helper::Aes(Round::EncryptLast),
        Helper::Aes(Round::Decrypt),
        Helper::Aes(Round::DecryptLast),
    ];

    /// Its place in [`Helper::ALL`].
    pub fn number(self) -> usize {
        match self {
            Helper::Large => 0,
            Helper::Integer => 1,
            Helper::X87 => 2,
            Helper::X87Quick(quick) => 3 + quick as usize,
            Helper::Aes(round) => 8 + round as usize,
        }
    }

    /// The exported function's name, parameters and result.
    pub fn signature(self) -> (&'static str, &'static [Kind], Kind) {
        use Kind::{I32, I64, V128};
        const X87: &[Kind] = &[I64; 5];
        match self {
            Helper::Large => ("prelift_large", &[I32, V128, V128, V128], V128),
            Helper::Integer => ("prelift_integer", &[I32, I64, I64, I64], I64),
            Helper::X87 => ("prelift_x87", X87, I32),
            Helper::X87Quick(Quick::Load) => ("prelift_x87_load", X87, I32),
            Helper::X87Quick(Quick::Store) => ("prelift_x87_store", X87, I32),
            Helper::X87Quick(Quick::Sum) => ("prelift_x87_sum", X87, I32),
            Helper::X87Quick(Quick::Product) => ("prelift_x87_product", X87, I32),
            Helper::X87Quick(Quick::Quotient) => ("prelift_x87_quotient", X87, I32),
            Helper::Aes(Round::Encrypt) => ("prelift_aes_encrypt", &[V128], V128),
            Helper::Aes(Round::EncryptLast) => ("prelift_aes_encrypt_last", &[V128], V128),
            Helper::Aes(Round::Decrypt) => ("prelift_aes_decrypt", &[V128], V128),
            Helper::Aes(Round::DecryptLast) => ("prelift_aes_decrypt_last", &[V128], V128),
        }
    }
}

/// [`Helper::Large`].
pub fn large(op: u32, operands: [u128; 3]) -> u128 {
    LargeOp::unpack(op).map_or(0, |op| large::large(op, operands))
}

/// [`Helper::Aes`], of the state's halves.
#[inline(always)]
pub fn aes(round: Round, state: [u64; 2]) -> [u64; 2] {
    match round {
        Round::Encrypt => aes::encrypt(state, false),
        Round::EncryptLast => aes::encrypt(state, true),
        Round::Decrypt => aes::decrypt(state, false),
        Round::DecryptLast => aes::decrypt(state, true),
    }
}

/// [`Helper::Integer`].
pub fn integer(op: u32, operands: [u64; 3]) -> u64 {
    IntegerOp::unpack(op).map_or(0, |op| integer::compute(op, operands))
}

/// [`Helper::X87`]: what is to be stored, unless the interpreter has to take the instruction.
#[inline(never)]
pub fn x87(cpu: &mut Cpu, form: u64, rip: u64, data: u64, operand: [u64; 2]) -> Option<[u64; 2]> {
    let operand = u128::from(operand[1]) << 64 | u128::from(operand[0]);
    let result = u128::from_le_bytes(crate::x87::execute_direct(cpu, form, rip, data, operand.to_le_bytes())?);
    Some([result as u64, (result >> 64) as u64])
}

/// [`Helper::X87Quick`], which is [`x87`] in what it refuses.
#[inline(always)]
pub fn x87_quick(what: Quick, cpu: &mut Cpu, form: u64, rip: u64, data: u64, operand: [u64; 2]) -> Option<[u64; 2]> {
    let site = Site { rip, data, operand };
    let done = match what {
        Quick::Load => quick::load(cpu, form, site).then_some([0; 2]),
        Quick::Store => quick::store(cpu, form, site),
        Quick::Sum => quick::sum(cpu, form, site).then_some([0; 2]),
        Quick::Product => quick::product(cpu, form, site).then_some([0; 2]),
        Quick::Quotient => quick::quotient(cpu, form, site).then_some([0; 2]),
    };
    done.or_else(|| x87(cpu, form, rip, data, operand))
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

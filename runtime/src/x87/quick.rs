//! The instructions that translated code executes most, in the state that it nearly always is in: the control word's default
//! (all masked, nearest, 64 bits), nothing pending, operands and results that are normal. Each kind has a function of its own,
//! so that translated code says by its call what is to be done; what it refuses is [`execute_direct`]'s, which gives the same.
//!
//! [`execute_direct`]: super::execute_direct

use super::float::{self, Binary, Context, Direction, Extended};
use super::stack::{BUSY, C1, ES};
use super::unit::Form;
use super::{CR0_EM, CR0_TS};
use crate::cpu::Cpu;
use x86::Mnemonic as Mn;

/// What an instruction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quick {
    /// Pushes a number.
    Load,
    /// Gives ST(0), or copies it to a register.
    Store,
    /// Adds or subtracts.
    Sum,
    /// Multiplies.
    Product,
    /// Divides.
    Quotient,
}

/// Rounding control 0, precision control 3, all exceptions masked; the other bits do not matter.
const CONTROL: u16 = 0x33f;
const CONTROL_BITS: u16 = 0xf3f;
const CONTEXT: Context = Context { direction: Direction::Nearest, precision: 64, masked: 0x3f };

/// What the mnemonic says, above what [`Form::pack`] packs.
mod bit {
    /// ST(0) is popped.
    pub(super) const POPS: u64 = 1 << 48;
    /// The source is the first operand.
    pub(super) const REVERSED: u64 = 1 << 49;
    /// The second operand's sign is changed.
    pub(super) const SUBTRACTS: u64 = 1 << 50;
}

impl Form {
    /// What it does, if one of these functions knows it, and the form for that function.
    pub fn quick(self) -> Option<(Quick, u64)> {
        use Quick::{Load, Product, Quotient, Store, Sum};
        use bit::{POPS, REVERSED, SUBTRACTS};
        let (quick, bits) = match self.mnemonic {
            Mn::Fld => (Load, 0),
            Mn::Fst => (Store, 0),
            Mn::Fstp => (Store, POPS),
            Mn::Fadd => (Sum, 0),
            Mn::Faddp => (Sum, POPS),
            Mn::Fsub => (Sum, SUBTRACTS),
            Mn::Fsubp => (Sum, SUBTRACTS | POPS),
            Mn::Fsubr => (Sum, SUBTRACTS | REVERSED),
            Mn::Fsubrp => (Sum, SUBTRACTS | REVERSED | POPS),
            Mn::Fmul => (Product, 0),
            Mn::Fmulp => (Product, POPS),
            Mn::Fdiv => (Quotient, 0),
            Mn::Fdivp => (Quotient, POPS),
            Mn::Fdivr => (Quotient, REVERSED),
            Mn::Fdivrp => (Quotient, REVERSED | POPS),
            _ => return None,
        };
        Some((quick, self.pack() | bits))
    }
}

/// A form as [`Form::quick`] gives it.
#[derive(Clone, Copy)]
struct Packed(u64);

impl Packed {
    fn is(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    fn register(self, operand: u32) -> u8 {
        (self.0 >> (16 + 8 * operand)) as u8
    }

    /// Bytes of the operand in memory, 0 if it has none.
    fn size(self) -> u16 {
        (self.0 >> 32) as u16
    }
}

/// Where an instruction and its operand are, and what that holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) rip: u64,
    pub(crate) data: u64,
    pub(crate) operand: [u64; 2],
}

/// Whether the unit is in the common state.
#[inline(always)]
fn common(cpu: &Cpu) -> bool {
    cpu.cr0 & (CR0_EM | CR0_TS) == 0 && cpu.fsw & (ES | BUSY) == 0 && cpu.fcw & CONTROL_BITS == CONTROL
}

/// A number in memory: 0 or normal, or any of 80 bits.
#[inline(always)]
fn number(size: u16, operand: [u64; 2]) -> Option<Extended> {
    let [low, high] = operand;
    let (sign, biased, fraction, less) = match size {
        10 => return Some(Extended { high: high as u16, significand: low }),
        8 => (low >> 63, low >> 52 & 0x7ff, low << 12, 1023),
        4 => (low >> 31 & 1, low >> 23 & 0xff, low << 41, 127),
        _ => return None,
    };
    let (biased, significand) = match biased {
        0 if fraction == 0 => (0, 0),
        _ if biased == 0 || biased == 2 * less + 1 => return None,
        _ => (biased + 0x3fff - less, 1 << 63 | fraction >> 1),
    };
    Some(Extended { high: (biased | sign << 15) as u16, significand })
}

/// What every one of these leaves behind.
#[inline(always)]
fn done(cpu: &mut Cpu, form: Packed, site: Site, raised: u16, up: bool) {
    cpu.fsw = cpu.fsw & !C1 | raised | if up { C1 } else { 0 };
    if form.is(bit::POPS) {
        cpu.pop();
    }
    cpu.fip = site.rip;
    if form.size() != 0 {
        cpu.fdp = site.data;
    }
}

/// [`Quick::Load`]. Whether it is done; if not, nothing has changed.
pub(crate) fn load(cpu: &mut Cpu, form: u64, site: Site) -> bool {
    load_number(cpu, Packed(form), site).is_some()
}

#[inline(always)]
fn load_number(cpu: &mut Cpu, form: Packed, site: Site) -> Option<()> {
    if !common(cpu) || !cpu.is_empty(7) {
        return None;
    }
    let value = match form.size() {
        0 => cpu.st(form.register(0))?,
        size => number(size, site.operand)?,
    };
    cpu.push(value);
    done(cpu, form, site, 0, false);
    Some(())
}

/// [`Quick::Store`]: what is to be stored.
pub(crate) fn store(cpu: &mut Cpu, form: u64, site: Site) -> Option<[u64; 2]> {
    let form = Packed(form);
    let value = cpu.st(0).filter(|_| common(cpu))?;
    let (stored, raised, up) = match form.size() {
        0 => {
            cpu.set_st(form.register(0), value);
            ([0; 2], 0, false)
        }
        10 => ([value.significand, value.high.into()], 0, false),
        8 => narrowed(float::to_double(value)?),
        4 => narrowed(float::to_single(value)?),
        _ => return None,
    };
    done(cpu, form, site, raised, up);
    Some(stored)
}

fn narrowed((bits, raised, up): (u64, u16, bool)) -> ([u64; 2], u16, bool) {
    ([bits, 0], raised, up)
}

#[inline(always)]
fn arithmetic(op: Binary, cpu: &mut Cpu, form: Packed, site: Site) -> Option<()> {
    if !common(cpu) {
        return None;
    }
    let destination = form.register(0);
    let first = cpu.st(destination)?;
    let second = match form.size() {
        0 => cpu.st(form.register(1))?,
        size => number(size, site.operand)?,
    };
    let (first, second) = if form.is(bit::REVERSED) { (second, first) } else { (first, second) };
    let second = second.with_sign(second.is_negative() != form.is(bit::SUBTRACTS));
    let result = float::ordinary(op, CONTEXT, first, second)?;
    cpu.set_st(destination, result.value);
    done(cpu, form, site, result.raised, result.up);
    Some(())
}

/// [`Quick::Sum`]. Whether it is done, as of the following.
pub(crate) fn sum(cpu: &mut Cpu, form: u64, site: Site) -> bool {
    arithmetic(Binary::Add, cpu, Packed(form), site).is_some()
}

/// [`Quick::Product`].
pub(crate) fn product(cpu: &mut Cpu, form: u64, site: Site) -> bool {
    arithmetic(Binary::Mul, cpu, Packed(form), site).is_some()
}

/// [`Quick::Quotient`].
pub(crate) fn quotient(cpu: &mut Cpu, form: u64, site: Site) -> bool {
    arithmetic(Binary::Div, cpu, Packed(form), site).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::cell::CpuCell;
    use crate::translated::helpers::{x87, x87_quick};

    const MNEMONICS: [Mn; 15] = [
        Mn::Fld,
        Mn::Fst,
        Mn::Fstp,
        Mn::Fadd,
        Mn::Faddp,
        Mn::Fsub,
        Mn::Fsubp,
        Mn::Fsubr,
        Mn::Fsubrp,
        Mn::Fmul,
        Mn::Fmulp,
        Mn::Fdiv,
        Mn::Fdivp,
        Mn::Fdivr,
        Mn::Fdivrp,
    ];

    /// xorshift64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn below(&mut self, end: u64) -> u64 {
            self.next() % end
        }

        /// A number whose exponent is near 0, near an end of a format, or special, with significands of few and of many bits.
        fn number(&mut self) -> [u64; 2] {
            let near: [u64; 9] =
                [0x3fff, 0x3fff, 0x3fff, 0x3fff - 1023, 0x3fff + 1023, 0x3fff - 127, 0x3fff + 127, 1, 0x7fff];
            let exponent = near[self.below(9) as usize].wrapping_add(self.below(5)).wrapping_sub(2);
            let significand = match self.below(4) {
                0 => 1 << 63,
                1 => u64::MAX << self.below(64),
                2 => self.next() | 1 << 63,
                _ => self.next() << self.below(64) | u64::from(self.below(9) > 0) << 63,
            };
            let zero = self.below(16) == 0;
            if zero { [0, self.below(2) << 15] } else { [significand, exponent & 0x7fff | self.below(2) << 15] }
        }

        fn operand(&mut self, size: u16) -> [u64; 2] {
            let [significand, high] = self.number();
            let rebased = |bias: u64| (high & 0x7fff).wrapping_sub(0x3fff - bias) & (2 * bias + 1);
            match size {
                8 => [(high >> 15) << 63 | rebased(1023) << 52 | significand << 1 >> 12, 0],
                4 => [(high >> 15) << 31 | rebased(127) << 23 | significand << 1 >> 41, 0],
                _ => [significand, high],
            }
        }

        fn state(&mut self, cpu: &mut Cpu) {
            cpu.fpr = std::array::from_fn(|_| self.number());
            cpu.fcw = if self.below(8) > 0 { 0x37f } else { 0x3f | (self.below(16) as u16) << 8 };
            cpu.fsw = (self.next() as u16) & !(ES | BUSY);
            cpu.ftw = (self.next() | self.next()) as u8;
            (cpu.fip, cpu.fdp) = (0, 0);
        }
    }

    fn unit(cpu: &Cpu) -> ([[u64; 2]; 8], [u16; 2], u8, [u64; 2]) {
        (cpu.fpr, [cpu.fcw, cpu.fsw], cpu.ftw, [cpu.fip, cpu.fdp])
    }

    #[test]
    fn they_do_as_the_others_do() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut quickly = [0; 5];
        let mut cpus = [CpuCell::new(), CpuCell::new(), CpuCell::new()];
        for case in 0..300_000 {
            let mnemonic = MNEMONICS[random.below(15) as usize];
            let transfers = matches!(mnemonic, Mn::Fld | Mn::Fstp);
            let size = [0, 0, 4, 8, if transfers { 10 } else { 0 }][random.below(5) as usize];
            let registers = if size == 0 { [random.below(8) as u8, random.below(8) as u8] } else { [0; 2] };
            let form = Form { mnemonic, registers, size };
            let (what, packed) = form.quick().unwrap();
            let (operand, seed) = (random.operand(size), random.next() | 1);
            cpus.iter_mut().for_each(|cpu| Random(seed).state(cpu));
            let [one, other, alone] = &mut cpus;
            let expected = x87(other, form.pack(), 5, 6, operand);
            let found = x87_quick(what, one, packed, 5, 6, operand);
            assert_eq!((found, unit(one)), (expected, unit(other)), "{case}: {form:?}, {operand:x?}");
            let site = Site { rip: 5, data: 6, operand };
            let done = match what {
                Quick::Load => load(alone, packed, site),
                Quick::Store => store(alone, packed, site).is_some(),
                Quick::Sum => sum(alone, packed, site),
                Quick::Product => product(alone, packed, site),
                Quick::Quotient => quotient(alone, packed, site),
            };
            quickly[what as usize] += u32::from(done);
        }
        assert!(quickly.iter().all(|count| *count > 3000), "{quickly:?}");
    }
}

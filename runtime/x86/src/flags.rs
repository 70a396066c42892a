//! Arithmetic flags, evaluated lazily, and the conditions made of them.
//!
//! An instruction leaves the operation that it did and its operands ([`Flags`]); CF, PF, AF, ZF, SF and OF are computed
//! when somebody asks. Each formula is written once, over [`Arith`]: the interpreter evaluates it, the lifter records it.
//! SDM volume 1, section 3.4.3.1; conditions: appendix B.1.

use crate::machine::{Arith, Compare, UnOp};
use crate::width::Width;

/// Bits of RFLAGS.
pub mod bit {
    /// Carry.
    pub const CF: u64 = 1 << 0;
    /// Parity of the low 8 bits.
    pub const PF: u64 = 1 << 2;
    /// Carry out of bit 3.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Overflow.
    pub const OF: u64 = 1 << 11;
    /// All six.
    pub const ARITHMETIC: u64 = CF | PF | AF | ZF | SF | OF;
}

/// The operation that set the flags, and what [`Flags::dst`], [`Flags::src`] and [`Flags::carry`] hold for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FlagOp {
    /// `dst` is a word of flags, as in RFLAGS.
    Explicit = 0,
    /// `dst` is the result of an operation that clears CF, OF and AF.
    Logic = 1,
    /// `dst` = a + `src`.
    Add = 2,
    /// `dst` = a + `src` + `carry`.
    Adc = 3,
    /// `dst` − `src` was computed: `dst` is the minuend.
    Sub = 4,
    /// `dst` − `src` − `carry` was computed: `dst` is the minuend.
    Sbb = 5,
    /// `dst` = a + 1; CF is `src`.
    Inc = 6,
    /// `dst` = a − 1; CF is `src`.
    Dec = 7,
    /// `dst` = a << n; `src` = a << (n − 1).
    Shl = 8,
    /// `dst` = a >> n; `src` = a >> (n − 1), unsigned.
    Shr = 9,
    /// `dst` = a >> n; `src` = a >> (n − 1), signed.
    Sar = 10,
    /// `dst` is the low half of a product; CF and OF are `src`.
    Mul = 11,
}

impl FlagOp {
    /// All, by number.
    pub const ALL: [FlagOp; 12] = [
        FlagOp::Explicit,
        FlagOp::Logic,
        FlagOp::Add,
        FlagOp::Adc,
        FlagOp::Sub,
        FlagOp::Sbb,
        FlagOp::Inc,
        FlagOp::Dec,
        FlagOp::Shl,
        FlagOp::Shr,
        FlagOp::Sar,
        FlagOp::Mul,
    ];

    /// One number for operation and width, as the CPU state holds it.
    #[inline(always)]
    pub const fn pack(self, w: Width) -> u32 {
        (self as u32) << 2 | w as u32
    }

    /// The inverse of [`FlagOp::pack`]; `None` for a number that it does not give.
    #[inline(always)]
    pub const fn unpack(packed: u32) -> Option<(FlagOp, Width)> {
        let op = (packed >> 2) as usize;
        if op >= Self::ALL.len() {
            return None;
        }
        Some((Self::ALL[op], Width::ALL[(packed & 3) as usize]))
    }
}

/// The flags as their last setter left them. Values are zero-extended from `width`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags<I> {
    /// The operation.
    pub op: FlagOp,
    /// Its width.
    pub width: Width,
    /// See [`FlagOp`].
    pub dst: I,
    /// See [`FlagOp`].
    pub src: I,
    /// See [`FlagOp`]; 0 or 1.
    pub carry: I,
}

/// The sixteen conditions of Jcc, SETcc and CMOVcc, in encoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Condition {
    O,
    No,
    B,
    Ae,
    E,
    Ne,
    Be,
    A,
    S,
    Ns,
    P,
    Np,
    L,
    Ge,
    Le,
    G,
}

impl Condition {
    /// All, in encoding order.
    #[rustfmt::skip]
    pub const ALL: [Condition; 16] = [
        Condition::O, Condition::No, Condition::B, Condition::Ae, Condition::E, Condition::Ne, Condition::Be, Condition::A,
        Condition::S, Condition::Ns, Condition::P, Condition::Np, Condition::L, Condition::Ge, Condition::Le, Condition::G,
    ];

    /// Whether this is the negation of the condition one below.
    const fn negated(self) -> bool {
        self as u8 & 1 == 1
    }
}

/// The result of the operation, at its width; meaningless for [`FlagOp::Explicit`].
fn result<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Int {
    match f.op {
        FlagOp::Sub => a.sub(f.width, f.dst, f.src),
        FlagOp::Sbb => {
            let difference = a.sub(f.width, f.dst, f.src);
            a.sub(f.width, difference, f.carry)
        }
        _ => f.dst,
    }
}

fn explicit<A: Arith>(a: &mut A, f: Flags<A::Int>, bit: u64) -> A::Bool {
    let masked = a.and_imm(f.dst, bit);
    a.is_nonzero(masked)
}

fn never<A: Arith>(a: &mut A) -> A::Bool {
    let zero = a.imm(0);
    a.is_nonzero(zero)
}

/// CF.
pub fn carry<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    let w = f.width;
    match f.op {
        FlagOp::Explicit => explicit(a, f, bit::CF),
        FlagOp::Logic => never(a),
        FlagOp::Add => a.compare(Compare::LtUnsigned, w, f.dst, f.src),
        FlagOp::Sub => a.compare(Compare::LtUnsigned, w, f.dst, f.src),
        FlagOp::Adc | FlagOp::Sbb => {
            let without = a.compare(Compare::LtUnsigned, w, f.dst, f.src);
            let equal = a.compare(Compare::Eq, w, f.dst, f.src);
            let carried = a.is_nonzero(f.carry);
            let with = a.both(equal, carried);
            a.either(without, with)
        }
        FlagOp::Inc | FlagOp::Dec | FlagOp::Mul => a.is_nonzero(f.src),
        FlagOp::Shl => a.is_negative(w, f.src),
        FlagOp::Shr | FlagOp::Sar => {
            let low = a.and_imm(f.src, 1);
            a.is_nonzero(low)
        }
    }
}

/// ZF.
pub fn zero<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    match f.op {
        FlagOp::Explicit => explicit(a, f, bit::ZF),
        FlagOp::Sub => a.compare(Compare::Eq, f.width, f.dst, f.src),
        _ => {
            let result = result(a, f);
            a.is_zero(result)
        }
    }
}

/// SF.
pub fn sign<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    if f.op == FlagOp::Explicit {
        return explicit(a, f, bit::SF);
    }
    let result = result(a, f);
    a.is_negative(f.width, result)
}

/// PF: even parity of the result's low byte.
pub fn parity<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    if f.op == FlagOp::Explicit {
        return explicit(a, f, bit::PF);
    }
    let result = result(a, f);
    let low = a.and_imm(result, 0xff);
    let ones = a.un(UnOp::Popcnt, Width::W64, low);
    let odd = a.and_imm(ones, 1);
    a.is_zero(odd)
}

/// OF.
pub fn overflow<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    let w = f.width;
    match f.op {
        FlagOp::Explicit => explicit(a, f, bit::OF),
        FlagOp::Logic | FlagOp::Sar => never(a),
        FlagOp::Add | FlagOp::Adc => {
            let addend = minuend_or_addend(a, f);
            let x = a.xor(addend, f.dst);
            let y = a.xor(f.src, f.dst);
            let both = a.and(x, y);
            a.is_negative(w, both)
        }
        FlagOp::Sub | FlagOp::Sbb => {
            let difference = result(a, f);
            let x = a.xor(f.dst, f.src);
            let y = a.xor(f.dst, difference);
            let both = a.and(x, y);
            a.is_negative(w, both)
        }
        FlagOp::Inc => {
            let least = a.imm(w.sign());
            a.compare(Compare::Eq, w, f.dst, least)
        }
        FlagOp::Dec => {
            let greatest = a.imm(w.sign() - 1);
            a.compare(Compare::Eq, w, f.dst, greatest)
        }
        FlagOp::Shl => {
            let both = a.xor(f.dst, f.src);
            a.is_negative(w, both)
        }
        FlagOp::Shr => a.is_negative(w, f.src),
        FlagOp::Mul => a.is_nonzero(f.src),
    }
}

/// The first operand of an addition or subtraction.
fn minuend_or_addend<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Int {
    match f.op {
        FlagOp::Add => a.sub(f.width, f.dst, f.src),
        FlagOp::Adc => {
            let without = a.sub(f.width, f.dst, f.src);
            a.sub(f.width, without, f.carry)
        }
        _ => f.dst,
    }
}

/// AF as bit 4 of a word; 0 where it is undefined.
fn adjust<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Int {
    match f.op {
        FlagOp::Explicit => a.and_imm(f.dst, bit::AF),
        FlagOp::Add | FlagOp::Adc | FlagOp::Sub | FlagOp::Sbb => {
            let first = minuend_or_addend(a, f);
            let result = result(a, f);
            let sum = a.xor(first, f.src);
            let carries = a.xor(sum, result);
            a.and_imm(carries, bit::AF)
        }
        FlagOp::Inc | FlagOp::Dec => {
            // The carry out of bit 3 of a + 1 is there if the low digit became 0; of a − 1, if it became 15.
            let digit = a.and_imm(f.dst, 0xf);
            let wrapped = a.imm(if f.op == FlagOp::Inc { 0 } else { 0xf });
            let carried = a.compare(Compare::Eq, Width::W64, digit, wrapped);
            let carried = a.int(carried);
            a.shl_imm(carried, 4)
        }
        _ => a.imm(0),
    }
}

/// All six flags as a word, each at its place in RFLAGS.
pub fn word<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Int {
    if f.op == FlagOp::Explicit {
        return a.and_imm(f.dst, bit::ARITHMETIC);
    }
    let mut word = adjust(a, f);
    let bits = [
        (carry(a, f), bit::CF),
        (parity(a, f), bit::PF),
        (zero(a, f), bit::ZF),
        (sign(a, f), bit::SF),
        (overflow(a, f), bit::OF),
    ];
    for (set, place) in bits {
        let value = placed(a, set, place);
        word = a.or(word, value);
    }
    word
}

/// Whether `condition` holds.
pub fn holds<A: Arith>(a: &mut A, f: Flags<A::Int>, condition: Condition) -> A::Bool {
    if let Some(direct) = directly(a, f, condition) {
        return direct;
    }
    let positive = match condition {
        Condition::O | Condition::No => overflow(a, f),
        Condition::B | Condition::Ae => carry(a, f),
        Condition::E | Condition::Ne => zero(a, f),
        Condition::Be | Condition::A => {
            let (c, z) = (carry(a, f), zero(a, f));
            a.either(c, z)
        }
        Condition::S | Condition::Ns => sign(a, f),
        Condition::P | Condition::Np => parity(a, f),
        Condition::L | Condition::Ge => less(a, f),
        Condition::Le | Condition::G => {
            let (l, z) = (less(a, f), zero(a, f));
            a.either(l, z)
        }
    };
    if condition.negated() { a.not(positive) } else { positive }
}

/// SF ≠ OF.
fn less<A: Arith>(a: &mut A, f: Flags<A::Int>) -> A::Bool {
    let (s, o) = (sign(a, f), overflow(a, f));
    let (s, o) = (a.int(s), a.int(o));
    a.compare(Compare::Ne, Width::W64, s, o)
}

/// Conditions that are one comparison of the operands: those after a subtraction, and the signed ones after a
/// logical operation, where OF is 0.
fn directly<A: Arith>(a: &mut A, f: Flags<A::Int>, condition: Condition) -> Option<A::Bool> {
    let (x, y) = match f.op {
        FlagOp::Sub => (f.dst, f.src),
        FlagOp::Logic => (f.dst, a.imm(0)),
        _ => return None,
    };
    let w = f.width;
    Some(match condition {
        Condition::E => a.compare(Compare::Eq, w, x, y),
        Condition::Ne => a.compare(Compare::Ne, w, x, y),
        Condition::B => a.compare(Compare::LtUnsigned, w, x, y),
        Condition::Ae => a.compare(Compare::LeUnsigned, w, y, x),
        Condition::Be => a.compare(Compare::LeUnsigned, w, x, y),
        Condition::A => a.compare(Compare::LtUnsigned, w, y, x),
        Condition::L => a.compare(Compare::LtSigned, w, x, y),
        Condition::Ge => a.compare(Compare::LeSigned, w, y, x),
        Condition::Le => a.compare(Compare::LeSigned, w, x, y),
        Condition::G => a.compare(Compare::LtSigned, w, y, x),
        _ => return None,
    })
}

/// Flags after an instruction that sets only those in `mask` to the bits of `values`, and leaves the others.
pub fn merged<A: Arith>(a: &mut A, before: Flags<A::Int>, mask: u64, values: A::Int) -> A::Int {
    let old = word(a, before);
    let old = a.and_imm(old, bit::ARITHMETIC & !mask);
    a.or(old, values)
}

/// `set` as a flag at `place`.
pub fn placed<A: Arith>(a: &mut A, set: A::Bool, place: u64) -> A::Int {
    let set = a.int(set);
    a.shl_imm(set, place.trailing_zeros())
}

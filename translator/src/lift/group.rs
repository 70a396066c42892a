//! Groups: instructions of a block that take effect together, once what they computed was tested.
//!
//! A floating-point instruction opens a group, and what follows is part of it. Variables are set only when it ends, with the
//! block or before what changes in place (memory, the x87 unit, fields of the processor's state) or decides about what was
//! computed (MXCSR), after one test of all its numbers; so a way out of any of its instructions leads to the first one, which
//! the interpreter takes again: nothing that it sees has happened.
//!
//! ```text
//! leave unless every number is ordinary and MXCSR in its common mode                 for four numbers at once
//!           or each operation's own test (`x86::vector::float::fast`) holds          computed only where that fails;
//!                                                                                    exact results need no MXCSR
//! set variables
//! ```
//!
//! *Ordinary* is what passes all those tests and is told by the exponent alone: not too *small*, which zeros and denormals are, and
//! what is below twice the least normal number, since a result there may have been tiny; nor too *large*, infinite or a NaN. Of a
//! number it is asked what its use needs, and not what follows from others: what is too large shows in what arithmetic makes of it.

use super::machine::Lifter;
use crate::ir::{Exit, ExitKind, FlagsAt, Inst, Reg, Type, Value};
use runtime::translated::abi::ExitReason;
use x86::vector::VecOp;
use x86::vector::float::FloatOp;
use x86::vector::float::FloatWidth::{self, F32, F64};
use x86::vector::float::mxcsr::{PE, QUICK, QUICK_BITS};
use x86::{Arith, BinOp, Compare, Vector, Width};

/// The ends of the range of ordinary numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ends {
    small: bool,
    large: bool,
}

impl Ends {
    /// Too small.
    pub(super) const SMALL: Ends = Ends { small: true, large: false };
    /// Too large.
    pub(super) const LARGE: Ends = Ends { small: false, large: true };
    /// Both.
    pub(super) const BOTH: Ends = Ends { small: true, large: true };

    fn and(self, other: Ends) -> Ends {
        Ends { small: self.small || other.small, large: self.large || other.large }
    }
}

/// A number, or a vector of numbers.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    width: FloatWidth,
    value: Value,
    /// What they must not be.
    wanted: Ends,
    /// What they are not if the others are as they must be.
    implied: Ends,
}

/// The upper 32 bits of the lanes of two vectors of binary64.
const UPPER_WORDS: [u8; 16] = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];

/// Instructions that have not taken effect yet.
#[derive(Debug)]
pub(super) struct Group {
    offset: i64,
    retired: u32,
    flags: FlagsAt,
    sets: Vec<(Reg, Value)>,
    numbers: Vec<Numbers>,
    /// What holds of ordinary numbers, and must hold of others.
    conditions: Vec<Value>,
    /// What must hold of any.
    always: Vec<Value>,
    /// Whether MXCSR matters.
    rounds: bool,
    /// What must hold as long as MXCSR does not say that a result was inexact.
    exact: Vec<Value>,
}

impl Group {
    /// A way out before its first instruction.
    pub(super) fn exit(&self, kind: ExitKind) -> Exit {
        Exit { kind, offset: self.offset, retired: self.retired, flags: self.flags }
    }

    /// Sets a variable when it ends.
    pub(super) fn set_later(&mut self, reg: Reg, value: Value) {
        match self.sets.iter_mut().find(|(set, _)| *set == reg) {
            Some((_, last)) => *last = value,
            None => self.sets.push((reg, value)),
        }
    }
}

impl Lifter<'_> {
    /// The group that the instruction is part of.
    fn group(&mut self) -> &mut Group {
        self.imprecise |= self.written;
        self.group.get_or_insert_with(|| Group {
            offset: self.offset,
            retired: self.retired,
            flags: self.flags.at(),
            sets: Vec::new(),
            numbers: Vec::new(),
            conditions: Vec::new(),
            always: Vec::new(),
            rounds: false,
            exact: Vec::new(),
        })
    }

    /// A result is rounded: MXCSR must be in its common mode. Where nothing was inexact yet this result has to be exact.
    pub(super) fn rounds(&mut self, exact: Value) {
        let group = self.group();
        group.rounds = true;
        group.exact.push(exact);
    }

    /// Unless a number, or all of a vector, is neither the conditions are looked at.
    pub(super) fn expect(&mut self, width: FloatWidth, value: Value, neither: Ends) {
        let constant = self.passes(width, value);
        let numbers = self.numbers(width, value);
        numbers.wanted = numbers.wanted.and(neither);
        if constant {
            numbers.implied = Ends::BOTH;
        }
    }

    /// It is neither if the other numbers are as they must be.
    pub(super) fn implied(&mut self, width: FloatWidth, value: Value, neither: Ends) {
        let numbers = self.numbers(width, value);
        numbers.implied = numbers.implied.and(neither);
    }

    /// Arithmetic: infinite operands and NaNs show in the result, but for a divisor, of which 0 comes.
    pub(super) fn expect_arithmetic(&mut self, op: FloatOp, width: FloatWidth, operands: [Value; 2], result: Value) {
        for operand in operands {
            self.expect(width, operand, Ends::SMALL);
            self.implied(width, operand, Ends::LARGE);
        }
        // Sums that are tiny are exact.
        let exact = !matches!(op, FloatOp::Mul | FloatOp::Div);
        self.expect(width, result, if exact { Ends::LARGE } else { Ends::BOTH });
    }

    fn numbers(&mut self, width: FloatWidth, value: Value) -> &mut Numbers {
        let group = self.group();
        let place = group.numbers.iter().position(|n| (n.width, n.value) == (width, value));
        let place = place.unwrap_or_else(|| {
            let none = Ends::default();
            group.numbers.push(Numbers { width, value, wanted: none, implied: none });
            group.numbers.len() - 1
        });
        &mut group.numbers[place]
    }

    /// Whether it is a constant that passes as an operand: 0 or normal.
    fn passes(&self, w: FloatWidth, value: Value) -> bool {
        let region = &self.builder.region;
        let bits = w.bits().bits();
        let lane = |lanes: u128, lane: u8| (lanes >> (u32::from(lane) * bits)) as u64 & w.bits().mask();
        let passes = |number: u64| {
            let magnitude = number & !w.sign();
            magnitude == 0 || (w.least_normal()..w.infinity()).contains(&magnitude)
        };
        match *region.inst(value) {
            Inst::FromBits(_, bits) => region.constant(bits).is_some_and(passes),
            Inst::VecLaneFloat(_, a, index) => match *region.inst(a) {
                Inst::VecConst(lanes) => passes(lane(lanes, index)),
                _ => false,
            },
            Inst::VecConst(lanes) => (0..(128 / bits) as u8).all(|index| passes(lane(lanes, index))),
            _ => false,
        }
    }

    /// What is to hold, but need not be looked at where all numbers are ordinary.
    pub(super) fn needs(&mut self, condition: Value) {
        match *self.builder.region.inst(condition) {
            Inst::ConstBool(true) => {}
            Inst::Both(a, b) => {
                self.needs(a);
                self.needs(b);
            }
            _ if !self.tested.insert(condition) => {}
            _ => self.group().conditions.push(condition),
        }
    }

    /// What is to hold of any numbers.
    pub(super) fn needs_always(&mut self, condition: Value) {
        let known = matches!(self.builder.region.inst(condition), Inst::ConstBool(true));
        if !known && self.tested.insert(condition) {
            self.group().always.push(condition);
        }
    }

    /// Ends the group: tests, then sets.
    pub(super) fn commit(&mut self) {
        let Some(group) = self.group.take() else { return };
        let exit = self.builder.region.add_exit(group.exit(ExitKind::Side(ExitReason::Rare)));
        for condition in group.always.iter().copied() {
            let condition = self.not(condition);
            self.builder.push(Inst::ExitIf { condition, exit });
        }
        if let Some(odd) = self.odd(&group) {
            let holds = self.all_hold(&group);
            let fails = self.not(holds);
            let condition = self.both(odd, fails);
            self.builder.push(Inst::ExitIf { condition, exit });
        }
        for (reg, value) in group.sets {
            self.builder.push(Inst::Set(reg, value));
        }
    }

    /// Whether something is not ordinary.
    fn odd(&mut self, group: &Group) -> Option<Value> {
        let mut words = Vec::new();
        for w in [F32, F64] {
            words.extend(self.odd_lanes(w, &group.numbers));
        }
        let mut usual = 0;
        if group.rounds {
            // The four bits of lanes are none of MXCSR's that matter.
            words.push(self.mode());
            usual = QUICK;
        }
        let all = words.into_iter().reduce(|a, b| self.bin(BinOp::Or, Width::W64, a, b))?;
        let usual = self.imm(usual.into());
        Some(self.compare(Compare::Ne, Width::W32, all, usual))
    }

    /// MXCSR without the flags that do not matter.
    fn mode(&mut self) -> Value {
        let mxcsr = self.builder.get(Reg::MXCSR);
        self.and_imm(mxcsr, QUICK_BITS.into())
    }

    /// Not 0 if there is a number that is not ordinary.
    fn odd_lanes(&mut self, w: FloatWidth, numbers: &[Numbers]) -> Option<Value> {
        let tested = |end: fn(Ends) -> bool| {
            let tested = numbers.iter().filter(|n| n.width == w && end(n.wanted) && !end(n.implied));
            tested.map(|n| n.value).collect::<Vec<_>>()
        };
        let (small, large) = (tested(|ends| ends.small), tested(|ends| ends.large));
        let (place, infinity) = if w == F32 { (23, 0xff) } else { (20, 0x7ff) };
        let words = |word: u32| u128::from(word) * 0x1_0000_0001_0000_0001_0000_0001;
        let mut lanes = Width::W32;
        let small = self.magnitudes(w, small).map(|(magnitudes, of)| {
            lanes = of;
            let least = self.vec_const(words(2 << place));
            let smallest = self.all_in_one(VecOp::I32x4MinS, magnitudes);
            self.vec_bin(VecOp::I32x4GtS, least, smallest)
        });
        let large = self.magnitudes(w, large).map(|(magnitudes, of)| {
            let last = self.vec_const(words((infinity << place) - 1));
            let largest = self.all_in_one(VecOp::I32x4MaxS, magnitudes);
            (self.vec_bin(VecOp::I32x4GtS, largest, last), of)
        });
        match (small, large) {
            (None, None) => None,
            (Some(small), None) => Some(self.vec_bitmask(lanes, small)),
            (None, Some((large, _))) => Some(self.vec_bitmask(Width::W32, large)),
            // Where lanes have 64 bits the lower word of what was not put together says nothing of what is too small.
            (Some(small), Some((large, Width::W32))) if lanes == Width::W64 => {
                let (small, large) = (self.vec_bitmask(lanes, small), self.vec_bitmask(Width::W32, large));
                Some(self.bin(BinOp::Or, Width::W64, small, large))
            }
            (Some(small), Some((large, _))) => {
                let odd = self.vec_bin(VecOp::V128Or, small, large);
                Some(self.vec_bitmask(lanes, odd))
            }
        }
    }

    /// Numbers without their sign, exponents first, in 32-bit lanes; or in the upper ones of 64-bit lanes, and 0 in the lower,
    /// if there is one vector of these.
    fn magnitudes(&mut self, w: FloatWidth, numbers: Vec<Value>) -> Option<(Vec<Value>, Width)> {
        let region = &self.builder.region;
        let (mut vectors, single): (Vec<Value>, Vec<Value>) =
            numbers.into_iter().partition(|value| region.inst(*value).ty() == Type::Vec);
        // What a loop does not change comes first: the engine takes it, and what is made of it alone, out of the loop.
        vectors.sort_by_key(|value| !matches!(region.inst(*value), Inst::Get(_)));
        for numbers in single.chunks(16 / w.bits().bytes() as usize) {
            vectors.push(self.joined(w, numbers));
        }
        let mut lanes = Width::W32;
        let mut without_sign = 0x7fff_ffff_7fff_ffff_7fff_ffff_7fff_ffff;
        if w == F64 && vectors.len() == 1 {
            lanes = Width::W64;
            without_sign = 0x7fff_ffff_0000_0000_7fff_ffff_0000_0000;
        } else if w == F64 {
            let pairs = vectors.chunks(2);
            let upper = pairs.map(|pair| self.vec_shuffle(pair[0], pair[pair.len() - 1], UPPER_WORDS));
            vectors = upper.collect();
        }
        let without_sign = self.vec_const(without_sign);
        let magnitudes = vectors.into_iter().map(|vector| self.vec_bin(VecOp::V128And, vector, without_sign));
        let magnitudes: Vec<Value> = magnitudes.collect();
        (!magnitudes.is_empty()).then_some((magnitudes, lanes))
    }

    fn all_in_one(&mut self, op: VecOp, vectors: Vec<Value>) -> Value {
        let all = vectors.into_iter().reduce(|a, b| self.vec_bin(op, a, b));
        all.unwrap_or_else(|| self.vec_const(0))
    }

    /// A vector that has all of these numbers, and no others.
    fn joined(&mut self, w: FloatWidth, numbers: &[Value]) -> Value {
        let mut all = match *self.builder.region.inst(numbers[0]) {
            Inst::VecLaneFloat(F64, vector, 0) if numbers.len() == 2 => vector,
            _ => self.builder.push(Inst::VecSplatFloat(w, numbers[0])),
        };
        for (lane, &number) in (1..).zip(&numbers[1..]) {
            all = self.builder.push(Inst::VecWithLaneFloat(w, all, lane, number));
        }
        all
    }

    /// Whether each operation's own test holds.
    fn all_hold(&mut self, group: &Group) -> Value {
        let mut conditions = group.conditions.clone();
        if group.rounds {
            let mode = self.mode();
            let (common, clear) = (self.imm(QUICK.into()), self.imm((QUICK & !PE).into()));
            let inexact = self.compare(Compare::Eq, Width::W32, mode, common);
            let not_yet = self.compare(Compare::Eq, Width::W32, mode, clear);
            let exact = self.all_of(group.exact.clone());
            let exact = self.both(not_yet, exact);
            conditions.push(self.either(inexact, exact));
        }
        self.all_of(conditions)
    }

    /// Whether all hold; pair by pair, so that the expression is not deep.
    fn all_of(&mut self, mut conditions: Vec<Value>) -> Value {
        while conditions.len() > 1 {
            conditions = conditions.chunks(2).map(|pair| self.both(pair[0], pair[pair.len() - 1])).collect();
        }
        match conditions.pop() {
            Some(all) => all,
            None => self.builder.truth(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::{Inst, Region, Value};
    use crate::lift::{FloatTests, Helpers, Options, Privilege, RegionSource, SourceBlock, leaves, lift};

    const ADDSD: [u8; 4] = [0xf2, 0x0f, 0x58, 0xc1];
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    const FLD1: [u8; 2] = [0xd9, 0xe8];

    fn region(code: &[&[u8]], options: &Options) -> Region {
        let blocks = vec![SourceBlock { offset: 0, bytes: code.concat(), runs: None }];
        let entries = vec![0];
        let source = RegionSource {
            privilege: Privilege::User,
            index: 0,
            name: String::new(),
            blocks,
            entries,
            inlined: Vec::new(),
        };
        lift(&source, options).unwrap().region
    }

    /// Places of such instructions in the first block.
    fn places(region: &Region, is: fn(&Inst) -> bool) -> Vec<usize> {
        let insts: &[Value] = &region.blocks[0].insts;
        (0..insts.len()).filter(|place| is(region.inst(insts[*place]))).collect()
    }

    fn tests(region: &Region) -> Vec<usize> {
        places(region, |inst| matches!(inst, Inst::ExitIf { .. }))
    }

    #[test]
    fn instructions_are_tested_together() {
        let code: [&[u8]; 3] = [&ADDSD, &ADDSD, &ADDSD];
        assert_eq!(tests(&region(&code, &Options::default())).len(), 1);
        let single = Options { float_tests: FloatTests::Single, ..Options::default() };
        assert_eq!(tests(&region(&code, &single)).len(), 3);
    }

    #[test]
    fn the_test_comes_before_what_changes_in_place() {
        let system = region(&[&ADDSD, &SYSCALL], &Options::default());
        let writes = places(&system, |inst| matches!(inst, Inst::Write(..)));
        assert!(!writes.is_empty() && tests(&system).iter().all(|test| *test < writes[0]), "{system}");
        let unit = region(&[&ADDSD, &FLD1, &ADDSD], &Options::default());
        let calls = places(&unit, |inst| matches!(inst, Inst::HelpX87(..)));
        let [first, refused, last] = tests(&unit)[..] else { panic!("{unit}") };
        assert!(first < calls[0] && calls[0] < refused && refused < last, "{unit}");
    }

    #[test]
    fn helpers_are_a_choice() {
        // pdep eax,eax,eax; crc32 eax,eax; aesenc; pcmpistri; pclmulqdq; sha1msg1; fld1
        let codes: [&[u8]; 7] = [
            &[0xc4, 0xe2, 0x7b, 0xf5, 0xc0],
            &[0xf2, 0x0f, 0x38, 0xf1, 0xc0],
            &[0x66, 0x0f, 0x38, 0xdc, 0xc1],
            &[0x66, 0x0f, 0x3a, 0x63, 0xc1, 0],
            &[0x66, 0x0f, 0x3a, 0x44, 0xc1, 0],
            &[0x0f, 0x38, 0xc9, 0xc1],
            &FLD1,
        ];
        let left = Options { helpers: Helpers::Left, ..Options::default() };
        for code in codes {
            let insn = x86::decode(code).unwrap();
            assert!(!leaves(&insn, &Options::default()) && leaves(&insn, &left), "{code:x?}");
        }
    }
}

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
//! Which numbers are *ordinary* is told in [`super::ordinary`].

use super::machine::Lifter;
use super::ordinary::Numbers;
use crate::ir::{Exit, ExitKind, FlagsAt, Inst, Reg, Value};
use runtime::translated::abi::ExitReason;
use x86::vector::float::FloatWidth::{F32, F64};
use x86::vector::float::mxcsr::{PE, QUICK, QUICK_BITS};
use x86::{Arith, BinOp, Compare, Width};

/// Instructions that have not taken effect yet.
#[derive(Debug)]
pub(super) struct Group {
    offset: i64,
    retired: u32,
    flags: FlagsAt,
    sets: Vec<(Reg, Value)>,
    pub(super) numbers: Vec<Numbers>,
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
    pub(super) fn group(&mut self) -> &mut Group {
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
        if let Some(found) = self.found(&group) {
            let usual = self.imm(if group.rounds { QUICK.into() } else { 0 });
            let odd = self.compare(Compare::Ne, Width::W32, found, usual);
            let holds = self.all_hold(&group, found);
            let fails = self.not(holds);
            let condition = self.both(odd, fails);
            self.builder.push(Inst::ExitIf { condition, exit });
        }
        for (reg, value) in group.sets {
            self.builder.push(Inst::Set(reg, value));
        }
    }

    /// Which lanes have a number that is not ordinary, and where results are rounded what MXCSR says: that has none of the four
    /// bits of lanes.
    fn found(&mut self, group: &Group) -> Option<Value> {
        let mut words = Vec::new();
        for w in [F32, F64] {
            words.extend(self.odd_lanes(w, &group.numbers));
        }
        if group.rounds {
            let mxcsr = self.builder.get(Reg::MXCSR);
            words.push(self.and_imm(mxcsr, QUICK_BITS.into()));
        }
        words.into_iter().reduce(|a, b| self.bin(BinOp::Or, Width::W64, a, b))
    }

    /// Whether each operation's own test holds. MXCSR is taken from what was found: what a loop does not change an engine would look at
    /// before it, and keep in registers though it is seldom asked for.
    fn all_hold(&mut self, group: &Group, found: Value) -> Value {
        let mut conditions = group.conditions.clone();
        if group.rounds {
            // A shift, since a mask would give MXCSR again.
            let lowest = QUICK_BITS.trailing_zeros();
            let shift = self.imm(lowest.into());
            let mode = self.bin(BinOp::Shr, Width::W64, found, shift);
            let (common, clear) = (self.imm((QUICK >> lowest).into()), self.imm(((QUICK & !PE) >> lowest).into()));
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

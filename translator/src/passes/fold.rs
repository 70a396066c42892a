//! Constant folding and algebra, applied while a block is built: the constructors of IR values.
//!
//! Rules hold for every input; they use which bits of a value may be set ([`Region::possible`]), so that partial
//! registers, 32-bit results and flags taken from a word cost what they must and no more. Products whose high half the
//! engine lacks, and byte reversal, are expanded here.
//!
//! [`Region::possible`]: crate::ir::Region::possible

use super::quotient::HighHalf;
use crate::ir::{Builder, Inst, Value};
use x86::{BinOp, Compare, UnOp, Width, plain};

impl Builder<'_> {
    fn known(&self, value: Value) -> Option<u64> {
        self.region.constant(value)
    }

    fn known_bool(&self, value: Value) -> Option<bool> {
        match self.region.inst(value) {
            Inst::ConstBool(known) => Some(*known),
            _ => None,
        }
    }

    /// A truth constant.
    pub fn truth(&mut self, value: bool) -> Value {
        self.push(Inst::ConstBool(value))
    }

    /// `a op b` at width `w`.
    pub fn bin(&mut self, op: BinOp, w: Width, a: Value, b: Value) -> Value {
        if let (Some(x), Some(y)) = (self.known(a), self.known(b)) {
            return self.constant(plain::bin(op, w, x, y));
        }
        let commutes = matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor);
        let (a, b) = if commutes && self.known(a).is_some() { (b, a) } else { (a, b) };
        match (op, self.known(b)) {
            (BinOp::Add, Some(constant)) => self.add_constant(w, a, constant),
            (BinOp::Sub, Some(constant)) => self.add_constant(w, a, constant.wrapping_neg() & w.mask()),
            (BinOp::And, Some(mask)) => self.mask(a, mask),
            (BinOp::Or | BinOp::Xor, Some(0)) => a,
            (BinOp::Mul, Some(1)) | (BinOp::DivUnsigned | BinOp::DivSigned, Some(1)) => a,
            (BinOp::Mul | BinOp::MulHighUnsigned | BinOp::MulHighSigned, Some(0)) => self.constant(0),
            (BinOp::Shl | BinOp::Shr | BinOp::Sar | BinOp::Rotl | BinOp::Rotr, Some(0)) => a,
            (BinOp::And | BinOp::Or, _) if a == b => a,
            (BinOp::Xor | BinOp::Sub, _) if a == b => self.constant(0),
            (BinOp::MulHighUnsigned | BinOp::MulHighSigned, _) if w == Width::W64 => self.high_product(op, a, b),
            _ => match self.as_quotient(op, w, a, b) {
                Some(quotient) => quotient,
                None => self.push(Inst::Bin(op, w, a, b)),
            },
        }
    }

    fn as_quotient(&mut self, op: BinOp, w: Width, a: Value, b: Value) -> Option<Value> {
        match (op, self.known(b)) {
            _ if w != Width::W64 => None,
            (BinOp::Shr, Some(count)) => self.quotient(a, count as u32),
            (BinOp::Sub, _) => self.signed_quotient(a, b),
            (BinOp::Add, _) => match self.signed_quotient_of_sum(a, b) {
                None => self.signed_quotient_of_sum(b, a),
                quotient => quotient,
            },
            _ => None,
        }
    }

    fn add_constant(&mut self, w: Width, a: Value, constant: u64) -> Value {
        if constant == 0 {
            return a;
        }
        if let Inst::Bin(BinOp::Add, inner, x, y) = *self.region.inst(a)
            && inner == w
            && let Some(first) = self.known(y)
        {
            return self.add_constant(w, x, first.wrapping_add(constant) & w.mask());
        }
        let constant = self.constant(constant);
        self.push(Inst::Bin(BinOp::Add, w, a, constant))
    }

    /// `a` and a constant mask.
    fn mask(&mut self, a: Value, mask: u64) -> Value {
        let possible = self.region.possible(a);
        if possible & mask == 0 {
            return self.constant(0);
        }
        if possible & !mask == 0 {
            return a;
        }
        if let Inst::Bin(BinOp::Add, w, x, y) = *self.region.inst(a)
            && self.known(y).is_some_and(|constant| constant & mask == 0)
            && mask & mask.wrapping_add(1) == 0
        {
            // What is added changes none of the low bits. 8 and 16 bits have no operand that is wider.
            return self.mask(x, mask & w.mask());
        }
        if let Inst::Bin(op @ (BinOp::And | BinOp::Or), _, x, y) = *self.region.inst(a) {
            match (op, self.known(y)) {
                (BinOp::And, Some(first)) => return self.mask(x, first & mask),
                (BinOp::Or, _) if self.region.possible(x) & mask == 0 => return self.mask(y, mask),
                (BinOp::Or, _) if self.region.possible(y) & mask == 0 => return self.mask(x, mask),
                _ => {}
            }
        }
        let mask = self.constant(mask);
        self.push(Inst::Bin(BinOp::And, Width::W64, a, mask))
    }

    /// `op a` at width `w`.
    pub fn un(&mut self, op: UnOp, w: Width, a: Value) -> Value {
        if let Some(known) = self.known(a) {
            return self.constant(plain::un(op, w, known));
        }
        match op {
            UnOp::Truncate => self.mask(a, w.mask()),
            UnOp::SignExtend if w == Width::W64 || self.region.possible(a) < w.sign() => a,
            UnOp::Bswap => self.reversed(w, a),
            _ => self.push(Inst::Un(op, w, a)),
        }
    }

    /// `a op b` at width `w`.
    pub fn compare(&mut self, op: Compare, w: Width, a: Value, b: Value) -> Value {
        if let (Some(x), Some(y)) = (self.known(a), self.known(b)) {
            return self.truth(plain::compare(op, w, x, y));
        }
        if a == b {
            return self.truth(matches!(op, Compare::Eq | Compare::LeUnsigned | Compare::LeSigned));
        }
        if matches!(op, Compare::Eq | Compare::Ne) && self.known(b) == Some(0) {
            return self.compare_zero(op == Compare::Eq, w, a);
        }
        self.push(Inst::Compare(op, w, a, b))
    }

    /// Whether `a` is 0, or is not.
    fn compare_zero(&mut self, zero: bool, w: Width, a: Value) -> Value {
        match *self.region.inst(a) {
            Inst::Int(truth) if zero => return self.not(truth),
            Inst::Int(truth) => return truth,
            Inst::Bin(BinOp::Shl, _, x, count) if self.loses_nothing(w, x, count) => {
                return self.compare_zero(zero, w, x);
            }
            _ => {}
        }
        let op = if zero { Compare::Eq } else { Compare::Ne };
        let none = self.constant(0);
        self.push(Inst::Compare(op, w, a, none))
    }

    fn loses_nothing(&self, w: Width, x: Value, count: Value) -> bool {
        self.known(count).is_some_and(|count| {
            let mask = self.region.possible(x);
            (mask << (count & 63)) & w.mask() == mask.wrapping_shl(count as u32) && mask.leading_zeros() >= count as u32
        })
    }

    /// 1 for true, 0 for false.
    pub fn int(&mut self, truth: Value) -> Value {
        match self.known_bool(truth) {
            Some(known) => self.constant(known.into()),
            None => self.push(Inst::Int(truth)),
        }
    }

    /// `then` where `condition` holds, else `other`.
    pub fn select(&mut self, condition: Value, then: Value, other: Value) -> Value {
        match self.known_bool(condition) {
            Some(true) => then,
            Some(false) => other,
            None if then == other => then,
            None => self.push(Inst::Select(condition, then, other)),
        }
    }

    /// Negation.
    pub fn not(&mut self, truth: Value) -> Value {
        match *self.region.inst(truth) {
            Inst::ConstBool(known) => self.truth(!known),
            Inst::Not(inner) => inner,
            Inst::Compare(op, w, a, b) => {
                let (op, a, b) = match op {
                    Compare::Eq => (Compare::Ne, a, b),
                    Compare::Ne => (Compare::Eq, a, b),
                    Compare::LtUnsigned => (Compare::LeUnsigned, b, a),
                    Compare::LeUnsigned => (Compare::LtUnsigned, b, a),
                    Compare::LtSigned => (Compare::LeSigned, b, a),
                    Compare::LeSigned => (Compare::LtSigned, b, a),
                };
                self.push(Inst::Compare(op, w, a, b))
            }
            Inst::Both(a, b) => {
                let (a, b) = (self.not(a), self.not(b));
                self.either(a, b)
            }
            Inst::Either(a, b) => {
                let (a, b) = (self.not(a), self.not(b));
                self.both(a, b)
            }
            _ => self.push(Inst::Not(truth)),
        }
    }

    /// Conjunction.
    pub fn both(&mut self, a: Value, b: Value) -> Value {
        match (self.known_bool(a), self.known_bool(b)) {
            (Some(false), _) | (_, Some(true)) => a,
            (Some(true), _) | (_, Some(false)) => b,
            _ => self.push(Inst::Both(a, b)),
        }
    }

    /// Disjunction.
    pub fn either(&mut self, a: Value, b: Value) -> Value {
        match (self.known_bool(a), self.known_bool(b)) {
            (Some(true), _) | (_, Some(false)) => a,
            (Some(false), _) | (_, Some(true)) => b,
            _ => self.push(Inst::Either(a, b)),
        }
    }

    fn bin64(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        self.bin(op, Width::W64, a, b)
    }

    fn bin64_constant(&mut self, op: BinOp, a: Value, constant: u64) -> Value {
        let constant = self.constant(constant);
        self.bin(op, Width::W64, a, constant)
    }

    /// High half of the 128-bit product.
    fn high_product(&mut self, op: BinOp, a: Value, b: Value) -> Value {
        let (a, b) = if self.known(a).is_some() { (b, a) } else { (a, b) };
        let signed = op == BinOp::MulHighSigned;
        let high = match signed {
            _ if self.region.wide_products => self.push(Inst::Bin(op, Width::W64, a, b)),
            false => self.high_product_of_halves(a, b),
            true => self.high_product_signed(a, b),
        };
        match self.known(b) {
            Some(factor) => {
                self.is_high_half(high, HighHalf { signed, operand: a, factor });
                self.quotient(high, 0).unwrap_or(high)
            }
            None => high,
        }
    }

    /// The unsigned one by four products of halves (Knuth, volume 2, 4.3.1, algorithm M). Operands are in the order in which the
    /// result waits for them: engines begin with the first, and processors multiply one at a time.
    fn high_product_of_halves(&mut self, a: Value, b: Value) -> Value {
        use BinOp::{Add, And, Mul, Shr};
        let half = 0xffff_ffff;
        let (a0, a1) = (self.bin64_constant(And, a, half), self.bin64_constant(Shr, a, 32));
        let (b0, b1) = (self.bin64_constant(And, b, half), self.bin64_constant(Shr, b, 32));
        let low = self.bin64(Mul, a0, b0);
        let low = self.bin64_constant(Shr, low, 32);
        let first = self.bin64(Mul, a1, b0);
        let first = self.bin64(Add, low, first);
        let rest = self.bin64_constant(And, first, half);
        let second = self.bin64(Mul, a0, b1);
        let second = self.bin64(Add, rest, second);
        let carried = self.bin64_constant(Shr, first, 32);
        let high = self.bin64(Mul, a1, b1);
        let high = self.bin64(Add, carried, high);
        let carried = self.bin64_constant(Shr, second, 32);
        self.bin64(Add, carried, high)
    }

    /// The signed one is the unsigned one less each operand where the other is negative.
    fn high_product_signed(&mut self, a: Value, b: Value) -> Value {
        use BinOp::{And, Sar, Sub};
        let mut high = self.high_product_of_halves(a, b);
        for (x, y) in [(a, b), (b, a)] {
            let sign = self.bin64_constant(Sar, x, 63);
            let part = self.bin64(And, sign, y);
            high = self.bin64(Sub, high, part);
        }
        high
    }

    /// Bytes in reverse order: neighbours of 1, 2 and 4 bytes change places.
    fn reversed(&mut self, w: Width, a: Value) -> Value {
        let mut value = a;
        let steps: &[(u64, u64)] = &[(8, 0x00ff_00ff_00ff_00ff), (16, 0x0000_ffff_0000_ffff), (32, 0xffff_ffff)];
        for &(count, low) in steps.iter().take(w as usize) {
            let up = self.bin64_constant(BinOp::And, value, low & w.mask());
            let up = self.bin64_constant(BinOp::Shl, up, count);
            let down = self.bin64_constant(BinOp::Shr, value, count);
            let down = self.bin64_constant(BinOp::And, down, low & w.mask());
            value = self.bin64(BinOp::Or, up, down);
        }
        value
    }
}

//! Truth values and comparisons, as i32. A comparison is made at 32 bits where both sides fit.

use super::emit::Emitter;
use crate::ir::{Inst, Value};
use anyhow::{Result, bail};
use x86::{Compare, Width};

impl Emitter<'_> {
    /// Puts a truth value on the stack.
    pub(super) fn truth(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.get_local(local);
            return Ok(());
        }
        match *self.region.inst(value) {
            Inst::ConstBool(known) => drop(self.op().i32_const(known.into())),
            Inst::Compare(op, w, a, b) => self.comparison(op, w, a, b)?,
            Inst::Not(a) => {
                self.truth(a)?;
                self.op().i32_eqz();
            }
            Inst::Both(a, b) => {
                self.truth(a)?;
                self.truth(b)?;
                self.op().i32_and();
            }
            Inst::Either(a, b) => {
                self.truth(a)?;
                self.truth(b)?;
                self.op().i32_or();
            }
            Inst::Probe { access, address, span } => self.probe(access, address, span)?,
            Inst::FloatCompare(predicate, w, a, b) => self.float_comparison(predicate, w, a, b)?,
            ref other => bail!("{other:?} is no truth value"),
        }
        Ok(())
    }

    fn comparison(&mut self, op: Compare, w: Width, a: Value, b: Value) -> Result<()> {
        let signed = matches!(op, Compare::LtSigned | Compare::LeSigned);
        let bits = self.region.possible(a) | self.region.possible(b);
        // At 64 bits, values without the sign bit of 32 compare alike signed and unsigned.
        let fits = if signed { bits < 1 << 31 } else { bits <= u32::MAX.into() };
        match w {
            Width::W64 if !fits => self.comparison64(op, a, b),
            Width::W8 | Width::W16 if signed => {
                self.narrow_signed(w, a)?;
                self.narrow_signed(w, b)?;
                self.operator32(op);
                Ok(())
            }
            _ => self.comparison32(op, a, b),
        }
    }

    fn comparison32(&mut self, op: Compare, a: Value, b: Value) -> Result<()> {
        self.narrow(a)?;
        if op == Compare::Eq && self.region.constant(b) == Some(0) {
            self.op().i32_eqz();
            return Ok(());
        }
        self.narrow(b)?;
        self.operator32(op);
        Ok(())
    }

    fn operator32(&mut self, op: Compare) {
        let mut sink = self.op();
        match op {
            Compare::Eq => sink.i32_eq(),
            Compare::Ne => sink.i32_ne(),
            Compare::LtUnsigned => sink.i32_lt_u(),
            Compare::LeUnsigned => sink.i32_le_u(),
            Compare::LtSigned => sink.i32_lt_s(),
            Compare::LeSigned => sink.i32_le_s(),
        };
    }

    fn comparison64(&mut self, op: Compare, a: Value, b: Value) -> Result<()> {
        self.wide(a)?;
        if op == Compare::Eq && self.region.constant(b) == Some(0) {
            self.op().i64_eqz();
            return Ok(());
        }
        self.wide(b)?;
        let mut sink = self.op();
        match op {
            Compare::Eq => sink.i64_eq(),
            Compare::Ne => sink.i64_ne(),
            Compare::LtUnsigned => sink.i64_lt_u(),
            Compare::LeUnsigned => sink.i64_le_u(),
            Compare::LtSigned => sink.i64_lt_s(),
            Compare::LeSigned => sink.i64_le_s(),
        };
        Ok(())
    }
}

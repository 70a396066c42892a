//! Calls of the runtime's helpers: see `runtime::translated::helpers`.

use super::emit::{Emitter, at};
use crate::ir::Value;
use anyhow::Result;
use runtime::translated::helpers::{Helper, Quick, Round};
use wasm_encoder::ValType;
use x86::integer::IntegerOp;
use x86::vector::LargeOp;

impl Emitter<'_> {
    fn call_helper(&mut self, helper: Helper) {
        let function = self.addresses.helpers[helper.number()];
        self.op().call(function);
    }

    pub(super) fn help_vector(&mut self, op: u32, operands: [Value; 3]) -> Result<()> {
        if let Some(round) = LargeOp::unpack(op).and_then(Round::of) {
            let [state, key, _] = operands;
            self.vector(state)?;
            self.call_helper(Helper::Aes(round));
            self.vector(key)?;
            self.op().v128_xor();
            return Ok(());
        }
        self.op().i32_const(op as i32);
        operands.into_iter().try_for_each(|operand| self.vector(operand))?;
        self.call_helper(Helper::Large);
        Ok(())
    }

    pub(super) fn help_integer(&mut self, op: u32, operands: [Value; 3]) -> Result<()> {
        if IntegerOp::unpack(op) == Some(IntegerOp::Quotient) {
            return self.quotient(op, operands);
        }
        self.op().i32_const(op as i32);
        operands.into_iter().try_for_each(|operand| self.wide(operand))?;
        self.call_helper(Helper::Integer);
        Ok(())
    }

    /// A quotient that fits: Wasm's, or the helper's where the dividend's high half is not 0.
    fn quotient(&mut self, op: u32, operands: [Value; 3]) -> Result<()> {
        let locals = operands.map(|_| self.scratch(ValType::I64));
        for (operand, local) in operands.into_iter().zip(locals) {
            self.wide(operand)?;
            self.set_local(local);
        }
        let [high, low, divisor] = locals;
        let by_helper = |this: &mut Self| {
            this.op().i32_const(op as i32).local_get(high).local_get(low).local_get(divisor);
            this.call_helper(Helper::Integer);
            this.set_local(low);
        };
        self.get_local(high);
        self.op().i64_const(0).i64_ne();
        self.either_seldom(by_helper, |this| {
            this.op().local_get(low).local_get(divisor).i64_div_u().local_set(low);
        });
        self.get_local(low);
        locals.into_iter().for_each(|local| self.give_back(ValType::I64, local));
        Ok(())
    }

    pub(super) fn help_x87(
        &mut self,
        value: Value,
        quick: Option<Quick>,
        form: u64,
        operands: [Value; 4],
    ) -> Result<()> {
        self.op().i64_const(form as i64);
        operands.into_iter().try_for_each(|operand| self.wide(operand))?;
        self.call_helper(quick.map_or(Helper::X87, Helper::X87Quick));
        let refused = self.hold(value);
        self.set_local(refused);
        Ok(())
    }

    pub(super) fn helped(&mut self, value: Value, half: u8) {
        let place = at(self.addresses.result + 8 * u32::from(half), 8);
        let local = self.hold(value);
        self.op().i32_const(0).i64_load(place).local_set(local);
    }
}

//! The abstract machine's arithmetic: that of [`x86::plain`].

use crate::vm::Vm;
use x86::plain;
use x86::{Arith, BinOp, Compare, UnOp, Width};

impl Arith for Vm {
    type Int = u64;
    type Bool = bool;

    #[inline(always)]
    fn imm(&mut self, value: u64) -> u64 {
        value
    }

    #[inline(always)]
    fn bin(&mut self, op: BinOp, w: Width, a: u64, b: u64) -> u64 {
        plain::bin(op, w, a, b)
    }

    #[inline(always)]
    fn un(&mut self, op: UnOp, w: Width, a: u64) -> u64 {
        plain::un(op, w, a)
    }

    #[inline(always)]
    fn compare(&mut self, op: Compare, w: Width, a: u64, b: u64) -> bool {
        plain::compare(op, w, a, b)
    }

    #[inline(always)]
    fn int(&mut self, b: bool) -> u64 {
        b.into()
    }

    #[inline(always)]
    fn select(&mut self, condition: bool, then: u64, other: u64) -> u64 {
        if condition { then } else { other }
    }

    #[inline(always)]
    fn not(&mut self, b: bool) -> bool {
        !b
    }

    #[inline(always)]
    fn both(&mut self, a: bool, b: bool) -> bool {
        a & b
    }

    #[inline(always)]
    fn either(&mut self, a: bool, b: bool) -> bool {
        a | b
    }
}

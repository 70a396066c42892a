//! Instruction bodies, a file for each group of the manual (SDM volume 1, chapter 5).

pub mod arith;
pub mod bits;
pub mod bmi;
pub mod control;
pub mod data;
pub mod flag_control;
pub mod muldiv;
pub mod shift;
pub mod sse;
pub mod stack;
pub mod strings;
pub mod system;

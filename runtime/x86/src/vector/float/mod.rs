//! Floating-point arithmetic under MXCSR, on the bits of numbers. SDM volume 1, chapters 4.8 to 4.9 and 11.5.

mod op;

pub use op::{FloatOp, FloatUnOp, FloatWidth, Predicate, RoundControl, Rounding};

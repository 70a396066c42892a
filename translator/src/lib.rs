//! The prelift command and the library behind it: image, discover, lift, lower, link.

pub mod ir;
pub mod lift;
pub mod lower;
pub mod passes;

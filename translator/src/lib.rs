//! The prelift command and the library behind it: image, discover, lift, lower, link.

pub mod image;
pub mod ir;
pub mod lift;
pub mod lower;
pub mod passes;

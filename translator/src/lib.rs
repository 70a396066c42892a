//! The prelift command and the library behind it: image, discover, lift, lower, link.

pub mod image;

//! The prelift command and the library behind it: image, discover, lift, lower, link.

pub mod cli;
pub mod discover;
pub mod engine;
pub mod image;
pub mod link;
pub mod setup;

//! The prelift command and the library behind it: image, discover, lift, lower, link.

pub mod cli;
pub mod compare;
pub mod convert;
pub mod discover;
pub mod engine;
pub mod image;
pub mod inspect;
pub mod ir;
pub mod lift;
pub mod link;
pub mod lower;
mod mapping;
pub mod passes;
pub mod setup;

pub use mapping::Mapping;

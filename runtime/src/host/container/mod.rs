//! What options say about the container beyond its program, in Docker's words.
//!
//! Each module parses the words of one kind of option into what init is told ([`channel`]). Docker's defaults are those of
//! [`channel::Confinement`].

pub mod capabilities;
pub mod limits;
pub mod memory;
pub mod mounts;
pub mod seccomp;

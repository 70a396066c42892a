//! Golden instruction cases, the processor that confirms them, and their runner.
//!
//! ```text
//!  rows/*.txt ──► row ──► Case + expected Outcome ─┐
//!  generate (seeded, from iced's Code table) ──► Case ─┴─► compare ◄── Executor: oracle (host processor),
//!                                                            │           interpreter, generated Wasm
//!                                              Report: counts, first mismatches as rows
//! ```
//!
//! A [`Case`] is a few bytes of user-mode machine code and a [`State`]; an [`Outcome`] says how it ended and with which state.
//! Whole programs are compared too: [`images`] converts an image and runs commands in it.
//! The row format is documented in [`row`]; what the manual leaves undefined is masked by [`undefined`].

pub mod case;
pub mod compare;
pub mod coverage;
pub mod differential;
pub mod fuzz;
pub mod generate;
pub mod images;
pub mod interpreter;
pub mod layout;
pub mod makers;
pub mod operand;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub mod oracle;
pub mod row;
pub mod seeds;
pub mod shrink;
pub mod state;
pub mod suite;
pub mod system;
pub mod undefined;
pub mod wasm;

pub use case::{Access, Case, End, Fault, Outcome};
pub use compare::{Executor, Report, compare};
pub use state::State;

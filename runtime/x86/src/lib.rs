//! x86-64 instruction semantics, written once over an abstract machine.
//!
//! ```text
//! bytes ── decode ──► Insn ── exec::<M: Machine> ──► body of the mnemonic ──► methods of M
//!                                                                        ├── interpreter: u64, u128, Err(fault)
//!                                                                        └── lifter: IR values
//! ```
//!
//! A *body* is a generic function over [`Machine`]. The interpreter instantiates it with plain integers and runs it; the
//! lifter instantiates it with IR values and records it. So nothing about an instruction is written twice.
//!
//! What the operations mean on plain integers is said once, too: [`plain`] for general-purpose registers, [`vector::eval`]
//! for XMM registers, [`vector::float`] for floating point under MXCSR. The interpreter calls these.
//!
//! Rules that every body keeps:
//! - everything that can fault happens before anything is written: a body that returns `Err` has changed no state (but
//!   MXCSR's flags, with #XM);
//! - integers are held zero-extended to 64 bits; an operation of [`Width`] `w` reads and gives values below 2^w;
//! - no Rust `if` on a guest value: that is [`Arith::select`], [`Machine::branch`], or [`Machine::rare`];
//! - operations that are large or rare are [`Machine::helper`]s: one function of the runtime that the interpreter calls
//!   and translated code calls too;
//! - an instruction without a body is [`Machine::undefined`], in both.

pub mod body;
pub mod decode;
pub mod exec;
pub mod flags;
pub mod insn;
pub mod integer;
pub mod level;
pub mod machine;
pub mod operands;
pub mod plain;
pub mod privileged;
pub mod vector;
pub mod width;

pub use decode::{decode, decode_for, decode_in};
pub use exec::exec;
pub use flags::{Condition, FlagOp, Flags};
pub use insn::{CodeMode, Gpr, Insn, Mem, Operand, Prefixes, Segment, Vex};
pub use level::Level;
pub use machine::{Arith, BinOp, Compare, Machine, UnOp};
pub use privileged::{Privileged, SystemRegister};
pub use vector::Vector;
pub use width::Width;

pub use iced_x86::{Code, Mnemonic};

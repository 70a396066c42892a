//! x86-64 instruction semantics, written once over an abstract machine.
